use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::{CustomerId, LinkId};
use crate::ports::{Links, StoreError};

impl Links for MemoryDirectory {
    async fn create_link(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let create = |rows: &mut Rows| {
            let key = (customer.clone(), link.clone());
            rows.links.insert(key, (expires_at, None));
        };
        self.0.step(create).await
    }

    async fn is_redeemable(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let live = |rows: &mut Rows| {
            let row = rows.links.get(&key);
            row.is_some_and(|(end, burnt_by)| is_redeemable(*end, burnt_by.as_ref(), by, now))
        };
        self.0.step(live).await
    }

    async fn redeem(
        &self,
        customer: &CustomerId,
        link: &LinkId,
        by: &LinkId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = (customer.clone(), link.clone());
        let redeem = |rows: &mut Rows| {
            let row = rows.links.get_mut(&key);
            let row = row.filter(|(end, burnt_by)| is_redeemable(*end, burnt_by.as_ref(), by, now));
            row.map(|(_, burnt_by)| *burnt_by = Some(by.clone()))
                .is_some()
        };
        self.0.step(redeem).await
    }

    async fn revoke_manage_links(
        &self,
        customer: &CustomerId,
        at: Timestamp,
        _expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let revoke = |rows: &mut Rows| {
            rows.links_revoked.insert(customer.clone(), at);
        };
        self.0.step(revoke).await
    }

    async fn manage_links_revoked_at(
        &self,
        customer: &CustomerId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let revoked_at = |rows: &mut Rows| rows.links_revoked.get(customer).copied();
        self.0.step(revoked_at).await
    }
}

fn is_redeemable(end: Timestamp, burnt_by: Option<&LinkId>, by: &LinkId, now: Timestamp) -> bool {
    end > now && burnt_by.is_none_or(|other| other == by)
}
