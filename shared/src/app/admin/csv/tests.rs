use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::app::admin::Properties;
use crate::app::scene::Scene;
use crate::domain::ids::LeadId;
use crate::domain::lead::{Lead, LeadState, RefusalReason};
use crate::fakes::samples::{self, delivered};
use crate::ports::{Clock as _, Ledger as _};

/// More than an export marks at once.
const LEADS: usize = 30;

/// A connected customer with [`LEADS`] leads in the queue, a minute apart.
async fn scene() -> Scene {
    let scene = Scene::connected().await;
    for i in 0..LEADS {
        let email = format!("p{i}@example.com");
        scene.submit(&[("email", email.as_str())]).await;
        scene.memory.clock.advance(SignedDuration::from_secs(61));
    }
    scene
}

#[tokio::test]
async fn export_racing_the_drain_writes_or_delivers_each_lead_but_never_both() {
    let mut delivered = 0;
    for delay in 0..12 {
        let scene = scene().await;
        let admin = scene.memory.admin();
        let query = Properties::from_query([]);
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        let drains = async {
            for _ in 0..delay {
                tokio::task::yield_now().await;
            }
            for _ in 0..LEADS / 10 {
                assert_eq!(scene.drain().await, [""; 0]);
            }
        };

        let (file, ()) = tokio::join!(file, drains);

        let text = String::from_utf8(file.unwrap().csv).unwrap();
        for record in scene.memory.ledger.all() {
            let address = record.lead.contact.email.as_str();
            let is_written = text.contains(&format!("\n{address},"));
            let is_delivered = matches!(record.state, LeadState::Delivered { .. });
            assert_ne!(
                is_written, is_delivered,
                "{address}, drains begin {delay} yields late"
            );
            assert_eq!(is_written, record.exported_at.is_some(), "{address}");
            delivered += usize::from(is_delivered);
        }
    }
    assert!(delivered > 0, "no lead was delivered during an export");
}

/// Ids of one hour are in the order of their keys' digests, not in the order in which the leads came in.
#[tokio::test]
async fn upload_row_has_newest_values_and_fills_gaps_from_the_older_lead() {
    for pair in 0..10 {
        let scene = Scene::connected().await;
        for (number, values) in [("Augusta", "555 0100"), ("Ada", "")].iter().enumerate() {
            let fields = [
                ("email", "ada@example.com"),
                ("first_name", values.0),
                ("phone_number", values.1),
            ];
            let key = format!("{pair}-{number}");
            scene.submit_with_key(&key, &fields).await.unwrap();
            scene.memory.clock.advance(SignedDuration::from_mins(10));
        }

        let query = Properties::from_query([]);
        let admin = scene.memory.admin();
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        let file = file.await.unwrap();

        let text = String::from_utf8(file.csv).unwrap();
        assert_eq!(file.rows, 1);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines.len(), 1, "{text}");
        let row = "ada@example.com,Ada,,,,555 0100,";
        assert!(lines[0].starts_with(row), "{text}");
    }
}

/// What Constant Contact's upload page stores of each column.
const LENGTHS: [usize; 12] = [80, 50, 50, 50, 50, 25, 50, 50, 50, 50, 25, 25];

#[tokio::test]
async fn upload_truncates_long_values_and_omits_invalid_phone_numbers() {
    let long = "ä".repeat(300);
    for phone in ["call me", "=HYPERLINK(\"https://evil.example\")"] {
        let scene = Scene::connected().await;
        let label = format!("custom_fields[{}]", "l".repeat(60));
        let fields = [
            "first_name",
            "last_name",
            "job_title",
            "company_name",
            "street",
            "city",
            "state",
            "postal_code",
            "country",
            &label,
        ];
        let fields = fields.iter().map(|field| (*field, long.as_str()));
        let others = [("email", "ada@example.com"), ("phone_number", phone)];
        let fields: Vec<_> = fields.chain(others).collect();
        scene.submit(&fields).await;

        let query = Properties::from_query([]);
        let admin = scene.memory.admin();
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        let file = file.await.unwrap();

        let mut reader = csv::Reader::from_reader(file.csv.as_slice());
        let length = |cell: &str| cell.chars().count();
        assert_eq!(reader.headers().unwrap().iter().map(length).max(), Some(50));
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(&row[5], "", "{phone}");
        let lengths: Vec<_> = row.iter().map(length).collect();
        for (length, most) in lengths.iter().zip(LENGTHS.iter().chain(&[255])) {
            assert!(length <= most, "{lengths:?}");
        }
    }
}

#[tokio::test]
async fn opted_out_person_is_exported_only_by_leads_newer_than_the_opt_out() {
    let scene = Scene::connected().await;
    let ada = [("email", "ada@example.com")];
    let mut leads = Vec::new();
    for _ in 0..3 {
        leads.push(scene.submit(&ada).await.lead);
        scene.memory.clock.advance(SignedDuration::from_hours(2));
    }
    let set_states = |last: &LeadId, state: LeadState| {
        scene.memory.ledger.tamper(|record| match &record.lead.id {
            id if *id == leads[0] => record.state = delivered(),
            id if *id == leads[1] => {
                record.state = LeadState::refused(RefusalReason::OptedOutAfterConsent);
            }
            id if id == last => record.state = state.clone(),
            _ => {}
        });
    };
    let rows = async |query: &[(&str, &str)]| {
        let query = Properties::from_query(query.iter().copied());
        let admin = scene.memory.admin();
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        file.await.unwrap().rows
    };

    set_states(&leads[2], LeadState::Erased);
    for status in ["all", "delivered", "undelivered"] {
        let query = [("status", status), ("dialect", "spreadsheet")];
        assert_eq!(rows(&query).await, 0, "{status}");
    }
    set_states(&leads[2], delivered());
    let query = [("status", "all"), ("dialect", "spreadsheet")];
    assert_eq!(rows(&query).await, 1, "the lead of the later consent");
}

#[tokio::test]
async fn part_marks_at_most_5000_leads_and_the_next_part_the_rest() {
    let scene = Scene::unconnected().await;
    let ada = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let ledger = &scene.memory.ledger;
    let template = ledger.peek(&scene.customer, &ada).unwrap().lead;
    for second in 1..=5_000 {
        let lead = earlier_lead(&scene, &template, second);
        let at = lead.received_at;
        ledger.record(&lead, &LeadState::Queued, at).await.unwrap();
    }
    let export = async |cursor: Option<String>| {
        let cursor = cursor.iter().map(|cursor| ("cursor", cursor.as_str()));
        let query = Properties::from_query(cursor);
        let admin = scene.memory.admin();
        let part = admin.export(&scene.customer, query, Timestamp::MAX);
        part.await.unwrap()
    };

    let first = export(None).await;
    let second = export(first.next).await;

    assert_eq!((first.rows, second.rows), (5_000, 1));
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn export_starts_a_new_part_after_39999_rows_without_duplicates() {
    let scene = Scene::unconnected().await;
    let ada = scene.submit(&[("email", "ada@example.com")]).await.lead;
    let ledger = &scene.memory.ledger;
    let template = ledger.peek(&scene.customer, &ada).unwrap().lead;
    for second in 1..40_000 {
        let lead = earlier_lead(&scene, &template, second);
        let at = lead.received_at;
        ledger.record(&lead, &delivered(), at).await.unwrap();
    }
    let (mut parts, mut people, mut cursor) = (Vec::new(), BTreeSet::new(), None::<String>);
    while parts.is_empty() || cursor.is_some() {
        let begins = cursor.iter().map(|cursor| ("cursor", cursor.as_str()));
        let query = Properties::from_query([("status", "all")].into_iter().chain(begins));
        let admin = scene.memory.admin();
        let part = admin.export(&scene.customer, query, Timestamp::MAX);
        let part = part.await.unwrap();
        for row in csv::Reader::from_reader(part.csv.as_slice()).records() {
            assert!(
                people.insert(row.unwrap()[0].to_owned()),
                "a person was exported twice"
            );
        }
        parts.push((part.name, part.rows));
        cursor = part.next;
    }

    let name = |number| format!("engines-all-2026-11-23-part-{number}.csv");
    assert_eq!(parts, [(name(1), 39_999), (name(2), 1)]);
    assert_eq!(people.len(), 40_000);
}

#[tokio::test]
async fn upload_excludes_leads_with_too_old_consent_unless_already_delivered() {
    let scene = Scene::unconnected().await;
    let given = (scene.memory.clock.now() - SignedDuration::from_hours(24 * 729)).to_string();
    let ada = [
        ("email", "ada@example.com"),
        ("consent_given_at", given.as_str()),
    ];
    let ada = scene.submit(&ada).await.lead;
    scene.sign_up("bob@example.com").await;
    let rows = async |status: &str| {
        let query = Properties::from_query([("status", status), ("look", "true")]);
        let admin = scene.memory.admin();
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        file.await.unwrap().rows
    };
    let rows = async || [rows("undelivered").await, rows("all").await];

    let before = rows().await;
    scene.memory.clock.advance(SignedDuration::from_hours(48));
    let after = rows().await;
    scene.memory.ledger.tamper(|record| {
        if record.lead.id == ada {
            record.state = delivered();
        }
    });

    assert_eq!((before, after), ([2, 2], [1, 1]));
    assert_eq!(rows().await, [1, 2]);
}

/// A copy of a lead for another person, received so many seconds earlier.
fn earlier_lead(scene: &Scene, template: &Lead, seconds: i64) -> Lead {
    let at = template.received_at - SignedDuration::from_secs(seconds);
    samples::lead_of_another_person(
        template,
        seconds.unsigned_abs().into(),
        at,
        &scene.memory.keys(),
    )
}
