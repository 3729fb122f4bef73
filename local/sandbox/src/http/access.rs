//! What each operation requires of a token: a scope, and a privilege of its user.

use axum::http::Method;

use crate::world::Scope;

/// One operation of the API.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    pub scope: Option<Scope>,
    pub privilege: Option<&'static str>,
}

const READ: &str = "contacts:read";
const WRITE: &str = "contacts:write";
const LISTS_READ: &str = "contacts:lists:read";
const LISTS_WRITE: &str = "contacts:lists:write";

/// `None` for a method the route does not have.
pub fn needs(method: &Method, route: &str) -> Option<Needs> {
    let verb = method.as_str();
    let privilege = match (verb, route.strip_prefix("/v3")?) {
        ("GET", "/account/user/privileges") => {
            return Some(Needs {
                scope: None,
                privilege: None,
            });
        }
        ("GET", "/account/summary") => {
            return Some(Needs {
                scope: Some(Scope::AccountRead),
                privilege: Some("account:read"),
            });
        }
        ("GET", "/contact_lists" | "/contact_lists/{list_id}") => LISTS_READ,
        ("POST", "/contact_lists") => LISTS_WRITE,
        ("PUT" | "DELETE", "/contact_lists/{list_id}") => LISTS_WRITE,
        ("GET", "/contacts" | "/contacts/counts" | "/contacts/{contact_id}") => READ,
        ("GET", "/contact_custom_fields" | "/contact_tags") => READ,
        ("POST", "/contacts" | "/contacts/sign_up_form") => WRITE,
        ("PUT" | "DELETE", "/contacts/{contact_id}") => WRITE,
        ("PUT", "/contacts/resubscribe/{contact_id}") => WRITE,
        ("POST", "/contact_custom_fields" | "/contact_tags") => WRITE,
        ("GET", "/activities" | "/activities/{activity_id}") => WRITE,
        (
            "POST",
            "/activities/contacts_json_import"
            | "/activities/contacts_file_import"
            | "/activities/contacts_taggings_add"
            | "/activities/add_list_memberships",
        ) => WRITE,
        _ => return None,
    };
    Some(Needs {
        scope: Some(Scope::ContactData),
        privilege: Some(privilege),
    })
}
