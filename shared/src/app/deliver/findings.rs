//! What the deliveries of a batch find out about their account on the way, so that no two look for the same.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, OnceLock};

use crate::domain::connection::CustomField;
use crate::domain::ids::RemoteId;
use crate::locked;

/// What this batch has found out about an account.
#[derive(Default)]
pub(super) struct Findings {
    /// Lists that were looked up, and whether they exist.
    lists: Mutex<BTreeMap<RemoteId, bool>>,
    /// Held by whichever lead looks up lists: the others wait for what it finds.
    pub(super) looking_for_lists: futures_util::lock::Mutex<()>,
    /// Custom fields, if they were read again.
    pub(super) fields_read: OnceLock<Vec<CustomField>>,
    /// Held by whichever lead reads them, as above.
    pub(super) reading_fields: futures_util::lock::Mutex<()>,
    /// Whether a lead already looks at how the account makes new contacts.
    pub(super) looks_at_new: AtomicBool,
    /// Whether the connection was found to lack a right, once a lead has asked; held by the one that asks.
    pub(super) lacks_right: futures_util::lock::Mutex<Option<bool>>,
}

impl Findings {
    /// Notes whether a list exists.
    pub(super) fn note_list(&self, list: &RemoteId, is_there: bool) {
        locked(&self.lists).insert(list.clone(), is_there);
    }

    /// Whether the list was looked up.
    pub(super) fn has_looked_for(&self, list: &RemoteId) -> bool {
        locked(&self.lists).contains_key(list)
    }

    /// The lists that do not exist any more.
    pub(super) fn gone_lists(&self) -> Vec<RemoteId> {
        let lists = locked(&self.lists);
        let gone = lists.iter().filter(|(_, is_there)| !**is_there);
        gone.map(|(list, _)| list.clone()).collect()
    }
}
