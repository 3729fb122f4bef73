//! A customer of the operator.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{AppId, CustomerId};

/// When a customer's leads may go by bulk import, which records weaker permission than a single sign-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkImport {
    /// Never; leads wait for the budget instead.
    #[default]
    Never,
    /// When the budget cannot carry what waits.
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
    /// Where a browser goes after a form that was made without a page of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<String>,
    /// Hosts a submission may send the browser back to, for forms made without their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub return_hosts: Vec<String>,
    /// Whether bulk import is agreed to.
    #[serde(default)]
    pub bulk_import: BulkImport,
    /// How many days a lead stays in the ledger after it was settled or set aside.
    #[serde(default = "default_retention")]
    pub retention_days: u16,
    /// When the customer was created.
    pub created_at: Timestamp,
}

/// Two years, which is how long implied consent has to be provable under Canada's anti-spam law.
pub const DEFAULT_RETENTION_DAYS: u16 = 730;

fn default_retention() -> u16 {
    DEFAULT_RETENTION_DAYS
}
