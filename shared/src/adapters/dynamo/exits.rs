//! Exports and erasures of leads.

use jiff::Timestamp;

use super::keys;
use super::lead_row::status;
use super::ledger::DynamoLedger;
use super::table::{Change, seconds, text, value};
use crate::domain::ids::{CustomerId, LeadId};
use crate::domain::lead::actions::erased_timeline;
use crate::domain::lead::{Lead, LeadState, LeadStatus, RefusalReason, WaitReason};
use crate::ports::{Exits, StoreError};

/// [`can_export`](crate::domain::lead::actions::can_export) as a DynamoDB condition.
const CAN_EXPORT: &str = "(#state.#status IN (:received, :queued) \
     OR (#state.#status = :refused AND #state.why IN (:cc_refused, :customer_deleted)) \
     OR (#state.#status = :waiting AND #state.why <> :import))";

impl Exits for DynamoLedger {
    /// A request repeated because its answer was lost finds its own mark, and marks again.
    async fn export(
        &self,
        customer: &CustomerId,
        lead: &LeadId,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let values = vec![
            (":at", value(&at)?),
            (":expires", seconds(expires_at)),
            (":received", status(LeadStatus::Received)),
            (":queued", status(LeadStatus::Queued)),
            (":refused", status(LeadStatus::Refused)),
            (":waiting", status(LeadStatus::Waiting)),
            (":import", text(WaitReason::Import.as_str())),
            (":cc_refused", text(RefusalReason::CcRefused.as_str())),
            (
                ":customer_deleted",
                text(RefusalReason::CustomerDeleted.as_str()),
            ),
        ];
        let change = Change {
            set: "SET exported_at = :at, expires_at = :expires REMOVE due_at, due_shard",
            when: Some(&format!(
                "(attribute_not_exists(exported_at) OR exported_at = :at) AND {CAN_EXPORT}"
            )),
            values,
        };
        let key = keys::lead(customer, lead);
        Ok(self.table.update(key, change).await?.is_applied())
    }

    async fn erase(
        &self,
        blank: &Lead,
        at: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let values = vec![
            (":lead", value(blank)?),
            (":state", value(&LeadState::Erased)?),
            (":timeline", value(&erased_timeline(blank, at))?),
            (":expires", seconds(expires_at)),
            (":erased", status(LeadStatus::Erased)),
        ];
        let change = Change {
            set: "SET #lead = :lead, #state = :state, timeline = :timeline, expires_at = :expires \
                  REMOVE due_at, due_shard, exported_at, person",
            when: Some("attribute_exists(pk) AND #state.#status <> :erased"),
            values,
        };
        let key = keys::lead(&blank.customer, &blank.id);
        Ok(self.table.update(key, change).await?.is_applied())
    }
}
