//! `/contacts`.

use axum::http::StatusCode;
use serde_json::json;
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::answer::{self, Answer};
use super::call::Call;
use super::params::Params;
use super::views::{self, ALL_INCLUDES, Include};
use crate::contract::{Id, NewContact, Resubscribe, SignUp, UpdatedContact};
use crate::world::{self, Action, ContactQuery, Page, Refusal, Span, StatusFilter};

/// A contact being written; other writes to it are refused until this one is answered.
struct ContactLock<'a> {
    call: &'a Call,
    contact: String,
}

impl<'a> ContactLock<'a> {
    fn acquire(call: &'a Call, contact: &str) -> Result<Self, Refusal> {
        let contact = contact.to_ascii_lowercase();
        call.shared
            .lab()
            .world
            .lock_contact(call.seat.account, &contact)?;
        Ok(Self { call, contact })
    }

    /// A known contact is locked by its address, as a sign-up would name it.
    fn acquire_by_id(call: &'a Call, id: Uuid) -> Result<Self, Refusal> {
        let email = {
            let lab = call.shared.lab();
            let contact = lab.world.accounts[call.seat.account].contact(id);
            contact.and_then(|contact| contact.email.clone())
        };
        Self::acquire(call, &email.unwrap_or_else(|| id.to_string()))
    }

    /// Keeps the lock for as long as a write takes.
    async fn finish(self) {
        let ms = self.call.shared.lab().settings.contact_write_ms;
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
    }
}

impl Drop for ContactLock<'_> {
    fn drop(&mut self) {
        let account = self.call.seat.account;
        self.call
            .shared
            .lab()
            .world
            .unlock_contact(account, &self.contact);
    }
}

pub async fn sign_up(call: Call) -> Answer {
    let input: SignUp = call.json()?;
    let account = call.seat.account;
    let sms = input
        .sms_channel
        .as_ref()
        .map(|sms| sms.sms_address.as_str());
    let key = input.email_address.as_deref().or(sms).unwrap_or_default();
    let lock = ContactLock::acquire(&call, key)?;
    let done = call
        .shared
        .with_world(|world, context| world.sign_up(account, &input, context))?;
    lock.finish().await;
    let status = match done.action {
        Action::Created => StatusCode::CREATED,
        Action::Updated => StatusCode::OK,
    };
    answer::with_status(status, &done)
}

pub async fn create(call: Call) -> Answer {
    let input: NewContact = call.json()?;
    let account = call.seat.account;
    let email = world::email_of(&input)?;
    let lock = match &email {
        Some(email) => Some(ContactLock::acquire(&call, email.as_str())?),
        None => None,
    };
    let view = call.shared.with_world(|world, context| {
        let contact = world.create_contact(account, &input, context)?;
        Ok::<_, Refusal>(views::contact(contact, &ALL_INCLUDES))
    })?;
    if let Some(lock) = lock {
        lock.finish().await;
    }
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn update(call: Call) -> Answer {
    let id = call.id("contact_id")?;
    let input: UpdatedContact = call.json()?;
    let account = call.seat.account;
    let lock = ContactLock::acquire_by_id(&call, id)?;
    let view = call.shared.with_world(|world, context| {
        let contact = world.update_contact(account, id, &input, context)?;
        Ok::<_, Refusal>(views::contact(contact, &ALL_INCLUDES))
    })?;
    lock.finish().await;
    answer::ok(&view)
}

pub async fn resubscribe(call: Call) -> Answer {
    let id = call.id("contact_id")?;
    let input: Resubscribe = call.json()?;
    let account = call.seat.account;
    let lock = ContactLock::acquire_by_id(&call, id)?;
    call.shared
        .with_world(|world, context| world.resubscribe(account, id, &input, context))?;
    lock.finish().await;
    answer::empty()
}

pub async fn delete(call: Call) -> Answer {
    let id = call.id("contact_id")?;
    let account = call.seat.account;
    call.shared
        .with_world(|world, context| world.delete_contact(account, id, context))?;
    answer::no_content()
}

pub async fn get(call: Call) -> Answer {
    let id = call.id("contact_id")?;
    let include: Vec<Include> = call.params(&["include"])?.words("include")?;
    let view = call.read_account(|account, _| {
        let contact = account.contact(id);
        contact.map(|contact| views::contact(contact, &include))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The contact was not found.".into()))?)
}

/// The supported filters; the vendor's other parameters are out of scope.
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

pub async fn list(call: Call) -> Answer {
    let paging = call.paging("/v3/contacts", 500, &FILTERS)?;
    let include: Vec<Include> = paging.filters.words("include")?;
    let with_count = paging.filters.flag("include_count")?;
    let query = query_of(&paging.filters)?;
    let view = call.read_account(|account, _| {
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

pub async fn counts(call: Call) -> Answer {
    use crate::contract::Permission;
    call.params(&[])?;
    let view = call.read_account(|account, _| {
        let contacts = account.contacts();
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
