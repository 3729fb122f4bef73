use std::collections::{BTreeMap, HashMap};

use super::cell::Cell;
use super::faults::Faults;
use crate::domain::ids::CustomerId;
use crate::domain::token::{StoredTokens, Tokens};
use crate::ports::{Kept, StoreError, Vault};

/// Tokens of connections, by generation.
#[derive(Debug, Clone)]
pub struct MemoryVault(Cell<Rows>);

type Rows = HashMap<CustomerId, BTreeMap<u64, Tokens>>;

impl MemoryVault {
    /// An empty one.
    #[must_use]
    pub fn new(faults: &Faults) -> Self {
        Self(Cell::new(faults))
    }
}

impl Vault for MemoryVault {
    async fn tokens(&self, customer: &CustomerId) -> Result<Option<StoredTokens>, StoreError> {
        let newest = |rows: &mut Rows| {
            let (generation, tokens) = rows.get(customer)?.last_key_value()?;
            Some(StoredTokens {
                generation: *generation,
                tokens: tokens.clone(),
            })
        };
        self.0.step(newest).await
    }

    async fn keep(&self, customer: &CustomerId, tokens: &StoredTokens) -> Result<Kept, StoreError> {
        let keep = |rows: &mut Rows| {
            let pairs = rows.entry(customer.clone()).or_default();
            let pair = pairs
                .entry(tokens.generation)
                .or_insert_with(|| tokens.tokens.clone());
            if pair.is_pair_of(&tokens.tokens) {
                Kept::Stored
            } else {
                Kept::Superseded
            }
        };
        self.0.step(keep).await
    }

    async fn forget(&self, customer: &CustomerId) -> Result<(), StoreError> {
        let forget = |rows: &mut Rows| {
            rows.remove(customer);
        };
        self.0.step(forget).await
    }
}
