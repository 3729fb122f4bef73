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
            let key = (customer.clone(), link.clone());
            rows.links.insert(key, (expires_at, None));
        };
        self.0.step(mint).await
    }

    async fn is_live(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let live = |rows: &mut Rows| {
            let row = rows.links.get(&key);
            row.is_some_and(|(end, burnt_by)| is_live(*end, burnt_by.as_ref(), by, now))
        };
        self.0.step(live).await
    }

    async fn burn(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let burn = |rows: &mut Rows| {
            let row = rows.links.get_mut(&key);
            let row = row.filter(|(end, burnt_by)| is_live(*end, burnt_by.as_ref(), by, now));
            row.map(|(_, burnt_by)| *burnt_by = Some(by.clone()))
                .is_some()
        };
        self.0.step(burn).await
    }
}

fn is_live(end: Timestamp, burnt_by: Option<&LinkId>, by: &LinkId, now: Timestamp) -> bool {
    end > now && burnt_by.is_none_or(|other| other == by)
}
