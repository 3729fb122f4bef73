//! The journal: every call received and its outcome.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Entry>,
    next: u64,
}

/// One call. `status` is empty while it runs, and stays so if the connection was cut.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    pub seq: u64,
    /// When the call was counted against the limits, by the sandbox's clock.
    pub at: Timestamp,
    pub method: String,
    /// The path with placeholders for ids, such as `/v3/activities/{activity_id}`.
    pub route: String,
    pub path: String,
    pub client_id: Option<String>,
    pub account: Option<String>,
    pub address: Option<String>,
    pub body_bytes: usize,
    pub status: Option<u16>,
    /// `ok`, the error key of the answer, `cut`, or `running`.
    pub outcome: String,
    /// The fault that changed this call.
    pub fault: Option<u64>,
    pub took_us: u64,
}

/// Every given property must match.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    pub method: Option<String>,
    pub route: Option<String>,
    pub client_id: Option<String>,
    pub account: Option<String>,
    pub address: Option<String>,
    pub status: Option<u16>,
    pub outcome: Option<String>,
    /// Only entries with a higher `seq`.
    pub after: Option<u64>,
    /// Only the last entries, this many.
    pub last: Option<usize>,
}

impl Journal {
    pub fn open(&mut self, mut entry: Entry) -> u64 {
        self.next += 1;
        entry.seq = self.next;
        self.entries.push(entry);
        self.next
    }

    /// Completes an entry, which may have been cleared meanwhile.
    pub fn close(&mut self, seq: u64, change: impl FnOnce(&mut Entry)) -> Option<&Entry> {
        let at = self
            .entries
            .binary_search_by_key(&seq, |entry| entry.seq)
            .ok()?;
        let entry = &mut self.entries[at];
        change(entry);
        Some(entry)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub fn matching(&self, filter: &Filter) -> Vec<&Entry> {
        let mut hits: Vec<&Entry> = self.entries.iter().filter(|e| filter.matches(e)).collect();
        let surplus = filter
            .last
            .map_or(0, |last| hits.len().saturating_sub(last));
        hits.drain(..surplus);
        hits
    }

    /// Forgets all entries; numbering goes on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl Filter {
    fn matches(&self, entry: &Entry) -> bool {
        let same = |wanted: &Option<String>, has: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == has
        };
        same(&self.method, Some(&entry.method))
            && same(&self.route, Some(&entry.route))
            && same(&self.client_id, entry.client_id.as_deref())
            && same(&self.account, entry.account.as_deref())
            && same(&self.address, entry.address.as_deref())
            && same(&self.outcome, Some(&entry.outcome))
            && (self.status.is_none() || self.status == entry.status)
            && self.after.is_none_or(|after| entry.seq > after)
    }
}
