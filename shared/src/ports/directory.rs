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
    /// What it holds, in the order of the keys.
    pub items: Vec<T>,
    /// Where the next page begins; opaque.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of nothing, and the last.
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

    /// Makes or replaces a customer, unless one of this id was removed: an id is given once. Says whether it did.
    fn put_customer(
        &self,
        customer: &Customer,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a customer for good, and keeps its id from being given again: whatever is left under it stays nobody
    /// else's. Its connection, forms and leads are the caller's to see to first.
    fn delete_customer(
        &self,
        id: &CustomerId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Whether the id was ever given to a customer, who may be removed since.
    fn is_given(&self, id: &CustomerId) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Customers in the order of their ids, `limit` at a time. A customer just made may be missing for a moment.
    fn customers(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> impl Future<Output = Result<Page<Customer>, StoreError>> + Send;
}

/// Lead forms. [`form`](Self::form) is the one call without a customer: a form's id is public and is all that a
/// submission names.
pub trait Forms: Send + Sync {
    /// One form.
    fn form(&self, id: &FormId) -> impl Future<Output = Result<Option<Form>, StoreError>> + Send;

    /// Makes a form, or replaces it whatever it is.
    fn put_form(&self, form: &Form) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Replaces a form that is there and one revision behind. Of any number of concurrent calls with one revision,
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

/// What came of advancing a connection to a newer pair of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advanced {
    /// The row is active at that generation.
    Active,
    /// The same, and before it had to be made again: leads may have begun to wait for that.
    Revived,
    /// It is not: a newer generation is there, or something that is not about tokens stands in the way.
    No,
}

/// Connections, without their tokens.
pub trait Connections: Send + Sync {
    /// A customer's connection, read consistently.
    fn connection(
        &self,
        customer: &CustomerId,
    ) -> impl Future<Output = Result<Option<Connection>, StoreError>> + Send;

    /// The connections of some customers, each read consistently. Who never connected is not among them; one that cannot
    /// be read is `None`, and costs no other.
    fn connections_of(
        &self,
        customers: &BTreeSet<CustomerId>,
    ) -> impl Future<Output = Result<BTreeMap<CustomerId, Option<Connection>>, StoreError>> + Send;

    /// Makes or replaces a whole connection, lease included, unless the row is of a newer generation or was ended more
    /// often than `connection` knows. Says whether it did.
    fn put_connection(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Writes down the lists, terms, known lists and gone lists of `connection`, and nothing else of it, if the row is
    /// active and was connected when `connection` was. Says whether it did.
    fn choose(
        &self,
        connection: &Connection,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Grants `lease` if the row's generation is `generation` and no other lease is live at `now`.
    /// Exactly one of any number of concurrent calls is granted it, and given the connection as it was at that moment.
    fn lease(
        &self,
        customer: &CustomerId,
        generation: u64,
        lease: &Lease,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Box<Connection>>, StoreError>> + Send;

    /// Advances the row to `generation`, makes it active and removes the lease, if `generation` is newer than
    /// the row's. A row that is disconnected or limited is left as it is: what stands in its way is not its token.
    /// Exactly one call is told that it revived a row.
    fn advance(
        &self,
        customer: &CustomerId,
        generation: u64,
        token_expires_at: Timestamp,
    ) -> impl Future<Output = Result<Advanced, StoreError>> + Send;

    /// Active connections whose newest token ended in a UTC month that lies at least one whole month before
    /// `now`, oldest month first, at most `limit`: nobody has used them for more than a month, and a refresh token
    /// that is not used for 180 days dies. One that cannot be read is missing.
    fn idle(
        &self,
        now: Timestamp,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<CustomerId>, StoreError>> + Send;

    /// Customers whose connection delivers nothing until a person acts, and what is in its way: one that has to be made
    /// again, or is limited. At most `limit`, in the order of their ids. May be a moment behind.
    fn lost(
        &self,
        limit: u16,
    ) -> impl Future<Output = Result<Vec<(CustomerId, ConnectionStatus)>, StoreError>> + Send;

    /// Gives the lease back, if it is still `owner`'s, with a cooldown for everybody.
    fn release(
        &self,
        customer: &CustomerId,
        owner: &str,
        cooldown_until: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Remembers that a list of the account is gone. Says whether that is news.
    fn list_gone(
        &self,
        customer: &CustomerId,
        list: &RemoteId,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Remembers how the account makes new contacts, over what was remembered, if the row was `connected_at` this time:
    /// another account may make them otherwise.
    fn opt_in_seen(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        seen: ConfirmedOptIn,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Remembers that custom fields were asked for `at`, and which they are where that was told, if the row was
    /// `connected_at` this time: those of another account are not its own.
    fn fields_read(
        &self,
        customer: &CustomerId,
        connected_at: Timestamp,
        fields: Option<&[CustomField]>,
        at: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Sets the status, if the row's generation is still `generation` and it is not disconnected, which only
    /// [connecting anew](Self::put_connection) ends. Says whether the row stands so. A connection made active is found
    /// as the others are, when it is [idle](Self::idle). One that is disconnected was ended once more, also if it was
    /// before.
    fn set_status(
        &self,
        customer: &CustomerId,
        generation: u64,
        status: &ConnectionStatus,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// Authorizations under way.
pub trait Handshakes: Send + Sync {
    /// Remembers a handshake under the fingerprint of its state.
    fn open(
        &self,
        state: &str,
        handshake: &Handshake,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes a handshake out. Exactly one of any number of concurrent calls gets it, and none does at or after
    /// its expiry, however late the store cleans up.
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

    /// Burns the link. Exactly one of all who burn it is told `true`, as often as it asks while the link lasts.
    fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
