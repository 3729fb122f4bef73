//! `/contacts`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::gateway::Caller;
use super::paging::Paging;
use super::params::Params;
use super::views::{self, EVERYTHING, Include};
use crate::contract::{self, Id, NewContact, Resubscribe, SignUp, UpdatedContact};
use crate::lab::Shared;
use crate::world::{self, Action, ContactQuery, Page, Refusal, Span, StatusFilter};

/// Reads a JSON body of our contract.
pub fn json_body<'a, T: Deserialize<'a>>(
    headers: &HeaderMap,
    body: &'a Bytes,
) -> Result<T, Refusal> {
    require_json(headers)?;
    contract::parse(body).map_err(broken)
}

pub fn broken(contract::Violation(why): contract::Violation) -> Refusal {
    Refusal::BrokenContract(why)
}

pub fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    match media_type {
        Some(kind) if kind.trim().eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Refusal::UnsupportedMediaType),
    }
}

pub fn path_id(name: &str, text: &str) -> Result<Uuid, Refusal> {
    let id: Result<Id, _> = text.parse();
    id.map(|id| id.0)
        .map_err(|_| Refusal::NotFound(format!("{name} is in an invalid format.")))
}

/// A contact being written; another write to it is refused until this one is answered.
struct Held<'a> {
    shared: &'a Shared,
    account: usize,
    contact: String,
}

impl<'a> Held<'a> {
    fn take(shared: &'a Shared, account: usize, contact: &str) -> Result<Self, Refusal> {
        let contact = contact.to_ascii_lowercase();
        shared.lab().world.hold(account, &contact)?;
        Ok(Self {
            shared,
            account,
            contact,
        })
    }

    /// Keeps the hold for as long as a write takes.
    async fn finish(self) {
        let ms = self.shared.lab().settings.contact_write_ms;
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.shared.lab().world.release(self.account, &self.contact);
    }
}

/// What a known contact is held by: its address, as a sign-up would name it.
fn hold_key(shared: &Shared, account: usize, id: Uuid) -> String {
    let lab = shared.lab();
    let contact = lab.world.accounts[account].contact(id);
    contact
        .and_then(|contact| contact.email.clone())
        .unwrap_or_else(|| id.to_string())
}

pub async fn sign_up(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: SignUp = json_body(&headers, &body)?;
    let account = caller.seat.account;
    let sms = input
        .sms_channel
        .as_ref()
        .map(|sms| sms.sms_address.as_str());
    let key = input.email_address.as_deref().or(sms).unwrap_or_default();
    let held = Held::take(&shared, account, key)?;
    let done = shared.now(|world, context| world.sign_up(account, &input, context))?;
    held.finish().await;
    let status = match done.action {
        Action::Created => StatusCode::CREATED,
        Action::Updated => StatusCode::OK,
    };
    answer::with_status(status, &done)
}

pub async fn create(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: NewContact = json_body(&headers, &body)?;
    let account = caller.seat.account;
    let email = world::email_of(&input)?;
    let held = match &email {
        Some(email) => Some(Held::take(&shared, account, email.as_str())?),
        None => None,
    };
    let view = shared.now(|world, context| {
        let contact = world.create_contact(account, &input, context)?;
        Ok::<_, Refusal>(views::contact(contact, &EVERYTHING))
    })?;
    if let Some(held) = held {
        held.finish().await;
    }
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn update(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let id = path_id("contact_id", &id)?;
    let input: UpdatedContact = json_body(&headers, &body)?;
    let account = caller.seat.account;
    let held = Held::take(&shared, account, &hold_key(&shared, account, id))?;
    let view = shared.now(|world, context| {
        let contact = world.update_contact(account, id, &input, context)?;
        Ok::<_, Refusal>(views::contact(contact, &EVERYTHING))
    })?;
    held.finish().await;
    answer::ok(&view)
}

pub async fn resubscribe(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let id = path_id("contact_id", &id)?;
    let input: Resubscribe = json_body(&headers, &body)?;
    let account = caller.seat.account;
    let held = Held::take(&shared, account, &hold_key(&shared, account, id))?;
    shared.now(|world, context| world.resubscribe(account, id, &input, context))?;
    held.finish().await;
    answer::empty()
}

pub async fn delete(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = path_id("contact_id", &id)?;
    shared.now(|world, context| world.delete_contact(caller.seat.account, id, context))?;
    answer::no_content()
}

pub async fn get(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let id = path_id("contact_id", &id)?;
    let include = Params::of_query(query.as_deref(), &["include"])?.words("include")?;
    let view = shared.now(|world, _| {
        let contact = world.accounts[caller.seat.account].contact(id);
        contact.map(|contact| views::contact(contact, &include))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The contact was not found.".into()))?)
}

/// What a search goes by; the vendor's other parameters are outside this sandbox's world.
const FILTERS: [&str; 12] = [
    "status",
    "email",
    "lists",
    "tags",
    "updated_after",
    "updated_before",
    "created_after",
    "created_before",
    "optout_after",
    "optout_before",
    "include",
    "include_count",
];

pub async fn list(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let paging = Paging::read(query.as_deref(), "/v3/contacts", 500, &FILTERS)?;
    let include: Vec<Include> = paging.filters.words("include")?;
    let with_count = paging.filters.flag("include_count")?;
    let query = query_of(&paging.filters)?;
    let view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        let page = Page::of(account.matching(&query), paging.start, paging.limit);
        let contacts = page
            .items
            .iter()
            .map(|contact| views::contact(contact, &include));
        let mut view = json!({
            "contacts": contacts.collect::<Vec<_>>(),
            "_links": paging.links(page.next),
        });
        if with_count {
            view["contacts_count"] = json!(account.matching(&query).count());
        }
        view
    });
    answer::ok(&view)
}

fn query_of(params: &Params) -> Result<ContactQuery, Refusal> {
    let span = |after, before| {
        Ok::<_, Refusal>(Span {
            after: params.time(after)?,
            before: params.time(before)?,
        })
    };
    let ids = |name, max| {
        let ids: Vec<Id> = params.items(name, max)?;
        Ok::<_, Refusal>(ids.into_iter().map(|id| id.0).collect())
    };
    Ok(ContactQuery {
        statuses: params.words::<StatusFilter>("status")?,
        email: params.get("email").map(str::to_owned),
        lists: ids("lists", 25)?,
        tags: ids("tags", 50)?,
        updated: span("updated_after", "updated_before")?,
        created: span("created_after", "created_before")?,
        opted_out: span("optout_after", "optout_before")?,
    })
}

pub async fn counts(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    use crate::contract::Permission;
    Params::of_query(query.as_deref(), &[])?;
    let view = shared.now(|world, _| {
        let contacts = world.accounts[caller.seat.account].contacts();
        let alive = || {
            contacts
                .iter()
                .filter(|contact| contact.deleted_at.is_none())
        };
        let with = |permission| alive().filter(|c| c.permission == permission).count();
        json!({
            "total": alive().count(),
            "explicit": with(Permission::Explicit),
            "implicit": with(Permission::Implicit),
            "pending": with(Permission::PendingConfirmation),
            "unsubscribed": with(Permission::Unsubscribed),
        })
    });
    answer::ok(&view)
}
