//! The routing table: which request is which operation. A test checks it against `docs/openapi.yaml`.

use lambda_http::http::Method;

/// The operations of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    ListCustomers,
    PutCustomer,
    GetCustomer,
    DeleteCustomer,
    MakeConnectLink,
    MakeManageLink,
    RevokeManageLinks,
    GetConnection,
    Disconnect,
    CreateForm,
    ListForms,
    GetForm,
    ChangeForm,
    DeleteForm,
    RotateWebhook,
    ListLeads,
    GetLead,
    EraseLead,
    ExportLeads,
    ReplayLeads,
    ErasePerson,
    FindPerson,
    CountLeads,
    ReleaseLead,
    GetReceipt,
    Suppress,
    Unsuppress,
    ListSuppressions,
    PutApp,
    GetBudget,
    GetHealth,
}

/// Method, path and operation. A path has at most one parameter, in braces.
pub const ROUTES: [(Method, &str, Operation); 31] = {
    use Operation::*;
    [
        (Method::GET, "/v1/customers", ListCustomers),
        (Method::PUT, "/v1/customers/{customer_id}", PutCustomer),
        (Method::GET, "/v1/customers/{customer_id}", GetCustomer),
        (
            Method::DELETE,
            "/v1/customers/{customer_id}",
            DeleteCustomer,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/connect-links",
            MakeConnectLink,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/manage-links",
            MakeManageLink,
        ),
        (
            Method::DELETE,
            "/v1/customers/{customer_id}/manage-links",
            RevokeManageLinks,
        ),
        (
            Method::GET,
            "/v1/customers/{customer_id}/connection",
            GetConnection,
        ),
        (
            Method::DELETE,
            "/v1/customers/{customer_id}/connection",
            Disconnect,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/forms",
            CreateForm,
        ),
        (Method::GET, "/v1/customers/{customer_id}/forms", ListForms),
        (Method::GET, "/v1/forms/{form_id}", GetForm),
        (Method::PATCH, "/v1/forms/{form_id}", ChangeForm),
        (Method::DELETE, "/v1/forms/{form_id}", DeleteForm),
        (
            Method::POST,
            "/v1/forms/{form_id}/webhook-rotations",
            RotateWebhook,
        ),
        (Method::GET, "/v1/customers/{customer_id}/leads", ListLeads),
        (
            Method::GET,
            "/v1/customers/{customer_id}/leads.csv",
            ExportLeads,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/replays",
            ReplayLeads,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/erasures",
            ErasePerson,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/people",
            FindPerson,
        ),
        (
            Method::GET,
            "/v1/customers/{customer_id}/counts",
            CountLeads,
        ),
        (Method::GET, "/v1/leads/{lead_id}", GetLead),
        (Method::DELETE, "/v1/leads/{lead_id}", EraseLead),
        (Method::POST, "/v1/leads/{lead_id}/releases", ReleaseLead),
        (Method::GET, "/v1/leads/{lead_id}/receipt", GetReceipt),
        (
            Method::POST,
            "/v1/customers/{customer_id}/suppressions",
            Suppress,
        ),
        (
            Method::GET,
            "/v1/customers/{customer_id}/suppressions",
            ListSuppressions,
        ),
        (
            Method::POST,
            "/v1/customers/{customer_id}/suppression-removals",
            Unsuppress,
        ),
        (Method::PUT, "/v1/apps/{app_id}", PutApp),
        (Method::GET, "/v1/budget", GetBudget),
        (Method::GET, "/v1/health", GetHealth),
    ]
};

/// The result of routing a method and a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Matched<'p> {
    /// An operation, with the id in the path (empty if the path has none).
    Operation(Operation, &'p str),
    /// The path exists, but only with these methods.
    OtherMethods(String),
    /// No such path.
    Nothing,
}

/// Finds the operation.
#[must_use]
pub fn find<'p>(method: &Method, path: &'p str) -> Matched<'p> {
    let mut others = Vec::new();
    for (known, template, operation) in &ROUTES {
        match match_path(template, path) {
            Some(id) if known == method => return Matched::Operation(*operation, id),
            Some(_) => others.push(known.as_str()),
            None => {}
        }
    }
    if others.is_empty() {
        Matched::Nothing
    } else {
        Matched::OtherMethods(others.join(", "))
    }
}

/// The part of `path` where `template` has its parameter, if the rest matches.
fn match_path<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let mut id = "";
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(id),
            (Some(open), Some(segment)) if open.starts_with('{') && !segment.is_empty() => {
                id = segment;
            }
            (Some(fixed), Some(segment)) if fixed == segment => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_path_select_the_operation() {
        let found = |method, path| find(&method, path);

        assert_eq!(
            found(Method::GET, "/v1/customers"),
            Matched::Operation(Operation::ListCustomers, "")
        );
        assert_eq!(
            found(Method::DELETE, "/v1/customers/engines/connection"),
            Matched::Operation(Operation::Disconnect, "engines")
        );
        assert_eq!(
            found(Method::POST, "/v1/customers/engines/connection"),
            Matched::OtherMethods("GET, DELETE".into())
        );
        for path in [
            "/",
            "/v1",
            "/v1/customers/",
            "/v1/customers/a/b",
            "/v1/leads//x",
            "v1/budget",
        ] {
            assert_eq!(found(Method::GET, path), Matched::Nothing, "{path}");
        }
    }
}
