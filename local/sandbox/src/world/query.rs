//! `GET /contacts`: filters and pages.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Account, Contact};
use crate::contract::Permission;

#[derive(Clone, Debug, Default)]
pub struct ContactQuery {
    pub statuses: Vec<StatusFilter>,
    pub email: Option<String>,
    pub lists: Vec<Uuid>,
    pub tags: Vec<Uuid>,
    pub updated: Span,
    pub created: Span,
    pub opted_out: Span,
}

/// An open interval of time; `None` leaves that side open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    pub after: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFilter {
    All,
    Active,
    Deleted,
    NotSet,
    PendingConfirmation,
    TempHold,
    Unsubscribed,
}

/// Some items and the position at which the next page starts.
#[derive(Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<usize>,
}

impl<T> Page<T> {
    /// `limit` items from position `start`.
    pub fn of(all: impl Iterator<Item = T>, start: usize, limit: usize) -> Self {
        let mut rest = all.skip(start);
        let items: Vec<T> = rest.by_ref().take(limit).collect();
        let next = rest.next().map(|_| start + items.len());
        Self { items, next }
    }
}

impl Account {
    pub fn matching(&self, query: &ContactQuery) -> impl Iterator<Item = &Contact> {
        // A single address is looked up, not searched for.
        let one = query.email.as_deref();
        let one = one.map(|email| self.contact_by_email(&email.to_ascii_lowercase()));
        let all = if one.is_some() {
            &[][..]
        } else {
            self.contacts()
        };
        let candidates = one.flatten().into_iter().chain(all);
        candidates.filter(move |contact| query.matches(contact))
    }
}

impl ContactQuery {
    fn matches(&self, contact: &Contact) -> bool {
        let any = |wanted: &[Uuid], has: &[Uuid]| {
            wanted.is_empty() || wanted.iter().any(|id| has.contains(id))
        };
        self.has_status(contact)
            && any(&self.lists, &contact.lists)
            && any(&self.tags, &contact.tags)
            && self.updated.holds(Some(contact.updated_at))
            && self.created.holds(Some(contact.created_at))
            && self.opted_out.holds(contact.opted_out().map(|(_, at)| at))
    }

    fn has_status(&self, contact: &Contact) -> bool {
        let deleted = contact.deleted_at.is_some();
        if self.statuses.is_empty() {
            return !deleted;
        }
        let is = |permission| !deleted && contact.permission == permission;
        self.statuses.iter().any(|status| match status {
            StatusFilter::All => true,
            StatusFilter::Active => contact.is_active(),
            StatusFilter::Deleted => deleted,
            StatusFilter::NotSet => is(Permission::NotSet),
            StatusFilter::PendingConfirmation => is(Permission::PendingConfirmation),
            StatusFilter::TempHold => is(Permission::TempHold),
            StatusFilter::Unsubscribed => is(Permission::Unsubscribed),
        })
    }
}

impl Span {
    fn holds(&self, at: Option<Timestamp>) -> bool {
        if self.after.is_none() && self.before.is_none() {
            return true;
        }
        let after = |at| self.after.is_none_or(|bound| at > bound);
        let before = |at| self.before.is_none_or(|bound| at < bound);
        at.is_some_and(|at| after(at) && before(at))
    }
}
