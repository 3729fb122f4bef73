//! A customer of the operator.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use super::ids::{AppId, CustomerId};

/// When a customer's leads may go by bulk import, which records weaker permission than a single sign-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkImport {
    /// Never; leads wait for the budget instead.
    #[default]
    Never,
    /// When more waits than the budget can carry.
    WhenOverBudget,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The operator's id for it.
    pub id: CustomerId,
    /// Its name, for people.
    pub name: String,
    /// The name its mail is sent under; every consent statement has to contain it.
    pub brand: String,
    /// The Constant Contact application its connection uses.
    #[serde(default = "AppId::default_app")]
    pub app: AppId,
    /// Where a browser goes after submitting a form: copied into a form that is made without a page of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// Hosts to which a submission may send the browser back: copied into a form that is made without its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub return_hosts: Vec<String>,
    /// Whether bulk import is agreed to.
    #[serde(default)]
    pub bulk_import: BulkImport,
    /// How many days a lead stays in the ledger after it was settled.
    #[serde(default = "default_retention", deserialize_with = "retention")]
    pub retention_days: u16,
    /// When the customer was created.
    pub created_at: Timestamp,
}

/// Two years: how long implied consent has to be provable under Canada's anti-spam law.
pub const DEFAULT_RETENTION_DAYS: u16 = 730;

/// How long a customer's lead is kept once it is settled. If the customer is gone or cannot be read, it is
/// kept for the default time.
#[must_use]
pub fn kept_for(customer: Option<&Customer>) -> SignedDuration {
    let days = customer.map_or(DEFAULT_RETENTION_DAYS, |customer| customer.retention_days);
    SignedDuration::from_hours(24 * i64::from(days))
}

/// How long a customer's lead that is set aside is kept, unless it is released: as long as a settled one, but 90 days at
/// most, since it is usually a robot's.
#[must_use]
pub fn quarantined_for(kept_for: SignedDuration) -> SignedDuration {
    kept_for.min(SignedDuration::from_hours(24 * 90))
}

fn default_retention() -> u16 {
    DEFAULT_RETENTION_DAYS
}

/// The shortest retention. A lead's message may come for two weeks, and for two more once redriven from the dead
/// letters: a lead whose row was gone by then would be taken for a new one and go out again.
pub const MIN_RETENTION_DAYS: u16 = 30;

/// The chosen retention, or the shortest if an earlier version accepted less.
fn retention<'de, D: Deserializer<'de>>(days: D) -> Result<u16, D::Error> {
    u16::deserialize(days).map(|days| days.max(MIN_RETENTION_DAYS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_below_the_minimum_is_read_as_the_minimum() {
        let read = |days: u16| {
            let row = serde_json::json!({
                "id": "engines", "name": "Engines", "brand": "Engines", "retention_days": days,
                "created_at": "2026-11-23T09:30:00Z",
            });
            let customer: Customer = serde_json::from_value(row).unwrap();
            customer.retention_days
        };

        assert_eq!([1, 29, 30, 31].map(read), [30, 30, 30, 31]);
    }

    #[test]
    fn lead_is_kept_for_its_customers_retention_or_default_if_customer_is_gone() {
        let row = serde_json::json!({
            "id": "engines", "name": "Engines", "brand": "Engines", "retention_days": 90,
            "created_at": "2026-11-23T09:30:00Z",
        });
        let customer: Customer = serde_json::from_value(row).unwrap();

        let days = [Some(&customer), None].map(|customer| kept_for(customer).as_hours() / 24);

        assert_eq!(days, [90, 730]);
    }
}
