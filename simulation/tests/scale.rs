//! What many customers and leads cost.

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

/// What is written of each lead. Those of this world come at full minutes, so that each claims what it says as well.
const WRITES: [&str; 4] = ["record", "claim", "settle", "claim_key"];

/// Operations of both tables that the leads of a day brought with them, for each: of the ledger and in all, by name. What a
/// scheduler does each minute it does for none as well.
struct Brought {
    ledger: BTreeMap<&'static str, f64>,
    all: Vec<(&'static str, f64)>,
}

impl Brought {
    fn by(day: &Growth) -> Self {
        let quiet = growth(day.customers, 0).operations;
        let (mut ledger, mut all) = (BTreeMap::new(), Vec::new());
        for (operation, count) in &day.operations {
            let (service, name) = *operation;
            let own = count - quiet.get(operation).unwrap_or(&0);
            let each = day.per_lead(own);
            if service == Ledger && !READS.contains(&name) {
                ledger.insert(name, each);
            }
            if [Directory, Ledger].contains(&service) {
                all.push((name, each));
            }
        }
        Self { ledger, all }
    }

    fn in_all(&self) -> f64 {
        self.all.iter().map(|(_, each)| each).sum()
    }

    fn writes(&self) -> f64 {
        let writes = self.all.iter().filter(|(name, _)| !READS.contains(name));
        writes.map(|(_, each)| each).sum()
    }
}

#[test]
fn a_lead_costs_one_call_and_three_writes_of_the_ledger_and_no_more_of_anything_among_many() {
    let days = [growth(10, 1_000), growth(30, 3_000)];

    let [few, many] = days.each_ref().map(|day| {
        assert_eq!(day.delivered, day.leads);
        let calls = day.per_lead(day.calls);
        assert!((1.0..1.005).contains(&calls), "{calls} calls a lead");
        let mut brought = Brought::by(day);
        for write in WRITES {
            let each = brought.ledger.remove(write).unwrap_or(0.0);
            assert!((1.0..1.005).contains(&each), "{each} {write} a lead");
        }
        let other: f64 = brought.ledger.values().sum();
        assert!(other < 0.05, "{:?}", brought.ledger);
        assert!(brought.in_all() < 14.0, "{:?}", brought.all);
        brought.writes()
    });

    assert!(many <= few, "{many} > {few}");
}
