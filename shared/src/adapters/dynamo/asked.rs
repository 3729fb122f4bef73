//! What a person asks of a lead: to leave in a file, to be forgotten.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::keys;
use super::ledger::DynamoLedger;
use super::table::{Change, number, text, value};
use crate::domain::asked::timeline_of_nobody;
use crate::domain::email::EmailAddress;
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::{Lead, LeadState};
use crate::ports::StoreError;

/// What [`can_export`](crate::domain::asked::can_export) says, for DynamoDB.
const CAN_EXPORT: &str = "(#state.#status IN (:received, :queued) \
     OR (#state.#status = :refused AND #state.why IN (:cc_refused, :customer_deleted)) \
     OR (#state.#status = :waiting AND #state.why <> :import))";

fn words() -> [(&'static str, AttributeValue); 5] {
    [
        (":received", text("received")),
        (":queued", text("queued")),
        (":refused", text("refused")),
        (":waiting", text("waiting")),
        (":import", text("import")),
    ]
}

impl DynamoLedger {
    /// A request that was repeated because the first answer was lost finds its own mark, and marks again.
    pub(super) async fn mark_exported(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        let mut values = vec![(":at", value(&at)?), (":expires", number(expires_at))];
        values.extend(words());
        values.push((":cc_refused", text("cc_refused")));
        values.push((":customer_deleted", text("customer_deleted")));
        let change = Change {
            set: "SET exported_at = :at, expires_at = :expires REMOVE due_at, due_shard",
            when: Some(&format!(
                "(attribute_not_exists(exported_at) OR exported_at = :at) AND {CAN_EXPORT}"
            )),
            names: &["state", "status"],
            values,
        };
        let key = keys::lead(customer, lead);
        Ok(self.table.update(key, change).await?.is_done())
    }

    pub(super) async fn erase_lead(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: i64,
    ) -> Result<bool, StoreError> {
        let values = vec![
            (":lead", value(blank)?),
            (":state", value(&LeadState::Erased)?),
            (":timeline", value(&timeline_of_nobody(blank, at))?),
            (":expires", number(expires_at)),
            (":erased", text("erased")),
        ];
        let change = Change {
            set: "SET #lead = :lead, #state = :state, timeline = :timeline, expires_at = :expires \
                  REMOVE due_at, due_shard, exported_at, person",
            when: Some("attribute_exists(pk) AND #state.#status <> :erased"),
            names: &["lead", "state", "status"],
            values,
        };
        let key = keys::lead(&blank.customer, &blank.id);
        Ok(self.table.update(key, change).await?.is_done())
    }

    pub(super) async fn leads_of_person(
        &self,
        customer: &CustomerId,
        email: &EmailAddress,
    ) -> Result<Vec<LeadId>, StoreError> {
        let query = self
            .table
            .query()
            .index_name("by_person")
            .key_condition_expression("person = :person")
            .expression_attribute_values(":person", text(keys::person(customer, email)));
        let rows = self.table.all(query).await?;
        Ok(rows.iter().filter_map(keys::lead_of).collect())
    }
}
