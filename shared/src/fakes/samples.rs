//! Sample customers, forms and leads that many tests begin with.

use jiff::Timestamp;

use super::STACK;
use crate::app::deliver::Message;
use crate::app::intake::{Arrival, Channel};
use crate::domain::connection::{
    Account, Catalog, ConfirmedOptIn, Connection, ConnectionStatus, Learned, Terms,
};
use crate::domain::consent::Origin;
use crate::domain::customer::{BulkImport, Customer, DEFAULT_RETENTION_DAYS};
use crate::domain::form::{Form, Statement};
use crate::domain::ids::{AppId, LeadId};
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{DeliveryAction, Lead, LeadState, OptOutCheck, Permission};
use crate::domain::screening::Screening;
use crate::domain::submission::Submission;
use crate::domain::task::Task;

/// An open form of the customer `engines` that requires only an address and the ticked box.
///
/// # Panics
/// Never: its parts are well formed.
#[must_use]
pub fn form() -> Form {
    let (text, brand) = ("Analytical Engines may mail me.", "Analytical Engines");
    let shown = Statement::parse(text, brand, 1, Timestamp::UNIX_EPOCH);
    Form {
        id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        customer: "engines".parse().expect("an id"),
        name: "Newsletter".into(),
        statements: vec![shown.expect("names its brand")],
        consent_field: "consent".into(),
        lists: vec![],
        required: vec![],
        mapped: [].into(),
        constants: [].into(),
        allowed_origins: vec![],
        return_url: None,
        return_hosts: vec![],
        privacy_url: None,
        webhook_generation: 1,
        screening: Screening::default(),
        open: true,
        signed_only: false,
        created_at: Timestamp::UNIX_EPOCH,
        revision: 0,
    }
}

/// The customer `engines`, created at `now`.
///
/// # Panics
/// Never: its parts are well formed.
#[must_use]
pub fn customer(now: Timestamp) -> Customer {
    Customer {
        id: "engines".parse().expect("an id"),
        name: "Analytical Engines".into(),
        brand: "Analytical Engines".into(),
        app: AppId::default_app(),
        return_url: None,
        return_hosts: vec![],
        bulk_import: BulkImport::Never,
        retention_days: DEFAULT_RETENTION_DAYS,
        created_at: now,
    }
}

/// Its connection, made at `now`, to the account `account-1`, which requires no confirmation. It names no list, and its
/// token expires at once.
#[must_use]
pub fn connection(now: Timestamp) -> Connection {
    Connection {
        customer: customer(now).id,
        app: AppId::default_app(),
        stack: STACK.into(),
        status: ConnectionStatus::Active,
        account: Account {
            id: "account-1".into(),
            name: "Analytical Engines".into(),
        },
        lists: vec![],
        terms: Some(Terms {
            accepted_at: now,
            ip: None,
            text: "ours".into(),
        }),
        catalog: Catalog::default(),
        generation: 1,
        token_expires_at: now,
        lease: None,
        cooldown_until: None,
        connected_at: now,
        endings: 0,
        learned: Learned {
            lists_gone: vec![],
            confirmed_opt_in: Some(ConfirmedOptIn {
                on: false,
                seen_at: now,
            }),
            ..Learned::default()
        },
    }
}

/// A lead like this one, from another person at another moment.
///
/// # Panics
/// Never: its address is well formed.
#[must_use]
pub fn lead_of_another_person(
    like: &Lead,
    number: u128,
    at: Timestamp,
    keys: &SigningKeys,
) -> Lead {
    let mut lead = like.clone();
    lead.id = LeadId::at(at, number);
    lead.contact.email = format!("lead{number}@example.com")
        .parse()
        .expect("an address");
    lead.received_at = at;
    lead.sealed(keys)
}

/// What a form sends, without a key and without any origin.
///
/// # Panics
/// If no form could send these fields.
#[must_use]
pub fn arrival<N, V>(fields: impl IntoIterator<Item = (N, V)>) -> Arrival
where
    N: Into<String>,
    V: Into<String>,
{
    Arrival {
        fields: Submission::from_pairs(fields).expect("fields of a form"),
        origin: Origin::default(),
        channel: Channel::Form,
        key: None,
    }
}

/// Tasks as a drain gets them.
///
/// # Panics
/// Never: tasks are plain data.
#[must_use]
pub fn messages(tasks: &[Task]) -> Vec<Message> {
    let message = |(index, task)| Message {
        id: format!("m{index}"),
        body: Some(serde_json::to_string(task).expect("plain data")),
    };
    tasks.iter().enumerate().map(message).collect()
}

/// The outcome of delivering a new contact's lead.
#[must_use]
pub fn delivered() -> LeadState {
    LeadState::Delivered {
        contact: None,
        action: DeliveryAction::Created,
        permission: Permission::Explicit,
        opt_out_check: OptOutCheck::NotNeeded,
        notes: vec![],
    }
}
