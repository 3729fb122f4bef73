use jiff::Timestamp;

use super::directory::DynamoDirectory;
use super::keys;
use crate::domain::ids::CustomerId;
use crate::domain::suppression::PersonId;
use crate::ports::{Erasures, StoreError};

impl Erasures for DynamoDirectory {
    async fn note_erasure(
        &self,
        customer: &CustomerId,
        person: &PersonId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = keys::erasure(customer, person);
        self.table.mark(key, at, expires_at).await
    }

    async fn erased_at(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.table.marked_at(keys::erasure(customer, person)).await
    }
}
