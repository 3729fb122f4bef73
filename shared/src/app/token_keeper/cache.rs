use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use jiff::Timestamp;

use super::Access;
use crate::domain::ids::CustomerId;
use crate::domain::token::StoredTokens;
use crate::locked;

/// What a warm function remembers: token pairs, and idle connections that it has tried lately.
#[derive(Default)]
pub struct TokenCache {
    pairs: Mutex<HashMap<CustomerId, StoredTokens>>,
    tried: Mutex<HashMap<CustomerId, Timestamp>>,
}

impl TokenCache {
    pub(super) fn get(&self, customer: &CustomerId, generation: u64) -> Option<StoredTokens> {
        locked(&self.pairs)
            .get(customer)
            .filter(|pair| pair.generation == generation)
            .cloned()
    }

    pub(super) fn remember(&self, customer: &CustomerId, pair: StoredTokens) -> Access {
        let access = Access {
            token: pair.tokens.access.clone(),
            generation: pair.generation,
            is_for_contacts: pair.tokens.are_for_contacts(),
        };
        locked(&self.pairs).insert(customer.clone(), pair);
        access
    }

    /// The idle connections that were tried since then.
    pub(super) fn tried_since(&self, since: Timestamp) -> HashSet<CustomerId> {
        let mut tried = locked(&self.tried);
        tried.retain(|_, at| *at > since);
        tried.keys().cloned().collect()
    }

    pub(super) fn try_at(&self, customer: &CustomerId, now: Timestamp) {
        locked(&self.tried).insert(customer.clone(), now);
    }
}
