//! Bulk imports against the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_sandbox::contract::Permission;
use cc_sandbox::world::{ActivityState, SeedContact};
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::contact::Contact;
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::import::ImportRow;
use leadfeed_shared::ports::{Activity, BulkImports, Contacts, Progress};

use crate::bench::{Bench, bare, email};

fn row(address: &str) -> ImportRow {
    let contact = Contact {
        first_name: "Ada".into(),
        phone_number: "555 0100".into(),
        ..Contact::of(email(address))
    };
    ImportRow::new(contact, |_| None)
}

async fn ended(bench: &Bench, activity: &Activity) -> Activity {
    bench.sandbox.advance(SignedDuration::from_secs(60));
    let shown = bench.api.activity(&bench.token, &activity.id).await;
    shown.unwrap().unwrap()
}

#[tokio::test]
async fn an_import_runs_to_its_end_and_its_contacts_are_implicit() {
    let bench = Bench::start().await;
    let field = bench.account(|account| {
        let text = account.fields.iter().find(|field| field.label.len() > 1);
        text.map(|field| (field.label.clone(), field.name.clone()))
            .unwrap()
    });
    let mut contact = Contact::of(email("ada@example.com"));
    contact.custom_fields = BTreeMap::from([(field.0.clone(), "difference".into())]);
    let rows = [
        ImportRow::new(contact, |label| (label == field.0).then(|| field.1.clone())),
        row("bob@example.com"),
    ];
    let since = Timestamp::now() - SignedDuration::from_secs(1);

    let asked = bench
        .api
        .import(&bench.token, &rows, &[bench.list()])
        .await
        .unwrap();

    assert_eq!((asked.rows, asked.progress), (0, Progress::Pending));
    assert!(asked.created_at >= since);
    let done = ended(&bench, &asked).await;
    assert_eq!(done.progress, Progress::Completed { troubled: 0 });
    let shown = bench.shown("ada@example.com").await;
    assert_eq!(shown["email_address"]["permission_to_send"], "implicit");
    assert_eq!(shown["custom_fields"][0]["value"], "difference");
    let listed = bench.api.activities(&bench.token, None).await.unwrap();
    assert_eq!(
        (&listed.items[0].id, listed.items[0].rows),
        (&asked.id, 2),
        "a header is no row"
    );
    let changed = bench
        .api
        .changed_since(&bench.token, since, None)
        .await
        .unwrap();
    assert!(changed.items.contains(&"bob@example.com".to_owned()));
}

#[tokio::test]
async fn who_has_left_is_counted_as_trouble_and_not_among_those_who_changed() {
    let bench = Bench::start().await;
    let here = bare("ada@example.com", bench.list());
    bench.api.sign_up(&bench.token, &here).await.unwrap();
    bench.leave("ada@example.com");
    let since = Timestamp::now();
    let rows = [row("ada@example.com"), row("bob@example.com")];

    let asked = bench
        .api
        .import(&bench.token, &rows, &[bench.list()])
        .await
        .unwrap();

    let done = ended(&bench, &asked).await;
    assert_eq!(done.progress, Progress::Completed { troubled: 1 });
    let changed = bench
        .api
        .changed_since(&bench.token, since, None)
        .await
        .unwrap();
    assert_eq!(changed.items, ["bob@example.com"]);
    let found = bench
        .api
        .find(&bench.token, &email("ada@example.com"))
        .await;
    assert!(found.unwrap().unwrap().opted_out_at.is_some());
}

#[tokio::test]
async fn whom_the_account_deleted_is_told_as_an_import_would_bring_them_back() {
    let bench = Bench::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    for name in ["ada", "bob", "eve"] {
        let here = bare(&format!("{name}@example.com"), bench.list());
        bench.api.sign_up(&bench.token, &here).await.unwrap();
    }
    bench.leave("bob@example.com");
    bench.delete("eve@example.com");
    let deleted = async |since| {
        let told = bench.api.deleted_since(&bench.token, since, None).await;
        told.unwrap().items
    };

    let told = deleted(since).await;

    let [(address, at)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(address, "eve@example.com");
    assert!(*at >= since && *at <= Timestamp::now());
    let later = Timestamp::now() + SignedDuration::from_hours(24);
    assert_eq!(deleted(later).await, []);
    let rows = [row("eve@example.com")];
    let asked = bench.api.import(&bench.token, &rows, &[bench.list()]).await;
    ended(&bench, &asked.unwrap()).await;
    assert_eq!(deleted(since).await, []);
    assert!(bench.shown("eve@example.com").await["deleted_at"].is_null());
}

#[tokio::test]
async fn pages_of_deleted_contacts_are_followed() {
    let bench = Bench::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    bench.sandbox.with(|lab| {
        let (world, mut context) = lab.at(Timestamp::now());
        for n in 0..501 {
            let seed = SeedContact {
                email: format!("gone{n}@example.com"),
                permission: Permission::Explicit,
                lists: vec![],
                deleted: true,
                opt_out_source: None,
                opt_out_date: None,
            };
            world.accounts[0].seed_contact(seed, &mut context).unwrap();
        }
    });

    let first = bench.api.deleted_since(&bench.token, since, None).await;
    let first = first.unwrap();
    let cursor = first.next.as_deref();
    let next = bench.api.deleted_since(&bench.token, since, cursor).await;
    let next = next.unwrap();

    assert_eq!((first.items.len(), next.items.len()), (500, 1));
    assert_eq!(next.next, None);
}

#[tokio::test]
async fn an_import_that_failed_was_cancelled_or_took_too_long_has_failed() {
    let bench = Bench::start().await;
    let endings = [
        ActivityState::Failed,
        ActivityState::Cancelled,
        ActivityState::TimedOut,
    ];
    bench.account(|account| account.import_endings.extend(endings));
    for ending in endings {
        let rows = [row("ada@example.com")];
        let lists = [bench.list()];
        let asked = bench.api.import(&bench.token, &rows, &lists).await;

        let done = ended(&bench, &asked.unwrap()).await;

        assert_eq!(done.progress, Progress::Failed, "{ending:?}");
    }
    let ada = email("ada@example.com");
    let found = bench.api.find(&bench.token, &ada).await;
    assert!(found.unwrap().is_none());
}

#[tokio::test]
async fn a_body_that_would_be_cut_is_not_sent() {
    let bench = Bench::start().await;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while bytes < 4_000_000 {
        let row = row(&format!("lead{}@example.com", rows.len()));
        bytes += row.bytes();
        rows.push(row);
    }

    let refused = bench.api.import(&bench.token, &rows, &[bench.list()]).await;

    assert_eq!(refused, Err(CrmError::Ours(413)));
    let listed = bench.api.activities(&bench.token, None).await.unwrap();
    assert_eq!(listed.items, []);
}

#[tokio::test]
async fn an_activity_nobody_knows_is_none_and_pages_of_changes_are_followed() {
    let bench = Bench::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    let rows: Vec<_> = (0..501)
        .map(|i| row(&format!("lead{i}@example.com")))
        .collect();
    let never = "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap();
    assert_eq!(bench.api.activity(&bench.token, &never).await, Ok(None));

    let asked = bench
        .api
        .import(&bench.token, &rows, &[bench.list()])
        .await
        .unwrap();
    ended(&bench, &asked).await;
    tokio::time::sleep(Duration::from_millis(10)).await;

    let first = bench
        .api
        .changed_since(&bench.token, since, None)
        .await
        .unwrap();
    assert!(first.items.len() <= 500);
    let next = bench
        .api
        .changed_since(&bench.token, since, first.next.as_deref());
    assert!(first.items.len() + next.await.unwrap().items.len() >= 501);
}

#[tokio::test]
async fn more_activities_than_a_page_holds_are_listed_page_by_page() {
    let bench = Bench::start().await;
    let (rows, lists) = ([row("ada@example.com")], [bench.list()]);
    for _ in 0..501 {
        let asked = bench.api.import(&bench.token, &rows, &lists).await;
        asked.unwrap();
    }

    let first = bench.api.activities(&bench.token, None).await.unwrap();
    let next = bench
        .api
        .activities(&bench.token, first.next.as_deref())
        .await;
    let next = next.unwrap();

    assert_eq!((first.items.len(), next.items.len()), (500, 1));
    assert_eq!(next.next, None);
    assert!(!first.items.contains(&next.items[0]));
}
