use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::connection::{ConfirmedOptIn, Connection, ConnectionStatus, CustomField, Lease};
use crate::domain::ids::{CustomerId, RemoteId};

/// The result of advancing a connection to a newer pair of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdvanceOutcome {
    /// The row is active at that generation.
    Active,
    /// The same, and it needed a new authorization before: leads may have begun to wait for that.
    Revived,
    /// It is not: there is a newer generation, or the connection is blocked by something other than its tokens.
    NotAdvanced,
}

/// Connections, without their tokens.
pub trait Connections: Send + Sync {
    /// A customer's connection, read consistently.
    fn connection(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<Connection>, StoreError>> + Send;

    /// The connections of some customers, each read consistently. Customers that never connected are left out; a
    /// connection that cannot be read is `None`, without affecting others.
    fn connections_of(
        &self,
        customers: &BTreeSet<CustomerId>,
    ) -> impl Future<Output = Result<BTreeMap<CustomerId, Option<Connection>>, StoreError>> + Send;

    /// Makes or replaces a whole connection, lease included, unless the stored row has a newer generation or was ended
    /// more often than `connection` knows. Says whether it did.
    fn put_connection(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Writes the lists, terms, known lists and gone lists of `connection`, and nothing else of it, if the row is
    /// active and was connected when `connection` was. Says whether it did.
    fn choose(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Grants `lease` if the row's generation is `generation` and no other lease is live at `now`. Of any number of
    /// concurrent calls, exactly one is granted it, and gets the connection as it was at that moment.
    fn lease(
        &self,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Box<Connection>>, StoreError>> + Send;

    /// Advances the row to `generation`, makes it active and removes the lease, if `generation` is newer than the
    /// row's. A row that is disconnected or limited is left as it is: its token is not what blocks it. Exactly one call
    /// is told that it revived a row.
    fn advance(
        &self,
        customer: &CustomerId,
        generation: u64,
        token_expires_at: Timestamp,
    ) -> impl Future<Output = Result<AdvanceOutcome, StoreError>> + Send;

    /// Active connections whose newest token expired in a UTC month at least one whole month before `now`, oldest month
    /// first, at most `limit`: nobody has used them for more than a month, and a refresh token not used for 180 days
    /// dies. One that cannot be read is left out.
    fn idle(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<CustomerId>, StoreError>> + Send;

    /// Customers whose connection delivers nothing until a person acts, and why: it has to be made again, or is
    /// limited. At most `limit`, in the order of their ids. May be a moment behind.
    fn lost(
        &self,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, ConnectionStatus)>, StoreError>> + Send;

    /// Gives the lease back, if it is still `owner`'s, and sets a cooldown for everybody.
    fn release(
        &self,
        customer: &CustomerId,
        owner: &str,
        cooldown_until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that a list of the account is gone. Says whether that is news.
    fn mark_list_gone(
        &self,
        customer: &CustomerId,
        list: &RemoteId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Records whether the account asks new contacts to confirm, replacing what was known, if the row was last
    /// connected at `connected_at`: another account may do otherwise.
    fn record_opt_in(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        seen: ConfirmedOptIn,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records that custom fields were read `at`, and which they are if the account said so, if the row was last
    /// connected at `connected_at`: another account has other fields.
    fn record_fields(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        fields: Option<&[CustomField]>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sets the status, if the row's generation is still `generation` and it is not disconnected, which only
    /// [connecting anew](Self::put_connection) ends. Says whether the row now has this status. A connection made active
    /// is found like others when it is [idle](Self::idle). Disconnecting counts as an end each time.
    fn set_status(
        &self,
        customer: &CustomerId,
        generation: u64,
        status: &ConnectionStatus,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
