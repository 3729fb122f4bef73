use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::{CustomerId, LinkId};
use crate::ports::{Links, StoreError};

impl Links for MemoryDirectory {
    async fn mint(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mint = |rows: &mut Rows| {
            rows.links
                .insert((customer.clone(), link.clone()), expires_at);
        };
        self.0.step(mint).await
    }

    async fn is_live(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let live = |rows: &mut Rows| rows.links.get(&key).is_some_and(|end| *end > now);
        self.0.step(live).await
    }

    async fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let burn = |rows: &mut Rows| rows.links.remove(&key).is_some_and(|end| end > now);
        self.0.step(burn).await
    }
}
