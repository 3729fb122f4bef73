use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::CustomerId;
use crate::domain::suppression::PersonId;
use crate::ports::{Erasures, StoreError};

impl Erasures for MemoryDirectory {
    async fn note_erasure(
        &self,
        customer: &CustomerId,
        person: &PersonId,
        at: Timestamp,
        _expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let key = (customer.clone(), person.clone());
        let note = |rows: &mut Rows| {
            rows.erasures.insert(key, at);
        };
        self.0.step(note).await
    }

    async fn erased_at(
        &self,
        customer: &CustomerId,
        person: &PersonId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let key = (customer.clone(), person.clone());
        let noted = |rows: &mut Rows| rows.erasures.get(&key).copied();
        self.0.step(noted).await
    }
}
