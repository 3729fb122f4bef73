//! The counts by which the operator bills.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use leadfeed_shared::domain::tally::{Counts, TallyChanges};
use leadfeed_shared::ports::Tallies as _;
use serde_json::{Value, json};

use crate::stage::Stage;

const COUNTS: &str = "/v1/customers/engines/counts";

/// Counts this many leads of `engines` under a label on a day.
async fn count(stage: &Stage, day: Date, label: &str, number: usize) {
    let mut changes = TallyChanges::default();
    for _ in 0..number {
        changes.count(day, None, Some(label.into()));
    }
    let engines = "engines".parse().unwrap();
    let directory = &stage.memory.directory;
    let tallied = directory.tally(&engines, &changes, Timestamp::UNIX_EPOCH);
    tallied.await.unwrap();
}

fn days(counts: &Value) -> Vec<&str> {
    let days = counts["days"].as_array().unwrap().iter();
    days.map(|day| day["day"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn counts_show_the_outcomes_of_each_day_and_their_totals() {
    let stage = Stage::with_customers().await;
    let (sunday, monday) = (date(2026, 11, 22), date(2026, 11, 23));
    for (label, number) in [
        ("delivered", 3),
        ("delivered.implicit", 2), // a part of `delivered`, not a reason
        ("waiting.quota", 2),
        ("waiting.no_list", 1),
        ("refused.suppressed", 3),
        ("quarantined.honeypot", 4),
        ("exported", 6),
        ("erased", 7),
    ] {
        count(&stage, monday, label, number).await;
    }
    count(&stage, sunday, "delivered", 1).await;
    count(&stage, sunday, "waiting.quota", 1).await;

    let counts = stage.get(COUNTS).await;
    let others = stage.get("/v1/customers/looms/counts").await;

    assert_eq!(
        (counts.text("since"), counts.text("until")),
        ("2026-10-25".into(), "2026-11-23".into())
    );
    assert_eq!(counts.text("customer_id"), "engines");
    assert_eq!(days(&counts.body), ["2026-11-22", "2026-11-23"]);
    assert_eq!(
        counts.body["days"][1],
        json!({
            "day": "2026-11-23", "submitted": 28, "delivered": 5, "waiting": 3, "refused": 3, "quarantined": 4,
            "exported": 6, "erased": 7,
            "reasons": {
                "waiting.quota": 2, "waiting.no_list": 1, "refused.suppressed": 3, "quarantined.honeypot": 4,
            },
        })
    );
    let total = &counts.body["total"];
    assert_eq!(
        (&total["submitted"], &total["delivered"]),
        (&json!(30), &json!(6))
    );
    assert_eq!(total["reasons"]["waiting.quota"], 3);
    assert_eq!(others.body["days"], json!([]));
    assert_eq!(others.body["total"]["submitted"], 0);
}

#[tokio::test]
async fn counts_include_exactly_the_days_from_since_to_until() {
    let stage = Stage::with_customers().await;
    for day in [date(2026, 8, 31), date(2026, 9, 1), date(2026, 9, 30)] {
        count(&stage, day, "delivered", 1).await;
    }
    count(&stage, date(2026, 10, 1), "delivered", 1).await;

    let counted = async |query| stage.get(&format!("{COUNTS}?{query}")).await.body;
    let september = counted("since=2026-09-01&until=2026-09-30").await;
    let thirty = counted("until=2026-09-29").await;

    assert_eq!(days(&september), ["2026-09-01", "2026-09-30"]);
    assert_eq!(september["total"]["submitted"], 2);
    assert_eq!(days(&thirty), ["2026-08-31", "2026-09-01"]);
}

#[tokio::test]
async fn counts_cover_at_most_92_days_per_request() {
    let stage = Stage::with_customers().await;
    for (query, fault) in [
        ("since=2026-08-23", Some(("since", "out_of_range"))),
        ("since=2026-08-24", None),
        ("since=2026-11-24", Some(("since", "out_of_range"))),
        ("since=2026-11-23&until=2026-11-23", None),
        ("since=2020-02-29&until=2020-05-30", None),
        (
            "since=-009999-01-01&until=9999-12-31",
            Some(("since", "out_of_range")),
        ),
        ("since=2026-11-23T00:00:00Z", Some(("since", "malformed"))),
        ("until=20261123", Some(("until", "malformed"))),
        (
            "since=0001-01-01&until=9999-12-31",
            Some(("since", "out_of_range")),
        ),
        ("until=0000-01-01", None),
        ("day=2026-11-23", Some(("day", "unknown_property"))),
    ] {
        let answer = stage.get(&format!("{COUNTS}?{query}")).await;
        let expected: Vec<_> = fault.into_iter().collect();
        assert_eq!(answer.field_errors(), expected, "{query}");
        assert_eq!(answer.status, if fault.is_some() { 422 } else { 200 });
    }
    let unknown_customer = stage.get("/v1/customers/nobody/counts").await;
    assert_eq!(unknown_customer.status, 404);
}

#[tokio::test]
async fn counts_of_a_removed_customer_remain_available() {
    let stage = Stage::with_customers().await;
    count(&stage, date(2026, 11, 23), "delivered", 2).await;
    stage.delete("/v1/customers/engines").await;

    let counts = stage.get(COUNTS).await;

    assert_eq!(counts.body["total"]["delivered"], 2);
}

#[tokio::test]
async fn day_that_is_only_in_doubt_is_not_listed_in_counts() {
    let stage = Stage::with_customers().await;
    let mut changes = TallyChanges::default();
    changes.doubt(date(2026, 11, 23));
    let engines = "engines".parse().unwrap();
    let directory = &stage.memory.directory;
    let tallied = directory.tally(&engines, &changes, Timestamp::UNIX_EPOCH);
    tallied.await.unwrap();
    assert_eq!(
        directory.tallies(&engines).await.unwrap()[0].counts,
        Counts::new()
    );

    assert_eq!(stage.get(COUNTS).await.body["days"], json!([]));
}
