use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{Change, Write, read, text, value};
use crate::domain::ids::CustomerId;
use crate::domain::token::Subject;
use crate::ports::{Holder, StoreError, Subjects};

/// The customer that a user's tokens belong to.
#[derive(Serialize, Deserialize)]
struct SubjectRow {
    held_by: CustomerId,
    held_since: Timestamp,
}

impl Subjects for DynamoDirectory {
    async fn take_subject(
        &self,
        subject: &Subject,
        customer: &CustomerId,
        now: Timestamp,
        void: Option<&Holder>,
    ) -> Result<Option<Holder>, StoreError> {
        let mut when = "attribute_not_exists(pk) OR held_by = :customer".to_owned();
        let mut values = vec![
            (":customer", text(customer.as_str())),
            (":now", value(&now)?),
        ];
        if let Some(void) = void {
            when.push_str(" OR (held_by = :void AND held_since = :since)");
            values.push((":void", text(void.customer.as_str())));
            values.push((":since", value(&void.since)?));
        }
        let change = Change {
            set: "SET held_by = :customer, held_since = :now",
            when: Some(&when),
            values,
        };
        let taken = self.table.update(keys::subject(subject), change).await?;
        match taken {
            Write::Applied(_) => Ok(None),
            Write::Rejected(Some(item)) => {
                let row: SubjectRow = read(item)?;
                Ok(Some(Holder {
                    customer: row.held_by,
                    since: row.held_since,
                }))
            }
            Write::Rejected(None) => Err(StoreError::new("a subject's row is not told")),
        }
    }
}
