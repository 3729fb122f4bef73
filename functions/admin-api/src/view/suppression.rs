use jiff::Timestamp;
use leadfeed_shared::domain::suppression::{PersonId, Suppression};
use leadfeed_shared::ports::Page;
use serde::Serialize;

#[derive(Serialize)]
pub struct SuppressionView<'a> {
    suppression_id: &'a PersonId,
    since: Timestamp,
}

#[derive(Serialize)]
pub struct SuppressionsView<'a> {
    suppressions: Vec<SuppressionView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

pub fn suppression(suppression: &Suppression) -> SuppressionView<'_> {
    SuppressionView {
        suppression_id: &suppression.person,
        since: suppression.since,
    }
}

pub fn suppressions(page: &Page<Suppression>) -> SuppressionsView<'_> {
    SuppressionsView {
        suppressions: page.items.iter().map(suppression).collect(),
        next_cursor: page.next.as_deref(),
    }
}

#[derive(Serialize)]
pub struct ReceiptView {
    receipt: String,
}

pub fn receipt(receipt: String) -> ReceiptView {
    ReceiptView { receipt }
}
