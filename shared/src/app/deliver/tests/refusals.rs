//! What a refusal blames, and how long a refused lead is kept.

use jiff::{SignedDuration, Timestamp};

use super::{invalid, waits};
use crate::app::admin::Properties;
use crate::app::deliver::Drain;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{CustomField, FieldKind};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::LeadId;
use crate::domain::keys::SigningKeys;
use crate::domain::lead::{LeadState, RefusalReason, WaitReason};
use crate::domain::suppression::PersonId;
use crate::domain::task::Task;
use crate::fakes::Call;
use crate::fakes::samples::messages;
use crate::ports::{
    Clock as _, Connections as _, Customers as _, Event, Ledger as _, Suppressions as _,
};

#[tokio::test]
async fn deleted_list_is_detected_when_the_refusal_has_no_message() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    crm.refuse_without_message(ACCOUNT);
    crm.remove_list(ACCOUNT, &scene.list);
    let first = scene.sign_up("ada@example.com").await;

    scene.drain().await;
    let later = scene.sign_up("bob@example.com").await;
    scene.drain().await;

    for lead in [&first, &later] {
        assert_eq!(scene.state(lead).await, waits(WaitReason::NoList));
    }
    assert_eq!(crm.count(Call::SignUp), 1);
    let events = scene.memory.events.published();
    let is_list_gone = |event: &&Event| matches!(event, Event::ListGone { .. });
    assert_eq!(events.iter().filter(is_list_gone).count(), 1);
}

#[tokio::test]
async fn deleted_custom_field_is_left_out_when_the_refusal_has_no_message() {
    let scene = Scene::connected().await;
    let (crm, directory) = (&scene.memory.crm, &scene.memory.directory);
    let field = crm.add_custom_field(ACCOUNT, "Engine");
    let row = directory.connection(&scene.customer).await;
    let mut row = row.unwrap().unwrap();
    row.catalog.custom_fields = vec![CustomField {
        id: field.clone(),
        label: "Engine".into(),
        name: "Engine".into(),
        kind: Some(FieldKind::Text),
    }];
    assert!(directory.put_connection(&row).await.unwrap());
    crm.refuse_without_message(ACCOUNT);
    crm.remove_custom_field(ACCOUNT, &field);
    let fields = [
        ("email", "ada@example.com"),
        ("custom_fields[Engine]", "difference"),
    ];
    let lead = scene.submit(&fields).await.lead;

    scene.drain().await;

    let LeadState::Delivered { notes, .. } = scene.state(&lead).await else {
        panic!("not delivered")
    };
    let noted: Vec<_> = notes.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(noted, ["custom_fields"]);
    assert_eq!(crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn all_fields_blamed_by_one_refusal_are_left_out_in_one_retry() {
    let fields = [
        ("email", "ada@example.com"),
        ("phone_number", "+1 555 0100"),
        ("city", "London"),
    ];
    let blamed = ["phone_number", "street_address"];
    let refusals: [&[&str]; 3] = [
        &["phone_number is invalid", "street_address is too long"],
        &["phone_number is invalid, street_address is too long"],
        &[
            "phone_number: email_address",
            "postal_code",
            "email_address",
        ],
    ];
    for messages in refusals {
        let scene = Scene::connected().await;
        let lead = scene.submit(&fields).await.lead;
        let messages = messages.iter().map(|words| (*words).to_owned());
        scene.memory.crm.fail_next(CrmError::Invalid(Refusal {
            key: "contacts.api.validation.error".into(),
            messages: messages.collect(),
        }));

        scene.drain().await;

        let LeadState::Delivered { notes, .. } = scene.state(&lead).await else {
            panic!("not delivered")
        };
        let noted: Vec<_> = notes.iter().map(|note| note.field.as_str()).collect();
        assert_eq!(noted, blamed);
        assert_eq!(scene.memory.crm.count(Call::SignUp), 2);
    }
}

#[tokio::test]
async fn list_and_field_blamed_by_one_refusal_are_left_out_in_one_retry() {
    let scene = Scene::connected().await;
    let (crm, directory) = (&scene.memory.crm, &scene.memory.directory);
    let gone = crm.add_list(ACCOUNT, "Gone");
    let row = directory.connection(&scene.customer).await;
    let mut row = row.unwrap().unwrap();
    row.lists.push(gone.clone());
    assert!(directory.put_connection(&row).await.unwrap());
    crm.remove_list(ACCOUNT, &gone);
    let fields = [
        ("email", "ada@example.com"),
        ("phone_number", "+1 555 0100"),
    ];
    let lead = scene.submit(&fields).await.lead;
    let messages = ["list_memberships: no such list", "phone_number is invalid"];
    crm.fail_next(CrmError::Invalid(Refusal {
        key: "contacts.api.validation.error".into(),
        messages: messages.map(str::to_owned).into(),
    }));

    scene.drain().await;

    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    assert_eq!(crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn lists_are_looked_up_once_for_all_leads_refused_without_a_message() {
    let scene = Scene::connected().await;
    let (crm, directory) = (&scene.memory.crm, &scene.memory.directory);
    let row = directory.connection(&scene.customer).await;
    let mut row = row.unwrap().unwrap();
    let more = (0..19).map(|n| crm.add_list(ACCOUNT, &format!("List {n}")));
    row.lists.extend(more);
    assert!(directory.put_connection(&row).await.unwrap());
    let mut leads = Vec::new();
    for n in 0..3 {
        let email = format!("ada.{n}@example.com");
        let fields = [("email", email.as_str()), ("phone_number", "+1 555 0100")];
        leads.push(scene.submit(&fields).await.lead);
        crm.fail_next(CrmError::Invalid(Refusal::default()));
    }

    scene.drain().await;

    for lead in &leads {
        assert_eq!(scene.state(lead).await.as_str(), "delivered");
    }
    assert_eq!(crm.count(Call::List), 20);
}

#[tokio::test]
async fn refusal_quoting_an_address_is_not_blamed_on_field_names_within_it() {
    for email in ["alistair@example.com", "iphone.fan@example.com"] {
        let scene = Scene::connected().await;
        scene.sign_up(email).await;
        scene.drain().await;
        scene.memory.clock.advance(SignedDuration::from_mins(5));
        let fields = [("email", email), ("phone_number", "+1 555 0100")];
        let lead = scene.submit(&fields).await.lead;
        let words = format!("{email} is not a valid email address");
        scene.memory.crm.fail_next(invalid(&words));

        scene.drain().await;

        assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
        let counts = [Call::SignUp, Call::List].map(|call| scene.memory.crm.count(call));
        assert_eq!(counts, [2, 0]);
    }
}

/// A connected customer with a retention of thirty days.
async fn with_thirty_day_retention() -> Scene {
    let scene = Scene::connected().await;
    let directory = &scene.memory.directory;
    let customer = directory.customer(&scene.customer).await;
    let mut customer = customer.unwrap().unwrap();
    customer.retention_days = 30;
    directory.put_customer(&customer).await.unwrap();
    scene
}

fn is_kept_for_thirty_days(scene: &Scene, lead: &LeadId) -> bool {
    let until = scene.memory.clock.now() + SignedDuration::from_hours(24 * 30);
    let kept = scene.memory.ledger.kept_until(&scene.customer, lead);
    kept == Some(until)
}

#[tokio::test]
async fn suppressed_lead_is_kept_for_its_customers_retention() {
    let scene = with_thirty_day_retention().await;
    let email = "ada@example.com".parse().unwrap();
    let person = PersonId::of(&scene.memory.keys(), &scene.customer, &email);
    let (directory, now) = (&scene.memory.directory, scene.memory.clock.now());
    let listed = directory.suppress(&scene.customer, &person, now);
    listed.await.unwrap();
    let lead = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    let suppressed = LeadState::refused(RefusalReason::Suppressed);
    assert_eq!(scene.state(&lead).await, suppressed);
    assert_eq!(scene.memory.crm.calls(), []);
    assert!(is_kept_for_thirty_days(&scene, &lead));
}

#[tokio::test]
async fn final_refusal_keeps_its_message_is_not_retried_and_can_be_exported() {
    for words in ["first_name is not valid", "list_memberships: no such list"] {
        let scene = Scene::connected().await;
        let lead = scene.sign_up("ada@example.com").await;
        scene.memory.crm.fail_next(invalid(words));

        assert!(scene.drain().await.is_empty());
        let refused = LeadState::Refused {
            why: RefusalReason::CcRefused,
            detail: Some(words.to_owned()),
        };
        assert_eq!(scene.state(&lead).await, refused);
        for _ in 0..24 {
            scene.memory.clock.advance(SignedDuration::from_hours(1));
            scene.memory.release().await.unwrap();
            scene.drain().await;
        }

        assert_eq!(scene.state(&lead).await, refused);
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
        let query = Properties::from_query([("dialect", "spreadsheet")]);
        let admin = scene.memory.admin();
        let file = admin.export(&scene.customer, query, Timestamp::MAX);
        let file = String::from_utf8(file.await.unwrap().csv).unwrap();
        let row = file.lines().find(|row| row.contains("ada@example.com"));
        assert!(row.is_some_and(|row| row.contains(words)), "{file}");
    }
}

#[tokio::test]
async fn lead_with_a_broken_seal_is_kept_for_its_customers_retention() {
    let scene = with_thirty_day_retention().await;
    let template = scene.sign_up("ada@example.com").await;
    let record = scene.memory.ledger.lead(&scene.customer, &template).await;
    let mut lead = record.unwrap().unwrap().lead.sealed(&scene.memory.keys());
    lead.id = "lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    let id = lead.id.clone();
    let lead = Box::new(lead);

    let tasks = messages(&[Task::Accepted { lead }]);
    scene.drain_messages(tasks).await;

    assert_eq!(scene.state(&id).await.as_str(), "refused");
    assert!(is_kept_for_thirty_days(&scene, &id));
}

#[tokio::test]
async fn lead_refused_under_another_signing_key_is_delivered_by_a_replay_under_its_own() {
    let scene = Scene::connected().await;
    let lead = scene.sign_up("ada@example.com").await;
    let other = Drain {
        keys: SigningKeys::new("another".to_owned().into()),
        ..scene.memory.drain()
    };
    let deadline = scene.memory.clock.now() + SignedDuration::from_secs(60);
    other.drain(scene.messages(), deadline).await;
    let refused = LeadState::refused(RefusalReason::SealBroken);
    assert_eq!(scene.state(&lead).await, refused);

    let query = Properties::from_query([("status", "refused"), ("reason", "seal_broken")]);
    let admin = scene.memory.admin();
    let replayed = admin.replay(&scene.customer, query).await.unwrap();
    scene.drain().await;

    assert_eq!(replayed.count(), 1);
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn waiting_lead_is_refused_once_its_consent_is_too_old_and_not_before() {
    let scene = Scene::unconnected().await;
    let now = scene.memory.clock.now();
    let days_ago = |days: i64| (now - SignedDuration::from_hours(24 * days)).to_string();
    let mut leads = Vec::new();
    for (email, days) in [("ada@example.com", 729), ("bob@example.com", 727)] {
        let given = days_ago(days);
        let fields = [("email", email), ("consent_given_at", given.as_str())];
        leads.push(scene.submit(&fields).await.lead);
    }
    scene.drain().await;
    for lead in &leads {
        assert_eq!(scene.state(lead).await, waits(WaitReason::NotConnected));
    }
    scene.memory.clock.advance(SignedDuration::from_hours(48));
    scene.connect().await;

    let released = leads
        .iter()
        .map(|lead| Task::released(&scene.customer, lead));
    let released: Vec<_> = released.collect();
    scene.drain_messages(messages(&released)).await;

    let why = RefusalReason::ConsentTooOld;
    let refused = LeadState::refused(why);
    assert_eq!(scene.state(&leads[0]).await, refused);
    assert_eq!(scene.state(&leads[1]).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}
