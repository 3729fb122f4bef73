use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;

use super::cell::Cell;
use super::faults::Faults;
use super::tallies::TallyRow;
use crate::domain::connection::Connection;
use crate::domain::customer::Customer;
use crate::domain::form::Form;
use crate::domain::handshake::Handshake;
use crate::domain::ids::{CustomerId, FormId, LinkId};
use crate::domain::suppression::{PersonId, Suppression};
use crate::domain::token::Subject;
use crate::ports::{Customers, Forms, Holder, Page, StoreError};

/// Customers, forms, connections, handshakes, links and counters.
#[derive(Debug, Clone)]
pub struct MemoryDirectory(pub(super) Cell<Rows>);

#[derive(Debug, Default)]
pub(super) struct Rows {
    customers: BTreeMap<CustomerId, Customer>,
    removed: BTreeSet<CustomerId>,
    forms: BTreeMap<FormId, Form>,
    pub(super) connections: HashMap<CustomerId, Connection>,
    /// Customers whose connections cannot be read.
    pub(super) unreadable: BTreeSet<CustomerId>,
    pub(super) handshakes: HashMap<String, Handshake>,
    /// When each link ends, and who has used it up.
    pub(super) erasures: HashMap<(CustomerId, PersonId), Timestamp>,
    pub(super) links_revoked: HashMap<CustomerId, Timestamp>,
    pub(super) links: HashMap<(CustomerId, LinkId), (Timestamp, Option<LinkId>)>,
    pub(super) suppressions: BTreeMap<(CustomerId, PersonId), Suppression>,
    pub(super) tallies: BTreeMap<(CustomerId, Date), TallyRow>,
    /// Who holds each lock, and until when.
    pub(super) locks: HashMap<String, (String, Timestamp)>,
    pub(super) subjects: HashMap<Subject, Holder>,
}

impl MemoryDirectory {
    /// An empty directory.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }

    /// Makes a customer's connection unreadable, as if a later version had written it.
    pub fn make_unreadable(&self, customer: &CustomerId) {
        self.0.with(|rows| rows.unreadable.insert(customer.clone()));
    }

    /// A customer's connection, read from outside: not a port call.
    #[must_use]
    pub fn peek(&self, customer: &CustomerId) -> Option<Connection> {
        self.0.with(|rows| rows.connections.get(customer).cloned())
    }
}

impl Customers for MemoryDirectory {
    async fn customer(&self, id: &CustomerId) -> Result<Option<Customer>, StoreError> {
        self.0.step(|rows| rows.customers.get(id).cloned()).await
    }

    async fn put_customer(&self, customer: &Customer) -> Result<bool, StoreError> {
        let put = |rows: &mut Rows| {
            let free = !rows.removed.contains(&customer.id);
            if free {
                rows.customers.insert(customer.id.clone(), customer.clone());
            }
            free
        };
        self.0.step(put).await
    }

    async fn delete_customer(&self, id: &CustomerId) -> Result<(), StoreError> {
        let delete = |rows: &mut Rows| {
            rows.customers.remove(id);
            rows.removed.insert(id.clone());
        };
        self.0.step(delete).await
    }

    async fn ever_existed(&self, id: &CustomerId) -> Result<bool, StoreError> {
        let given = |rows: &mut Rows| rows.customers.contains_key(id) || rows.removed.contains(id);
        self.0.step(given).await
    }

    async fn customers(
        &self,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<Page<Customer>, StoreError> {
        let list = |rows: &mut Rows| {
            let mut after = rows
                .customers
                .values()
                .filter(|customer| cursor.is_none_or(|last| customer.id.as_str() > last));
            let items: Vec<_> = after.by_ref().take(usize::from(limit)).cloned().collect();
            let more = after.next().is_some();
            let last = items.last().map(|customer| customer.id.to_string());
            Page {
                next: last.filter(|_| more),
                items,
            }
        };
        self.0.step(list).await
    }
}

impl Forms for MemoryDirectory {
    async fn form(&self, id: &FormId) -> Result<Option<Form>, StoreError> {
        self.0.step(|rows| rows.forms.get(id).cloned()).await
    }

    async fn put_form(&self, form: &Form) -> Result<(), StoreError> {
        let put = |rows: &mut Rows| {
            rows.forms.insert(form.id.clone(), form.clone());
        };
        self.0.step(put).await
    }

    async fn replace_form(&self, form: &Form) -> Result<bool, StoreError> {
        let replace = |rows: &mut Rows| match rows.forms.get_mut(&form.id) {
            Some(row) if row.revision + 1 == form.revision => {
                row.clone_from(form);
                true
            }
            _ => false,
        };
        self.0.step(replace).await
    }

    async fn delete_form(&self, id: &FormId) -> Result<(), StoreError> {
        let delete = |rows: &mut Rows| {
            rows.forms.remove(id);
        };
        self.0.step(delete).await
    }

    async fn forms_of(&self, customer: &CustomerId) -> Result<Vec<Form>, StoreError> {
        let list = |rows: &mut Rows| {
            let own = rows
                .forms
                .values()
                .filter(|form| form.customer == *customer);
            own.cloned().collect()
        };
        self.0.step(list).await
    }
}
