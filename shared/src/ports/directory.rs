use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use jiff::Timestamp;

use super::StoreError;
use crate::domain::connection::{ConfirmedOptIn, Connection, ConnectionStatus, CustomField, Lease};
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::handshake::Handshake;
use crate::domain::ids::{CustomerId, FormId, LinkId, RemoteId};

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items, in the order of the keys.
    pub items: Vec<T>,
    /// Where the next page begins; opaque.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// An empty page, the last one.
    #[must_use]
    pub fn none() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}

/// The operator's customers.
pub trait Customers: Send + Sync {
    /// One customer.
    fn customer(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<Option<Customer>, StoreError>> + Send;

    /// Makes or replaces a customer, unless one with this id was removed: an id is never given again. Says whether it
    /// did.
    fn put_customer(
        &self,
        customer: &Customer,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a customer for good, and keeps its id from being given again: whatever is left under the id stays nobody
    /// else's. The caller has to remove its connection and forms and see to its leads first.
    fn delete_customer(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the id was ever given to a customer, even one that has been removed.
    fn is_given(&self, id: &CustomerId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Customers in the order of their ids, `limit` at a time. One just made may be missing for a moment.
    fn customers(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<Customer>, StoreError>> + Send;
}

/// Lead forms. [`form`](Self::form) is the only call without a customer: a form's id is public, and a submission names
/// nothing else.
pub trait Forms: Send + Sync {
    /// One form.
    fn form(&self, id: &FormId) -> impl Future<Output = Result<Option<Form>, StoreError>> + Send;

    /// Makes a form, or replaces it in whatever state it is.
    fn put_form(&self, form: &Form) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces a form that exists and is one revision behind. Of any number of concurrent calls with one revision,
    /// exactly one is told that it did.
    fn replace_form(&self, form: &Form) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a form.
    fn delete_form(&self, id: &FormId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A customer's forms, oldest first. One just made may be missing for a moment.
    fn forms_of(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Vec<Form>, StoreError>> + Send;
}

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
    fn fields_read(
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

/// Authorizations under way.
pub trait Handshakes: Send + Sync {
    /// Stores a handshake under the fingerprint of its state.
    fn open(
        &self,
        state: &str,
        handshake: &Handshake,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a handshake out. Of any number of concurrent calls, exactly one gets it, and none does at or after its
    /// expiry, however late the store cleans up.
    fn take(
        &self,
        state: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Handshake>, StoreError>> + Send;
}

/// Single-use links.
pub trait Links: Send + Sync {
    /// Makes a link that can be burnt once before `expires_at`.
    fn mint(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the link could still be burnt by `by`.
    fn is_live(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Burns the link. Of all who burn it, exactly one is told `true`, however often it asks while the link lasts.
    fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
