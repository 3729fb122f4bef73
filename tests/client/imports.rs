//! Bulk imports against the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use cc_sandbox::contract::{Permission, Source};
use cc_sandbox::world::{ActivityState, SeedContact};
use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::domain::contact::Contact;
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::import::ImportRow;
use leadfeed_shared::ports::{Activity, BulkImports, Contacts, Progress};

use crate::harness::{Harness, email, minimal_sign_up};

fn row(address: &str) -> ImportRow {
    let contact = Contact {
        first_name: "Ada".into(),
        phone_number: "555 0100".into(),
        ..Contact::of(email(address))
    };
    ImportRow::new(contact, |_| None)
}

async fn finish(harness: &Harness, activity: &Activity) -> Activity {
    harness.sandbox.advance(SignedDuration::from_secs(60));
    let found = harness.api.activity(&harness.token, &activity.id).await;
    found.unwrap().unwrap()
}

#[tokio::test]
async fn import_completes_and_creates_implicit_contacts() {
    let harness = Harness::start().await;
    let field = harness.account(|account| {
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

    let activity = harness
        .api
        .import(&harness.token, &rows, &[harness.list()])
        .await
        .unwrap();

    assert_eq!((activity.rows, activity.progress), (0, Progress::Pending));
    assert!(activity.created_at >= since);
    let finished = finish(&harness, &activity).await;
    assert_eq!(finished.progress, Progress::Completed { error_count: 0 });
    let shown = harness.contact_json("ada@example.com").await;
    assert_eq!(shown["email_address"]["permission_to_send"], "implicit");
    assert_eq!(shown["custom_fields"][0]["value"], "difference");
    let listed = harness.api.activities(&harness.token, None).await.unwrap();
    assert_eq!(
        (&listed.items[0].id, listed.items[0].rows),
        (&activity.id, 2),
        "the header row is not counted"
    );
    let changed = harness
        .api
        .changed_since(&harness.token, since, None)
        .await
        .unwrap();
    assert!(changed.items.contains(&"bob@example.com".to_owned()));
}

#[tokio::test]
async fn import_counts_an_opted_out_contact_as_troubled_and_not_as_changed() {
    let harness = Harness::start().await;
    let here = minimal_sign_up("ada@example.com", harness.list());
    harness.api.sign_up(&harness.token, &here).await.unwrap();
    harness.unsubscribe("ada@example.com");
    let since = Timestamp::now();
    let rows = [row("ada@example.com"), row("bob@example.com")];

    let activity = harness
        .api
        .import(&harness.token, &rows, &[harness.list()])
        .await
        .unwrap();

    let finished = finish(&harness, &activity).await;
    assert_eq!(finished.progress, Progress::Completed { error_count: 1 });
    let changed = harness
        .api
        .changed_since(&harness.token, since, None)
        .await
        .unwrap();
    assert_eq!(changed.items, ["bob@example.com"]);
    let found = harness
        .api
        .find(&harness.token, &email("ada@example.com"))
        .await;
    assert!(found.unwrap().unwrap().opted_out_at.is_some());
}

#[tokio::test]
async fn deleted_since_lists_deleted_contacts_until_an_import_restores_them() {
    let harness = Harness::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    for name in ["ada", "bob", "eve"] {
        let here = minimal_sign_up(&format!("{name}@example.com"), harness.list());
        harness.api.sign_up(&harness.token, &here).await.unwrap();
    }
    harness.unsubscribe("bob@example.com");
    harness.delete_contact("eve@example.com");
    let deleted = async |since| {
        let page = harness.api.deleted_since(&harness.token, since, None).await;
        page.unwrap().items
    };

    let listed = deleted(since).await;

    let [(address, at)] = &listed[..] else {
        panic!("{listed:?}")
    };
    assert_eq!(address, "eve@example.com");
    assert!(*at >= since && *at <= Timestamp::now());
    let later = Timestamp::now() + SignedDuration::from_hours(24);
    assert_eq!(deleted(later).await, []);
    let rows = [row("eve@example.com")];
    let activity = harness
        .api
        .import(&harness.token, &rows, &[harness.list()])
        .await;
    finish(&harness, &activity.unwrap()).await;
    assert_eq!(deleted(since).await, []);
    assert!(harness.contact_json("eve@example.com").await["deleted_at"].is_null());
}

#[tokio::test]
async fn deleted_since_lists_a_contact_that_had_left_long_before() {
    let harness = Harness::start().await;
    let here = minimal_sign_up("ada@example.com", harness.list());
    harness.api.sign_up(&harness.token, &here).await.unwrap();
    let left = Timestamp::now() - SignedDuration::from_hours(48);
    harness.account(|account| {
        let id = account.contact_by_email("ada@example.com").unwrap().id;
        let contact = account.contact_mut(id).unwrap();
        contact.unsubscribe(Source::Contact, None, left);
    });
    harness.delete_contact("ada@example.com");
    let since = Timestamp::now() - SignedDuration::from_secs(1);

    let deleted = harness.api.deleted_since(&harness.token, since, None).await;

    let addresses = deleted.unwrap().items.into_iter().map(|(key, _)| key);
    assert_eq!(addresses.collect::<Vec<_>>(), ["ada@example.com"]);
}

#[tokio::test]
async fn deleted_since_returns_the_next_page_by_cursor() {
    let harness = Harness::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    harness.sandbox.with(|lab| {
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

    let first = harness.api.deleted_since(&harness.token, since, None).await;
    let first = first.unwrap();
    let cursor = first.next.as_deref();
    let next = harness
        .api
        .deleted_since(&harness.token, since, cursor)
        .await;
    let next = next.unwrap();

    assert_eq!((first.items.len(), next.items.len()), (500, 1));
    assert_eq!(next.next, None);
}

#[tokio::test]
async fn failed_cancelled_or_timed_out_import_is_reported_as_failed() {
    let harness = Harness::start().await;
    let endings = [
        ActivityState::Failed,
        ActivityState::Cancelled,
        ActivityState::TimedOut,
    ];
    harness.account(|account| account.import_endings.extend(endings));
    for ending in endings {
        let rows = [row("ada@example.com")];
        let lists = [harness.list()];
        let activity = harness.api.import(&harness.token, &rows, &lists).await;

        let finished = finish(&harness, &activity.unwrap()).await;

        assert_eq!(finished.progress, Progress::Failed, "{ending:?}");
    }
    let ada = email("ada@example.com");
    let found = harness.api.find(&harness.token, &ada).await;
    assert!(found.unwrap().is_none());
}

#[tokio::test]
async fn import_body_over_4_mb_is_not_sent() {
    let harness = Harness::start().await;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while bytes < 4_000_000 {
        let row = row(&format!("lead{}@example.com", rows.len()));
        bytes += row.bytes();
        rows.push(row);
    }

    let refused = harness
        .api
        .import(&harness.token, &rows, &[harness.list()])
        .await;

    assert_eq!(refused, Err(CrmError::BadRequest(413)));
    let listed = harness.api.activities(&harness.token, None).await.unwrap();
    assert_eq!(listed.items, []);
}

#[tokio::test]
async fn unknown_activity_is_none_and_changed_since_is_paged() {
    let harness = Harness::start().await;
    let since = Timestamp::now() - SignedDuration::from_secs(1);
    let rows: Vec<_> = (0..501)
        .map(|i| row(&format!("lead{i}@example.com")))
        .collect();
    let unknown = "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap();
    assert_eq!(
        harness.api.activity(&harness.token, &unknown).await,
        Ok(None)
    );

    let activity = harness
        .api
        .import(&harness.token, &rows, &[harness.list()])
        .await
        .unwrap();
    finish(&harness, &activity).await;
    tokio::time::sleep(Duration::from_millis(10)).await;

    let first = harness
        .api
        .changed_since(&harness.token, since, None)
        .await
        .unwrap();
    assert!(first.items.len() <= 500);
    let next = harness
        .api
        .changed_since(&harness.token, since, first.next.as_deref());
    assert!(first.items.len() + next.await.unwrap().items.len() >= 501);
}

#[tokio::test]
async fn activities_are_returned_page_by_page() {
    let harness = Harness::start().await;
    let (rows, lists) = ([row("ada@example.com")], [harness.list()]);
    for _ in 0..501 {
        let activity = harness.api.import(&harness.token, &rows, &lists).await;
        activity.unwrap();
    }

    let first = harness.api.activities(&harness.token, None).await.unwrap();
    let next = harness
        .api
        .activities(&harness.token, first.next.as_deref())
        .await;
    let next = next.unwrap();

    assert_eq!((first.items.len(), next.items.len()), (500, 1));
    assert_eq!(next.next, None);
    assert!(!first.items.contains(&next.items[0]));
}
