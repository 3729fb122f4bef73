//! The only place where keys are built and parsed.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;

use super::table::{Item, text};
use crate::domain::email::EmailAddress;
use crate::domain::ids::FormId;
use crate::domain::ids::{AppId, CustomerId, ImportId, LeadId, LinkId};
use crate::domain::keys::fingerprint;
use crate::domain::suppression::PersonId;
use crate::domain::token::Subject;

/// The key of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    pub(super) fn into_item(self) -> Item {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }

    /// The row's place among an owner's in the index `by_owner`: a query goes on after it.
    pub(super) fn place_by_owner(self, owner: impl Into<String>) -> Item {
        let mut place = self.into_item();
        place.insert("owner".into(), text(owner));
        place
    }

    /// The row's place in a shard of the index `due`: a query goes on after it.
    pub(super) fn place_by_due(self, shard: impl Into<String>, due_at: AttributeValue) -> Item {
        let mut place = self.into_item();
        place.insert("due_shard".into(), text(shard));
        place.insert("due_at".into(), due_at);
        place
    }
}

const CUSTOMER: &str = "CUSTOMER#";

// ---- Directory ----

/// Owner of all customers in the index `by_owner`.
pub(super) const CUSTOMERS: &str = "customers";

pub(super) fn customer(id: &CustomerId) -> Key {
    Key::new(of_customer(id), "CUSTOMER")
}

pub(super) fn form(id: &FormId) -> Key {
    Key::new(format!("FORM#{id}"), "FORM")
}

pub(super) fn connection(customer: &CustomerId) -> Key {
    Key::new(of_customer(customer), "CONNECTION")
}

/// Owner, in `by_owner`, of the active connections whose newest token ends in a month.
pub(super) fn connections_of(month: &str) -> String {
    format!("connections#{month}")
}

/// Owner, in `by_owner`, of connections that deliver nothing until a person acts.
pub(super) const LOST: &str = "connections#lost";

pub(super) fn handshake(fingerprint: &str) -> Key {
    Key::new(format!("HANDSHAKE#{fingerprint}"), "HANDSHAKE")
}

pub(super) fn link(customer: &CustomerId, link: &LinkId) -> Key {
    Key::new(of_customer(customer), format!("LINK#{link}"))
}

pub(super) fn revoked_links(customer: &CustomerId) -> Key {
    Key::new(of_customer(customer), "LINKS_REVOKED")
}

/// Owner, in `by_owner`, of the counters whose leads have not been recounted since they changed.
pub(super) const UNSETTLED: &str = "unsettled";
pub(super) const TALLY: &str = "TALLY#";

pub(super) fn tally(customer: &CustomerId, day: Date) -> Key {
    Key::new(of_customer(customer), format!("{TALLY}{day}"))
}

/// Which day's counters a row holds.
pub(super) fn day_of(item: &Item) -> Option<Date> {
    let sk = item.get("sk")?.as_s().ok()?;
    sk.strip_prefix(TALLY)?.parse().ok()
}

pub(super) fn suppression(customer: &CustomerId, person: &PersonId) -> Key {
    Key::new(format!("SUPPRESSED#{customer}#{person}"), "SUPPRESSED")
}

/// Owner, in `by_owner`, of a customer's suppressions.
pub(super) fn suppressed_of(customer: &CustomerId) -> String {
    format!("suppressed#{customer}")
}

pub(super) fn erasure(customer: &CustomerId, person: &PersonId) -> Key {
    Key::new(format!("ERASED#{customer}#{person}"), "ERASED")
}

pub(super) fn subject(subject: &Subject) -> Key {
    Key::new(format!("SUBJECT#{}", subject.as_str()), "SUBJECT")
}

pub(super) fn lock(work: &str) -> Key {
    Key::new(format!("LOCK#{work}"), "LOCK")
}

/// Owner of all applications in the index `by_owner`.
pub(super) const APPS: &str = "apps";

const APP: &str = "APP#";

pub(super) fn app(app: &AppId) -> Key {
    Key::new(format!("{APP}{app}"), "APP")
}

pub(super) fn budget(app: &AppId) -> Key {
    Key::new(format!("{APP}{app}"), "BUDGET")
}

pub(super) fn token_budget(app: &AppId) -> Key {
    Key::new(format!("{APP}{app}"), "TOKEN_BUDGET")
}

// ---- Ledger ----

/// Shard of all lanes' marks in the index `due`.
pub(super) const LANES: &str = "lanes";
/// Shard of open imports in the index `due`.
pub(super) const IMPORTS: &str = "imports";
/// Shards of leads on their way.
pub(super) const SHARDS: u8 = 4;

pub(super) fn lead(customer: &CustomerId, lead: &LeadId) -> Key {
    Key::new(of_customer(customer), lead.as_str())
}

/// After the sort keys of all leads.
pub(super) const AFTER_LEADS: &str = "lead_~";

/// The person of a customer's lead, for the index `by_person`. It is stored beside the address and removed with it.
pub(super) fn person(customer: &CustomerId, email: &EmailAddress) -> String {
    fingerprint(&format!("{customer}\n{}", email.key()))
}

pub(super) fn import(customer: &CustomerId, import: &ImportId) -> Key {
    Key::new(of_customer(customer), import.as_str())
}

/// What the sort keys of a customer's imports begin with.
pub(super) const IMPORT: &str = "imp_";

pub(super) fn import_chunk(import: &ImportId, number: u32) -> Key {
    Key::new(format!("IMPORT#{import}"), format!("CHUNK#{number:04}"))
}

/// The customer and import whose row this is.
pub(super) fn import_of(item: &Item) -> Option<(CustomerId, ImportId)> {
    let id = item.get("sk")?.as_s().ok()?.parse().ok()?;
    Some((customer_of(item)?, id))
}

pub(super) fn lane(customer: &CustomerId) -> Key {
    Key::new(format!("LANE#{customer}"), "LANE")
}

/// Shard of a lead on its way: one of a few, so that no single index partition takes all writes.
pub(super) fn shard_of(lead: &LeadId) -> String {
    shard(shard_number(lead))
}

fn shard_number(lead: &LeadId) -> u8 {
    lead.as_str().bytes().last().unwrap_or_default() % SHARDS
}

pub(super) fn shard(number: u8) -> String {
    format!("due#{number}")
}

/// Shard of a quarantined lead: there are as many as for leads on their way.
pub(super) fn quarantine_shard_of(lead: &LeadId) -> String {
    quarantine_shard(shard_number(lead))
}

pub(super) fn quarantine_shard(number: u8) -> String {
    format!("aside#{number}")
}

/// Shard of a customer's waiting leads.
pub(super) fn lane_shard(customer: &CustomerId) -> String {
    format!("lane#{customer}")
}

pub(super) fn idempotency(customer: &CustomerId, key: &str) -> Key {
    Key::new(of_customer(customer), format!("KEY#{key}"))
}

pub(super) fn counter(customer: &CustomerId, counter: &str) -> Key {
    let name = format!("COUNT#{customer}#{counter}");
    Key::new(name.clone(), name)
}

// ---- Both ----

/// Partition of a customer's rows; in `by_owner`, the owner of its forms.
pub(super) fn of_customer(id: &CustomerId) -> String {
    format!("{CUSTOMER}{id}")
}

/// The customer whose row this is.
pub(super) fn customer_of(item: &Item) -> Option<CustomerId> {
    let pk = item.get("pk")?.as_s().ok()?;
    let id = pk
        .strip_prefix(CUSTOMER)
        .or_else(|| pk.strip_prefix("LANE#"))?;
    id.parse().ok()
}

/// The application whose row this is.
pub(super) fn app_of(item: &Item) -> Option<AppId> {
    let pk = item.get("pk")?.as_s().ok()?;
    pk.strip_prefix(APP)?.parse().ok()
}

/// The lead whose row this is.
pub(super) fn lead_of(item: &Item) -> Option<LeadId> {
    item.get("sk")?.as_s().ok()?.parse().ok()
}
