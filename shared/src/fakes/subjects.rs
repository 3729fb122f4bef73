use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::ids::CustomerId;
use crate::domain::token::Subject;
use crate::ports::{Holder, StoreError, Subjects};

impl Subjects for MemoryDirectory {
    async fn take_subject(
        &self,
        subject: &Subject,
        customer: &CustomerId,
        now: Timestamp,
        void: Option<&Holder>,
    ) -> Result<Option<Holder>, StoreError> {
        let take = |rows: &mut Rows| match rows.subjects.get(subject) {
            Some(other) if other.customer != *customer && Some(other) != void => {
                Some(other.clone())
            }
            _ => {
                let holder = Holder {
                    customer: customer.clone(),
                    since: now,
                };
                rows.subjects.insert(subject.clone(), holder);
                None
            }
        };
        self.0.step(take).await
    }
}
