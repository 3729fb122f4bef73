//! What a lead costs among many.

use std::collections::BTreeMap;

use leadfeed_simulation::scale::{Growth, growth};
use leadfeed_simulation::wire::Service::{Directory, Ledger};

/// Operations that change nothing.
const READS: [&str; 16] = [
    "connection",
    "count",
    "customer",
    "due_imports",
    "due_lanes",
    "form",
    "idle",
    "lead",
    "leads_of",
    "lost",
    "overdue",
    "quarantined",
    "state",
    "suppressed",
    "unsettled",
    "waiting",
];

/// What each lead writes. Those of this world come at full minutes, so that each claims its content as well.
const WRITES: [&str; 4] = ["record", "claim", "settle", "claim_key"];

/// Operations per lead, by name: writes of the ledger, and all of both tables. What the scheduler does each minute even
/// without leads is not included.
struct PerLead {
    ledger_writes: BTreeMap<&'static str, f64>,
    all: Vec<(&'static str, f64)>,
}

impl PerLead {
    fn of(day: &Growth) -> Self {
        let idle = growth(day.customers, 0).operations;
        let (mut ledger_writes, mut all) = (BTreeMap::new(), Vec::new());
        for (operation, count) in &day.operations {
            let (service, name) = *operation;
            let caused = count - idle.get(operation).unwrap_or(&0);
            let each = day.per_lead(caused);
            if service == Ledger && !READS.contains(&name) {
                ledger_writes.insert(name, each);
            }
            if [Directory, Ledger].contains(&service) {
                all.push((name, each));
            }
        }
        Self { ledger_writes, all }
    }

    fn total(&self) -> f64 {
        self.all.iter().map(|(_, each)| each).sum()
    }

    fn writes(&self) -> f64 {
        let writes = self.all.iter().filter(|(name, _)| !READS.contains(name));
        writes.map(|(_, each)| each).sum()
    }
}

#[test]
fn lead_costs_one_call_and_four_ledger_writes_and_no_more_as_volume_grows() {
    let days = [growth(10, 1_000), growth(30, 3_000)];

    let [few, many] = days.each_ref().map(|day| {
        assert_eq!(day.delivered, day.leads);
        let calls = day.per_lead(day.calls);
        assert!((1.0..1.005).contains(&calls), "{calls} calls a lead");
        let mut per_lead = PerLead::of(day);
        for write in WRITES {
            let each = per_lead.ledger_writes.remove(write).unwrap_or(0.0);
            assert!((1.0..1.005).contains(&each), "{each} {write} a lead");
        }
        let other: f64 = per_lead.ledger_writes.values().sum();
        assert!(other < 0.05, "{:?}", per_lead.ledger_writes);
        assert!(per_lead.total() < 14.0, "{:?}", per_lead.all);
        per_lead.writes()
    });

    assert!(many <= few, "{many} > {few}");
}
