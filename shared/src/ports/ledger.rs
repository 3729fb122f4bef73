use std::future::Future;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Page, StoreError};
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadRecord, LeadState, LeadStatus, QuarantineReason};
use crate::domain::tally::Counts;

/// The result of recording a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New,
    /// A lead with this id exists already and was left as it is.
    Already(Box<LeadRecord>),
}

/// Which leads of a customer to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// Only those in this state.
    pub status: Option<LeadStatus>,
    /// Only those received at or after this moment.
    pub since: Option<Timestamp>,
}

/// The durable record of every lead: that it came in, and what has happened to it. Every write is one atomic step on
/// one lead.
pub trait Ledger: Send + Sync {
    /// Records a lead unless one with its id exists. `due_at` is when somebody has to check whether it is stuck.
    fn record(
        &self,
        lead: &Lead,
        state: &LeadState,
        due_at: Timestamp,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// Records a lead as quarantined, unless one with its id exists. The row is kept until `expires_at`, unless the
    /// lead is released before.
    fn quarantine(
        &self,
        lead: &Lead,
        why: QuarantineReason,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<Recorded, StoreError>> + Send;

    /// One lead, read consistently.
    fn lead(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
    ) -> impl Future<Output = Result<Option<LeadRecord>, StoreError>> + Send;

    /// Leads by their ids, each once and in any order; those that do not exist, or cannot be read because a later version wrote them,
    /// are left out. Read consistently.
    fn records(
        &self,
        customer: &CustomerId,
        leads: &[LeadId],
    ) -> impl Future<Output = Result<Vec<LeadRecord>, StoreError>> + Send;

    /// A customer's readable leads, newest first, `limit` at a time (a filtered page may hold fewer and still have a
    /// next).
    fn leads(
        &self,
        customer: &CustomerId,
        filter: &LeadFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<LeadRecord>, StoreError>> + Send;

    /// A customer's leads with one address, in any order; at most `most` of them, no matter which. One just made may be
    /// missing for a moment.
    fn leads_of(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
        most: usize,
    ) -> impl Future<Output = Result<Vec<LeadId>, StoreError>> + Send;

    /// Whose lead an id is. For the operator, who may name a lead without its customer. One just made may be missing
    /// for a moment.
    fn owner_of(
        &self,
        lead: &LeadId,
    ) -> impl Future<Output = Result<Option<CustomerId>, StoreError>> + Send;

    /// What a customer's leads of one day count as, by reading all of them.
    fn count(
        &self,
        customer: &CustomerId,
        day: Date,
    ) -> impl Future<Output = Result<Counts, StoreError>> + Send;
}
