use jiff::Timestamp;

use super::ledger::MemoryLedger;
use super::ledger_rows::Rows;
use crate::domain::ids::{CustomerId, LeadId};
use crate::ports::{Idempotency, KeyClaim, KeyClaimed, StoreError};

impl Idempotency for MemoryLedger {
    async fn claim_key(
        &self,
        customer: &CustomerId,
        key: &str,
        claim: &KeyClaim,
        gone: Option<&LeadId>,
        now: Timestamp,
    ) -> Result<KeyClaimed, StoreError> {
        let name = (customer.clone(), key.to_owned());
        let holds = |known: &KeyClaim| {
            known.expires_at > now && known.owner != claim.owner && Some(&known.lead) != gone
        };
        let take = |rows: &mut Rows| match rows.keys.get(&name) {
            Some(known) if holds(known) => KeyClaimed::Known(Box::new(known.clone())),
            _ => {
                rows.keys.insert(name, claim.clone());
                KeyClaimed::Fresh
            }
        };
        self.0.step(take).await
    }

    async fn free_key(
        &self,
        customer: &CustomerId,
        key: &str,
        lead: &LeadId,
    ) -> Result<(), StoreError> {
        let name = (customer.clone(), key.to_owned());
        let free = |rows: &mut Rows| {
            if rows
                .keys
                .get(&name)
                .is_some_and(|claim| claim.lead == *lead)
            {
                rows.keys.remove(&name);
            }
        };
        self.0.step(free).await
    }
}
