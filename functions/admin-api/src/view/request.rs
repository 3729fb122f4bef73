use std::collections::BTreeMap;

use leadfeed_shared::app::admin::Replayed;
use leadfeed_shared::domain::lead::WaitReason;
use serde::Serialize;

#[derive(Serialize)]
pub struct ReplayedView<'a> {
    dry_run: bool,
    leads: &'a BTreeMap<String, i64>,
    exported: u32,
    others: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<WaitReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

pub fn replayed(replayed: &Replayed) -> ReplayedView<'_> {
    ReplayedView {
        dry_run: replayed.dry_run,
        leads: &replayed.leads,
        exported: replayed.exported,
        others: replayed.others,
        blocked: replayed.blocked,
        next_cursor: replayed.next.as_deref(),
    }
}

#[derive(Serialize)]
pub struct ErasedView {
    erased: usize,
}

pub fn erased(erased: usize) -> ErasedView {
    ErasedView { erased }
}
