use std::cmp::Ordering;
use std::collections::HashMap;

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;
use crate::ports::{StoreError, StoreOutcome, Vault};

/// The newest tokens of connections.
#[derive(Debug, Clone)]
pub struct MemoryVault(Cell<Rows>);

type Rows = HashMap<CustomerId, StoredTokens>;

impl MemoryVault {
    /// An empty vault.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }
}

impl Vault for MemoryVault {
    async fn tokens(&self, customer: &CustomerId) -> Result<Option<StoredTokens>, StoreError> {
        self.0.step(|rows| rows.get(customer).cloned()).await
    }

    async fn store(
        &self,
        customer: &CustomerId,
        tokens: &StoredTokens,
    ) -> Result<StoreOutcome, StoreError> {
        let store = |rows: &mut Rows| {
            let stored = rows
                .entry(customer.clone())
                .or_insert_with(|| tokens.clone());
            match tokens.generation.cmp(&stored.generation) {
                Ordering::Greater => stored.clone_from(tokens),
                Ordering::Equal if stored.tokens.is_pair_of(&tokens.tokens) => {}
                Ordering::Equal | Ordering::Less => return StoreOutcome::Superseded,
            }
            StoreOutcome::Stored
        };
        self.0.step(store).await
    }

    async fn delete(&self, customer: &CustomerId) -> Result<(), StoreError> {
        let delete = |rows: &mut Rows| {
            rows.remove(customer);
        };
        self.0.step(delete).await
    }
}
