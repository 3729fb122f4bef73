//! Custom fields: which values arrive, and which notes a lead has on the others.

use jiff::SignedDuration;

use super::invalid;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{Connection, ConnectionStatus, CustomField, FieldKind};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::ids::{LeadId, RemoteId};
use crate::domain::lead::{DeliveryAction, LeadState};
use crate::fakes::Call;
use crate::ports::{Clock as _, Connections as _};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const ENGINE: (&str, &str) = ("custom_fields[Engine]", "difference");

async fn connection(scene: &Scene) -> Connection {
    let row = scene.memory.directory.connection(&scene.customer).await;
    row.unwrap().unwrap()
}

/// A field that the account has and the connection knows.
async fn known_field(scene: &Scene, label: &str, kind: FieldKind) -> RemoteId {
    let id = scene.memory.crm.add_custom_field(ACCOUNT, label);
    let mut row = connection(scene).await;
    row.catalog.custom_fields.push(CustomField {
        id: id.clone(),
        label: label.into(),
        name: label.into(),
        kind: Some(kind),
    });
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    id
}

/// Submits a lead of a person with these values.
async fn submit(scene: &Scene, name: &str, values: &[(&str, &str)]) -> LeadId {
    let email = format!("{name}@example.com");
    let fields = [&[("email", email.as_str())], values].concat();
    scene.submit(&fields).await.lead
}

async fn notes(scene: &Scene, lead: &LeadId) -> Vec<Note> {
    match scene.state(lead).await {
        LeadState::Delivered { notes, .. } => notes,
        other => panic!("{other:?}"),
    }
}

fn note(field: &str, what: NoteKind) -> Note {
    Note {
        field: field.into(),
        what,
    }
}

/// The values that the account has of a person.
fn values(scene: &Scene, name: &str) -> Vec<String> {
    let email = format!("{name}@example.com").parse().unwrap();
    let contact = scene.memory.crm.contact(ACCOUNT, &email).unwrap();
    contact.custom_fields.into_values().collect()
}

#[tokio::test]
async fn new_custom_field_is_found_for_the_first_lead_with_a_value_for_it() {
    let scene = Scene::connected().await;
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(DAY);
    let began = clock.now();
    crm.add_custom_field(ACCOUNT, "Engine");
    let mut leads = Vec::new();
    for name in ["ada", "bob"] {
        leads.push(submit(&scene, name, &[ENGINE]).await);
    }

    scene.drain().await;
    leads.push(submit(&scene, "eve", &[ENGINE]).await);
    scene.drain().await;

    for (lead, name) in leads.iter().zip(["ada", "bob", "eve"]) {
        assert_eq!(notes(&scene, lead).await, []);
        assert_eq!(values(&scene, name), ["difference"]);
    }
    assert_eq!(crm.count(Call::CustomFields), 1);
    let row = connection(&scene).await;
    assert_eq!(row.catalog.custom_fields[0].label, "Engine");
    assert!(row.learned.fields_read_at >= Some(began));
}

#[tokio::test]
async fn value_without_a_custom_field_is_noted_and_the_fields_are_read_once_a_day() {
    let scene = Scene::connected().await;
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    let noted = [note("Engine", NoteKind::NoSuchField)];
    let reads_after_lead_of = async |name: &str| {
        let lead = submit(&scene, name, &[ENGINE, ("custom_fields[Empty]", "")]).await;
        scene.drain().await;
        assert_eq!(notes(&scene, &lead).await, noted);
        crm.count(Call::CustomFields)
    };

    assert_eq!(
        reads_after_lead_of("ada").await,
        0,
        "they were read when connecting"
    );
    clock.advance(DAY);
    assert_eq!(reads_after_lead_of("bob").await, 1);
    clock.advance(DAY - SignedDuration::from_mins(1));
    assert_eq!(reads_after_lead_of("eve").await, 1);
    clock.advance(SignedDuration::from_mins(1));
    assert_eq!(reads_after_lead_of("joe").await, 2);
    submit(&scene, "max", &[]).await;
    clock.advance(DAY);
    scene.drain().await;
    assert_eq!(crm.count(Call::CustomFields), 2, "no lead had a value");
}

#[tokio::test]
async fn failed_read_of_custom_fields_stops_no_lead_and_is_not_retried_at_once() {
    for error in [
        CrmError::Forbidden,
        CrmError::Unavailable,
        CrmError::NotFound(Refusal::default()),
        CrmError::BadRequest(415),
        invalid("limit does not have a valid value"),
    ] {
        let scene = Scene::connected().await;
        let engine = known_field(&scene, "Known", FieldKind::Text).await;
        scene.memory.clock.advance(DAY);
        let fields = [ENGINE, ("custom_fields[known]", "yes")];
        let first = submit(&scene, "ada", &fields).await;
        scene.memory.crm.fail_next(error.clone());

        scene.drain().await;
        let second = submit(&scene, "bob", &fields).await;
        scene.drain().await;

        for (lead, name) in [(&first, "ada"), (&second, "bob")] {
            let noted = [note("Engine", NoteKind::NoSuchField)];
            assert_eq!(notes(&scene, lead).await, noted, "{error}");
            assert_eq!(values(&scene, name), ["yes"]);
        }
        assert_eq!(scene.memory.crm.count(Call::CustomFields), 1, "{error}");
        let row = connection(&scene).await;
        assert_eq!(row.status, ConnectionStatus::Active, "{error}");
        assert_eq!(row.catalog.custom_fields[0].id, engine);
    }
}

#[tokio::test]
async fn value_invalid_for_a_date_field_is_left_out_before_the_call() {
    let scene = Scene::connected().await;
    known_field(&scene, "Since", FieldKind::Date).await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let bad = [ENGINE, ("custom_fields[Since]", "28.11.2026")];
    let good = [ENGINE, ("custom_fields[Since]", "2026-11-28")];

    let (bad, good) = (
        submit(&scene, "ada", &bad).await,
        submit(&scene, "bob", &good).await,
    );
    scene.drain().await;

    let noted = [note("Since", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &bad).await, noted);
    assert_eq!(notes(&scene, &good).await, []);
    assert_eq!(values(&scene, "ada"), ["difference"]);
    assert_eq!(values(&scene, "bob").len(), 2);
    assert_eq!(scene.memory.crm.calls().len(), 2);
}

#[tokio::test]
async fn only_the_custom_field_named_by_a_refusal_is_left_out() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let visits = known_field(&scene, "Visits", FieldKind::Text).await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let fields = [ENGINE, ("custom_fields[visits]", "many")];
    let lead = submit(&scene, "ada", &fields).await;
    let words = format!("value of custom_field_id {visits} is not valid for its type");
    crm.fail_next(invalid(&words));

    scene.drain().await;

    let noted = [note("visits", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &lead).await, noted);
    assert_eq!(values(&scene, "ada"), ["difference"]);
    assert_eq!(crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn recreated_custom_field_is_used_from_the_lead_after_the_refusal() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let new_id = known_field(&scene, "Engine", FieldKind::Text).await;
    let old_id: RemoteId = "5e7b1a1c-0000-11ee-8c99-0242ac120009".parse().unwrap();
    let mut row = connection(&scene).await;
    row.catalog.custom_fields[0].id = old_id.clone();
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    scene.memory.clock.advance(DAY);

    let first = submit(&scene, "ada", &[ENGINE]).await;
    crm.fail_next(invalid(&format!("custom_field_id {old_id} is not valid")));
    scene.drain().await;
    submit(&scene, "bob", &[ENGINE]).await;
    scene.drain().await;

    let noted = [note("Engine", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &first).await, noted);
    assert_eq!(values(&scene, "bob"), ["difference"]);
    let row = scene.memory.directory.connection(&scene.customer).await;
    assert_eq!(row.unwrap().unwrap().catalog.custom_fields[0].id, new_id);
    assert_eq!(crm.count(Call::CustomFields), 1);
}

#[tokio::test]
async fn field_kind_missing_from_an_earlier_versions_row_is_read_once() {
    let scene = Scene::connected().await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let mut row = connection(&scene).await;
    row.catalog.custom_fields[0].kind = None;
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    scene.memory.clock.advance(DAY);

    for name in ["ada", "bob"] {
        submit(&scene, name, &[ENGINE]).await;
        scene.drain().await;
        assert_eq!(values(&scene, name), ["difference"]);
    }

    let row = scene.memory.directory.connection(&scene.customer).await;
    let kind = row.unwrap().unwrap().catalog.custom_fields[0].kind;
    assert_eq!(kind, Some(FieldKind::Text));
    assert_eq!(scene.memory.crm.count(Call::CustomFields), 1);
}

#[tokio::test]
async fn read_of_custom_fields_refused_for_quota_is_retried_the_next_day() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    scene.memory.clock.advance(DAY);
    crm.add_custom_field(ACCOUNT, "Engine");
    submit(&scene, "ada", &[ENGINE]).await;
    crm.fail_next(CrmError::QuotaExceeded);
    scene.drain().await;
    assert_eq!(crm.count(Call::SignUp), 0);

    scene.memory.clock.advance(SignedDuration::from_hours(13));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    assert_eq!(values(&scene, "ada"), ["difference"]);
    assert_eq!(crm.count(Call::CustomFields), 2);
}

#[tokio::test]
async fn second_refusal_of_a_custom_field_drops_all_of_them() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let ids = [
        known_field(&scene, "Engine", FieldKind::Text).await,
        known_field(&scene, "Loom", FieldKind::Text).await,
        known_field(&scene, "Mill", FieldKind::Text).await,
    ];
    let fields = [
        ENGINE,
        ("custom_fields[Loom]", "no"),
        ("custom_fields[Mill]", "no"),
    ];
    let lead = submit(&scene, "ada", &fields).await;
    for id in &ids[..2] {
        crm.fail_next(invalid(&format!("custom_field_id {id} is not valid")));
    }

    scene.drain().await;

    let noted = [
        note("Engine", NoteKind::Omitted),
        note("custom_fields", NoteKind::Omitted),
    ];
    assert_eq!(notes(&scene, &lead).await, noted);
    assert_eq!(values(&scene, "ada"), [""; 0]);
    assert_eq!(crm.count(Call::SignUp), 3);
}

#[tokio::test]
async fn custom_fields_over_the_limit_after_merging_two_leads_are_noted() {
    let scene = Scene::connected().await;
    let labels = |from: usize| {
        let names = (from..from + 20).map(|n| format!("custom_fields[Field {n}]"));
        names.collect::<Vec<_>>()
    };
    let mut leads = Vec::new();
    for names in [labels(10), labels(30)] {
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        leads.push(submit(&scene, "ada", &fields).await);
    }
    for n in 10..50 {
        known_field(&scene, &format!("Field {n}"), FieldKind::Text).await;
    }

    scene.drain().await;

    let omitted = |n| note(&format!("Field {n}"), NoteKind::Omitted);
    let mut noted = notes(&scene, &leads[0]).await;
    noted.sort();
    assert_eq!(noted, (35..50).map(omitted).collect::<Vec<_>>());
    assert_eq!(values(&scene, "ada").len(), 25);
}

#[tokio::test]
async fn custom_field_without_room_in_an_existing_contact_is_noted_by_its_label() {
    let scene = Scene::connected().await;
    for n in 10..36 {
        known_field(&scene, &format!("Field {n}"), FieldKind::Text).await;
    }
    let name = "augusta.ada.king.countess.of.lovelace.1815.of.ockham";
    let names = (10..36).map(|n| format!("custom_fields[Field {n}]"));
    let names: Vec<_> = names.collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    submit(&scene, name, &fields[..25]).await;
    scene.drain().await;

    let lead = submit(&scene, name, &[fields[0], fields[25]]).await;
    scene.drain().await;

    let noted = [note("Field 35", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &lead).await, noted);
    assert_eq!(values(&scene, name).len(), 25);
    assert_eq!(scene.memory.crm.count(Call::Replace), 1);
}

#[tokio::test]
async fn lead_found_after_a_lost_answer_still_notes_values_without_a_field() {
    let scene = Scene::connected().await;
    let lead = submit(&scene, "ada", &[ENGINE]).await;
    scene.memory.crm.fail_next(CrmError::AnswerLost);
    scene.drain().await;

    scene.memory.clock.advance(SignedDuration::from_mins(1));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    let LeadState::Delivered { action, notes, .. } = scene.state(&lead).await else {
        panic!("not delivered")
    };
    assert_eq!(action, DeliveryAction::Found);
    assert_eq!(notes, [note("Engine", NoteKind::NoSuchField)]);
}
