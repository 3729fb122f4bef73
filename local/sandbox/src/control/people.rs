//! Accounts, and what the people in them do.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Body, Refused, not_found};
use crate::contract::Source;
use crate::http::{ALL_INCLUDES, contact_view, list_view};
use crate::lab::Shared;
use crate::world::{Account, ActivityState, Contact, SeedContact};

fn view(account: &Account) -> Value {
    let users = account
        .users
        .iter()
        .map(|user| json!({ "login": user.login, "role": user.role }));
    json!({
        "encoded_account_id": account.encoded_id,
        "organization_name": account.organization,
        "confirmed_opt_in": account.confirmed_opt_in,
        "users": users.collect::<Vec<_>>(),
        "contacts": account.contacts().len(),
        "lists": account.lists.iter().map(list_view).collect::<Vec<_>>(),
        "custom_fields": account.fields.iter().map(|field| json!({
            "custom_field_id": field.id,
            "label": field.label,
            "name": field.name,
            "type": field.kind,
        })).collect::<Vec<_>>(),
    })
}

impl Shared {
    fn in_account<R>(
        &self,
        id: &str,
        act: impl FnOnce(&mut Account, &mut crate::world::Context<'_>) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        self.with_world(|world, context| {
            let account = world.account_mut(id).ok_or_else(|| not_found("account"))?;
            act(account, context)
        })
    }
}

pub async fn accounts(State(shared): State<Shared>) -> Json<Value> {
    shared.with_world(|world, _| Json(world.accounts.iter().map(view).collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    confirmed_opt_in: bool,
}

pub async fn change_account(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    change: Body<AccountChange>,
) -> Answer {
    let Json(change) = change?;
    shared.in_account(&id, |account, _| {
        account.confirmed_opt_in = change.confirmed_opt_in;
        Ok(Json(view(account)))
    })
}

pub async fn lists(State(shared): State<Shared>, Path(id): Path<String>) -> Answer {
    shared.in_account(&id, |account, _| {
        Ok(Json(account.lists.iter().map(list_view).collect()))
    })
}

pub async fn delete_list(
    State(shared): State<Shared>,
    Path((id, list)): Path<(String, Uuid)>,
) -> Result<StatusCode, Refused> {
    shared.in_account(&id, |account, context| {
        account
            .delete_list(list, context)
            .map_err(|_| not_found("list"))?;
        Ok(StatusCode::NO_CONTENT)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactFilter {
    email: Option<String>,
}

fn contact_with_history(contact: &Contact) -> Value {
    let mut view = contact_view(contact, &ALL_INCLUDES);
    let history = contact
        .history
        .iter()
        .map(|(at, what)| json!({ "at": at, "what": what }));
    view["history"] = history.collect();
    view
}

pub async fn contacts(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(filter): Query<ContactFilter>,
) -> Answer {
    shared.in_account(&id, |account, _| {
        let wanted = filter.email.map(|email| email.to_ascii_lowercase());
        let hits = account.contacts().iter().filter(|contact| {
            let email = contact
                .email
                .as_ref()
                .map(|email| email.to_ascii_lowercase());
            wanted.is_none() || wanted == email
        });
        let contacts: Vec<Value> = hits.map(contact_with_history).collect();
        Ok(Json(
            json!({ "count": contacts.len(), "contacts": contacts }),
        ))
    })
}

pub async fn seed_contact(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    seed: Body<SeedContact>,
) -> Answer {
    let Json(seed) = seed?;
    shared.in_account(&id, |account, context| {
        let refused =
            |why: crate::world::Refusal| Refused(StatusCode::BAD_REQUEST, why.to_string());
        let contact = account.seed_contact(seed, context).map_err(refused)?;
        Ok(Json(contact_with_history(contact)))
    })
}

/// What a person does with a mail: `confirm`, `unsubscribe`; or an employee: `delete`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    Confirm,
    Unsubscribe,
    Delete,
}

pub async fn act_on_contact(
    State(shared): State<Shared>,
    Path((id, contact, act)): Path<(String, Uuid, Act)>,
) -> Answer {
    shared.in_account(&id, |account, context| {
        let contact = account
            .contact_mut(contact)
            .ok_or_else(|| not_found("contact"))?;
        match act {
            Act::Confirm => contact.confirm(context.now),
            Act::Unsubscribe => contact.unsubscribe(Source::Contact, None, context.now),
            Act::Delete => contact.delete(context.now),
        }
        Ok(Json(contact_with_history(contact)))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endings {
    states: Vec<ActivityState>,
}

/// How the next imports of an account end: `failed`, `cancelled`, `timed_out` or `completed`.
pub async fn end_imports(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    endings: Body<Endings>,
) -> Result<StatusCode, Refused> {
    let Json(endings) = endings?;
    shared.in_account(&id, |account, _| {
        account.import_endings.extend(endings.states);
        Ok(StatusCode::NO_CONTENT)
    })
}
