use jiff::Timestamp;
use leadfeed_shared::app::admin::{ConnectionSummary, MadeLink};
use leadfeed_shared::domain::connection::{
    Connection, ConnectionStatus, LimitedReason, ReconnectReason,
};
use leadfeed_shared::domain::customer::{BulkImport, Customer};
use leadfeed_shared::domain::ids::{AppId, CustomerId, RemoteId};
use leadfeed_shared::domain::lead::WaitReason;
use leadfeed_shared::ports::Page;
use serde::Serialize;

#[derive(Serialize)]
pub struct CustomerView<'a> {
    customer_id: &'a CustomerId,
    name: &'a str,
    brand: &'a str,
    app_id: &'a AppId,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<&'a str>,
    return_hosts: &'a [String],
    bulk_import: BulkImport,
    retention_days: u16,
    created_at: Timestamp,
}

pub fn customer(customer: &Customer) -> CustomerView<'_> {
    CustomerView {
        customer_id: &customer.id,
        name: &customer.name,
        brand: &customer.brand,
        app_id: &customer.app,
        return_url: customer.return_url.as_deref(),
        return_hosts: &customer.return_hosts,
        bulk_import: customer.bulk_import,
        retention_days: customer.retention_days,
        created_at: customer.created_at,
    }
}

/// A customer with the state of its connection.
#[derive(Serialize)]
struct ListedView<'a> {
    #[serde(flatten)]
    customer: CustomerView<'a>,
    connection: SummaryView,
}

#[derive(Serialize)]
struct SummaryView {
    #[serde(flatten)]
    status: StatusView,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<WaitReason>,
}

/// The state of a connection.
#[derive(Serialize, Default)]
pub struct StatusView {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
}

#[derive(Serialize)]
pub struct CustomersView<'a> {
    customers: Vec<ListedView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

pub fn customers(page: &Page<(Customer, ConnectionSummary)>) -> CustomersView<'_> {
    CustomersView {
        customers: page.items.iter().map(listed).collect(),
        next_cursor: page.next.as_deref(),
    }
}

fn listed((customer, summary): &(Customer, ConnectionSummary)) -> ListedView<'_> {
    ListedView {
        customer: self::customer(customer),
        connection: self::summary(summary),
    }
}

fn summary(summary: &ConnectionSummary) -> SummaryView {
    let (status, blocked) = match summary {
        ConnectionSummary::NotConnected => {
            (status_only("not_connected"), Some(WaitReason::NotConnected))
        }
        ConnectionSummary::Unreadable => (status_only("unreadable"), None),
        ConnectionSummary::Connected { status, blocked } => (self::status(status), *blocked),
    };
    SummaryView { status, blocked }
}

pub fn status(status: &ConnectionStatus) -> StatusView {
    match status {
        ConnectionStatus::Active => status_only("active"),
        ConnectionStatus::Limited { reason } => StatusView {
            reason: Some(Reason::Limited(*reason)),
            ..status_only("limited")
        },
        ConnectionStatus::NeedsReconnect { reason, since } => StatusView {
            reason: Some(Reason::Reconnect(*reason)),
            since: Some(*since),
            ..status_only("needs_reconnect")
        },
        ConnectionStatus::Disconnected => status_only("disconnected"),
    }
}

fn status_only(status: &'static str) -> StatusView {
    StatusView {
        status,
        ..StatusView::default()
    }
}

#[derive(Serialize)]
pub struct LinkView<'a> {
    url: &'a str,
    expires_at: Timestamp,
}

pub fn link(link: &MadeLink) -> LinkView<'_> {
    LinkView {
        url: &link.url,
        expires_at: link.expires_at,
    }
}

#[derive(Serialize, Default)]
pub struct ConnectionView<'a> {
    #[serde(flatten)]
    status: StatusView,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a AppId>,
    lists: Vec<ListView<'a>>,
    available_lists: Vec<ListView<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_lists: Vec<ListView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed_opt_in: Option<bool>,
    custom_fields: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms_accepted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms_accepted_from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Reason {
    Limited(LimitedReason),
    Reconnect(ReconnectReason),
}

#[derive(Serialize)]
struct AccountView<'a> {
    id: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct ListView<'a> {
    list_id: &'a RemoteId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

pub fn connection(connection: Option<&Connection>) -> ConnectionView<'_> {
    let Some(connection) = connection else {
        return ConnectionView {
            status: status_only("not_connected"),
            ..ConnectionView::default()
        };
    };
    let (catalog, terms) = (&connection.catalog, connection.terms.as_ref());
    let name_of = |id: &RemoteId| {
        let known = catalog.lists.iter().find(|list| list.id == *id);
        known.map(|list| list.name.as_str())
    };
    let chosen = |list_id| ListView {
        list_id,
        name: name_of(list_id),
    };
    ConnectionView {
        status: status(&connection.status),
        account: Some(AccountView {
            id: &connection.account.id,
            name: &connection.account.name,
        }),
        app_id: Some(&connection.app),
        lists: connection.lists.iter().map(chosen).collect(),
        available_lists: connection
            .existing_lists()
            .map(|list| chosen(&list.id))
            .collect(),
        missing_lists: connection.learned.lists_gone.iter().map(chosen).collect(),
        confirmed_opt_in: connection.learned.confirmed_opt_in.map(|seen| seen.on),
        custom_fields: catalog
            .custom_fields
            .iter()
            .map(|field| field.label.as_str())
            .collect(),
        terms_accepted_at: terms.map(|terms| terms.accepted_at),
        terms_accepted_from: terms.and_then(|terms| terms.ip.as_deref()),
        terms_text: terms.map(|terms| terms.text.as_str()),
        connected_at: Some(connection.connected_at),
    }
}
