//! The oracle: an independent record of what people did, what they were told, and what Constant Contact saw.
//!
//! It never asks the code under test. `people` knows who agreed and who left, `remote` checks every call against that
//! and against the limits, `tokens` knows every pair that was ever issued, `leads` follows each lead through the
//! ledger, and `end` says what may remain once time has passed.

mod duplicates;
mod end;
mod leads;
mod people;
mod remote;
mod tokens;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};
use leadfeed_shared::fakes::{MemoryDirectory, VirtualClock};
use leadfeed_shared::ports::Clock as _;

pub use self::end::Rest;
pub use self::leads::Seen;
pub use self::people::{Answer, Name, Person};
use self::tokens::Issued;
pub use self::tokens::account_name;
use crate::wire::Process;

/// A promise of the product (ARCHITECTURE.md, Invariants).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// 1: What was accepted is never lost and ends in one state.
    NothingLost,
    /// 2: Nothing without recorded and sealed consent reaches Constant Contact.
    Consent,
    /// 3: Nobody is subscribed who has left since they agreed, or whom the customer does not want mailed.
    NobodyBroughtBack,
    /// 4: All calls together stay within the limits.
    Limits,
    /// 5: One refresh at a time, announced, and its pair stored before it is used.
    OneRefresh,
    /// 6: No token and no address in a log or an event.
    Silence,
    /// 7: A customer's data goes to that customer's account.
    OwnDataOnly,
    /// 8: No input causes a failure of ours.
    NoFailureByInput,
    /// 9: A delivery happens once.
    Once,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The promise.
    pub promise: Promise,
    /// How it was broken.
    pub how: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.how)
    }
}

/// How old a drain's lookups may be when it calls: its whole time, and a little.
pub(crate) const RACE: SignedDuration = SignedDuration::from_secs(75);

/// Limits that Constant Contact enforces on each application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any second.
    pub per_second: usize,
    /// Calls in a UTC day.
    pub per_day: usize,
}

/// The oracle.
pub struct Oracle {
    clock: VirtualClock,
    directory: MemoryDirectory,
    limits: Limits,
    violation: Option<Violation>,
    people: BTreeMap<Person, people::Known>,
    customers: BTreeMap<CustomerId, people::Side>,
    /// What a key stands for, and since when; `None` if that is uncertain.
    keys: BTreeMap<(CustomerId, String), Option<(LeadId, Timestamp)>>,
    /// Submissions without a key, by their content.
    duplicates: BTreeMap<(CustomerId, String), duplicates::Duplicates>,
    leads: BTreeMap<LeadId, Seen>,
    /// Every lead ever seen of each person.
    leads_of: BTreeMap<Person, BTreeSet<LeadId>>,
    /// Leads promised to be kept, but not seen in the ledger yet.
    unrecorded: BTreeSet<LeadId>,
    answered: BTreeSet<LeadId>,
    /// People whom the operator has erased, perhaps more than once.
    erased: BTreeSet<Person>,
    holders: BTreeMap<LeadId, Arc<Process>>,
    /// Claims whose holder has not received the answer (yet), and can do nothing with them.
    unheard: BTreeSet<LeadId>,
    calling: Vec<(LeadId, Arc<Process>)>,
    imported: BTreeMap<LeadId, CustomerId>,
    /// When an import was last requested, by account.
    imports_at: BTreeMap<String, Timestamp>,
    /// The import that a lead was last taken into.
    taken: BTreeMap<LeadId, ImportId>,
    tokens: BTreeMap<String, Issued>,
    codes: BTreeMap<String, String>,
    refreshing: Vec<(CustomerId, Arc<Process>)>,
    /// Refreshes announced in a row, and since when.
    announced: Vec<(CustomerId, Arc<Process>, Timestamp)>,
    /// When a pair was last stored that came from a new authorization.
    granted: BTreeMap<CustomerId, Timestamp>,
    calls: BTreeMap<String, VecDeque<Timestamp>>,
    calls_of_day: BTreeMap<(String, i64), usize>,
    /// The day on which the budget's rows were lost.
    uncounted: i64,
    /// Every API call.
    pub total_calls: u64,
}

impl Oracle {
    /// An oracle that has seen nothing.
    #[must_use]
    pub fn new(clock: VirtualClock, directory: MemoryDirectory, limits: Limits) -> Self {
        Self {
            clock,
            directory,
            limits,
            violation: None,
            people: BTreeMap::new(),
            customers: BTreeMap::new(),
            keys: BTreeMap::new(),
            duplicates: BTreeMap::new(),
            leads: BTreeMap::new(),
            leads_of: BTreeMap::new(),
            unrecorded: BTreeSet::new(),
            answered: BTreeSet::new(),
            erased: BTreeSet::new(),
            holders: BTreeMap::new(),
            unheard: BTreeSet::new(),
            calling: Vec::new(),
            imported: BTreeMap::new(),
            imports_at: BTreeMap::new(),
            taken: BTreeMap::new(),
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            refreshing: Vec::new(),
            announced: Vec::new(),
            granted: BTreeMap::new(),
            calls: BTreeMap::new(),
            calls_of_day: BTreeMap::new(),
            uncounted: 0,
            total_calls: 0,
        }
    }

    /// The violation, if there was any.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.violation.clone()
    }

    /// Only the first violation counts; later ones may follow from it.
    pub(crate) fn object(&mut self, promise: Promise, how: impl Into<String>) {
        let how = how.into();
        self.violation.get_or_insert(Violation { promise, how });
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Checks text that leaves the product for people other than the customer.
    pub fn hears(&mut self, where_: &str, words: &str) {
        let secrets = ["@", "access-", "refresh-", "code-", "client-secret"];
        if let Some(secret) = secrets.iter().find(|secret| words.contains(*secret)) {
            let how = format!("{where_} holds {secret}…: {}", words.trim());
            self.object(Promise::Silence, how);
        }
    }

    /// A process died: its current work ends with it.
    pub fn dies(&mut self, process: &Arc<Process>) {
        self.calling.retain(|(_, own)| !Arc::ptr_eq(own, process));
        self.refreshing
            .retain(|(_, own)| !Arc::ptr_eq(own, process));
        self.announced
            .retain(|(_, own, _)| !Arc::ptr_eq(own, process));
    }
}
