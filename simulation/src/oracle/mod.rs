//! The oracle: an independent record of what people did, what they were answered, and what Constant Contact saw.
//!
//! It never asks the code under test. `people` knows who consented and who opted out, `remote` checks every call
//! against that and against the limits, `tokens` knows every pair that was ever issued, `leads` follows each lead
//! through the ledger, and `end` says what may remain once time has passed.

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

pub use self::end::Phase;
pub use self::leads::Seen;
pub use self::people::{Answer, Person, SubmissionId};
use self::tokens::IssuedToken;
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

/// How old a drain's lookups may be when it calls: its time limit, and a little.
pub(crate) const MAX_LOOKUP_AGE: SignedDuration = SignedDuration::from_secs(75);

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
    people: BTreeMap<Person, people::KnownPerson>,
    customers: BTreeMap<CustomerId, people::KnownCustomer>,
    /// What a key stands for, and since when; `None` if that is uncertain.
    keys: BTreeMap<(CustomerId, String), Option<(LeadId, Timestamp)>>,
    /// Submissions without a key, by their content.
    duplicates: BTreeMap<(CustomerId, String), duplicates::Duplicates>,
    leads: BTreeMap<LeadId, Seen>,
    /// Every lead ever seen of each person.
    leads_of: BTreeMap<Person, BTreeSet<LeadId>>,
    /// Leads that were accepted, but not seen in the ledger yet.
    unrecorded: BTreeMap<LeadId, (Person, Timestamp)>,
    answered: BTreeSet<LeadId>,
    /// When the operator last asked for the erasure of people.
    erased: BTreeMap<Person, Timestamp>,
    claim_holders: BTreeMap<LeadId, Arc<Process>>,
    /// Claims whose holder has not received the answer (yet), and so cannot use them.
    unanswered_claims: BTreeSet<LeadId>,
    calls_in_flight: Vec<(LeadId, Arc<Process>)>,
    imported: BTreeMap<LeadId, CustomerId>,
    /// When an import was last requested, by account.
    imports_at: BTreeMap<String, Timestamp>,
    /// The import that a lead was last taken into.
    import_of: BTreeMap<LeadId, ImportId>,
    tokens: BTreeMap<String, IssuedToken>,
    codes: BTreeMap<String, String>,
    refreshing: Vec<(CustomerId, Arc<Process>)>,
    /// Refreshes announced in a row, and since when.
    announced: Vec<(CustomerId, Arc<Process>, Timestamp)>,
    /// When a pair was last stored that came from a new authorization.
    authorized_at: BTreeMap<CustomerId, Timestamp>,
    recent_calls: BTreeMap<String, VecDeque<Timestamp>>,
    calls_of_day: BTreeMap<(String, i64), usize>,
    /// The day on which the budget's rows were lost.
    uncounted_day: i64,
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
            unrecorded: BTreeMap::new(),
            answered: BTreeSet::new(),
            erased: BTreeMap::new(),
            claim_holders: BTreeMap::new(),
            unanswered_claims: BTreeSet::new(),
            calls_in_flight: Vec::new(),
            imported: BTreeMap::new(),
            imports_at: BTreeMap::new(),
            import_of: BTreeMap::new(),
            tokens: BTreeMap::new(),
            codes: BTreeMap::new(),
            refreshing: Vec::new(),
            announced: Vec::new(),
            authorized_at: BTreeMap::new(),
            recent_calls: BTreeMap::new(),
            calls_of_day: BTreeMap::new(),
            uncounted_day: 0,
            total_calls: 0,
        }
    }

    /// The violation, if there was any.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.violation.clone()
    }

    /// Only the first violation counts; later ones may follow from it.
    pub(crate) fn report_violation(&mut self, promise: Promise, how: impl Into<String>) {
        let how = how.into();
        self.violation.get_or_insert(Violation { promise, how });
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Checks text that leaves the product for anybody but the customer.
    pub fn check_text(&mut self, source: &str, text: &str) {
        let secrets = ["@", "access-", "refresh-", "code-", "client-secret"];
        if let Some(secret) = secrets.iter().find(|secret| text.contains(*secret)) {
            let how = format!("{source} contains {secret}…: {}", text.trim());
            self.report_violation(Promise::Silence, how);
        }
    }

    /// A process died, and its work with it.
    pub fn process_died(&mut self, process: &Arc<Process>) {
        self.calls_in_flight
            .retain(|(_, own)| !Arc::ptr_eq(own, process));
        self.refreshing
            .retain(|(_, own)| !Arc::ptr_eq(own, process));
        self.announced
            .retain(|(_, own, _)| !Arc::ptr_eq(own, process));
    }
}
