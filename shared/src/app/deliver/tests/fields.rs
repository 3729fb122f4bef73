//! Values for custom fields: which ones arrive, and what a lead notes about the others.

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

const A_DAY: SignedDuration = SignedDuration::from_hours(24);
const ENGINE: (&str, &str) = ("custom_fields[Engine]", "difference");

async fn row(scene: &Scene) -> Connection {
    let row = scene.memory.directory.connection(&scene.customer).await;
    row.unwrap().unwrap()
}

/// A field that the account has and the connection knows.
async fn known_field(scene: &Scene, label: &str, kind: FieldKind) -> RemoteId {
    let id = scene.memory.crm.add_custom_field(ACCOUNT, label);
    let mut row = row(scene).await;
    row.catalog.custom_fields.push(CustomField {
        id: id.clone(),
        label: label.into(),
        name: label.into(),
        kind: Some(kind),
    });
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    id
}

/// A lead of a person with these values.
async fn says(scene: &Scene, name: &str, said: &[(&str, &str)]) -> LeadId {
    let email = format!("{name}@example.com");
    let fields = [&[("email", email.as_str())], said].concat();
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
async fn a_field_that_an_account_got_since_is_found_by_the_first_lead_that_fills_it() {
    let scene = Scene::connected().await;
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(A_DAY);
    let began = clock.now();
    crm.add_custom_field(ACCOUNT, "Engine");
    let mut leads = Vec::new();
    for name in ["ada", "bob"] {
        leads.push(says(&scene, name, &[ENGINE]).await);
    }

    scene.drain().await;
    leads.push(says(&scene, "eve", &[ENGINE]).await);
    scene.drain().await;

    for (lead, name) in leads.iter().zip(["ada", "bob", "eve"]) {
        assert_eq!(notes(&scene, lead).await, []);
        assert_eq!(values(&scene, name), ["difference"]);
    }
    assert_eq!(crm.count(Call::CustomFields), 1);
    let row = row(&scene).await;
    assert_eq!(row.catalog.custom_fields[0].label, "Engine");
    assert!(row.learned.fields_read_at >= Some(began));
}

#[tokio::test]
async fn a_value_without_a_field_is_noted_by_its_label_and_the_account_asked_once_a_day() {
    let scene = Scene::connected().await;
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    let noted = [note("Engine", NoteKind::NoSuchField)];
    let asked_by = async |name: &str| {
        let lead = says(&scene, name, &[ENGINE, ("custom_fields[Empty]", "")]).await;
        scene.drain().await;
        assert_eq!(notes(&scene, &lead).await, noted);
        crm.count(Call::CustomFields)
    };

    assert_eq!(asked_by("ada").await, 0, "they were read when connecting");
    clock.advance(A_DAY);
    assert_eq!(asked_by("bob").await, 1);
    clock.advance(A_DAY - SignedDuration::from_mins(1));
    assert_eq!(asked_by("eve").await, 1);
    clock.advance(SignedDuration::from_mins(1));
    assert_eq!(asked_by("joe").await, 2);
    says(&scene, "max", &[]).await;
    clock.advance(A_DAY);
    scene.drain().await;
    assert_eq!(crm.count(Call::CustomFields), 2, "nothing was said by any");
}

#[tokio::test]
async fn that_the_fields_are_not_told_costs_a_lead_nothing_and_is_not_tried_again_that_day() {
    for error in [
        CrmError::Forbidden,
        CrmError::Unavailable,
        CrmError::NotFound(Refusal::default()),
        CrmError::Ours(415),
        invalid("limit does not have a valid value"),
    ] {
        let scene = Scene::connected().await;
        let engine = known_field(&scene, "Known", FieldKind::Text).await;
        scene.memory.clock.advance(A_DAY);
        let said = [ENGINE, ("custom_fields[known]", "yes")];
        let first = says(&scene, "ada", &said).await;
        scene.memory.crm.answer_next(error.clone());

        scene.drain().await;
        let second = says(&scene, "bob", &said).await;
        scene.drain().await;

        for (lead, name) in [(&first, "ada"), (&second, "bob")] {
            let noted = [note("Engine", NoteKind::NoSuchField)];
            assert_eq!(notes(&scene, lead).await, noted, "{error}");
            assert_eq!(values(&scene, name), ["yes"]);
        }
        assert_eq!(scene.memory.crm.count(Call::CustomFields), 1, "{error}");
        let row = row(&scene).await;
        assert_eq!(row.status, ConnectionStatus::Active, "{error}");
        assert_eq!(row.catalog.custom_fields[0].id, engine);
    }
}

#[tokio::test]
async fn a_date_that_its_field_cannot_hold_is_left_out_before_a_call_is_made() {
    let scene = Scene::connected().await;
    known_field(&scene, "Since", FieldKind::Date).await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let bad = [ENGINE, ("custom_fields[Since]", "28.11.2026")];
    let good = [ENGINE, ("custom_fields[Since]", "2026-11-28")];

    let (bad, good) = (
        says(&scene, "ada", &bad).await,
        says(&scene, "bob", &good).await,
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
async fn a_refusal_that_names_a_field_costs_that_one_alone() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let visits = known_field(&scene, "Visits", FieldKind::Text).await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let said = [ENGINE, ("custom_fields[visits]", "many")];
    let lead = says(&scene, "ada", &said).await;
    let words = format!("value of custom_field_id {visits} is not valid for its type");
    crm.answer_next(invalid(&words));

    scene.drain().await;

    let noted = [note("visits", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &lead).await, noted);
    assert_eq!(values(&scene, "ada"), ["difference"]);
    assert_eq!(crm.count(Call::SignUp), 2);
}

#[tokio::test]
async fn a_field_that_was_made_again_is_found_by_the_lead_after_the_one_that_is_refused() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let there = known_field(&scene, "Engine", FieldKind::Text).await;
    let before: RemoteId = "5e7b1a1c-0000-11ee-8c99-0242ac120009".parse().unwrap();
    let mut row = row(&scene).await;
    row.catalog.custom_fields[0].id = before.clone();
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    scene.memory.clock.advance(A_DAY);

    let first = says(&scene, "ada", &[ENGINE]).await;
    crm.answer_next(invalid(&format!("custom_field_id {before} is not valid")));
    scene.drain().await;
    says(&scene, "bob", &[ENGINE]).await;
    scene.drain().await;

    let noted = [note("Engine", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &first).await, noted);
    assert_eq!(values(&scene, "bob"), ["difference"]);
    let row = scene.memory.directory.connection(&scene.customer).await;
    assert_eq!(row.unwrap().unwrap().catalog.custom_fields[0].id, there);
    assert_eq!(crm.count(Call::CustomFields), 1);
}

#[tokio::test]
async fn what_a_field_holds_is_asked_once_where_an_earlier_version_kept_no_word_of_it() {
    let scene = Scene::connected().await;
    known_field(&scene, "Engine", FieldKind::Text).await;
    let mut row = row(&scene).await;
    row.catalog.custom_fields[0].kind = None;
    assert!(scene.memory.directory.put_connection(&row).await.unwrap());
    scene.memory.clock.advance(A_DAY);

    for name in ["ada", "bob"] {
        says(&scene, name, &[ENGINE]).await;
        scene.drain().await;
        assert_eq!(values(&scene, name), ["difference"]);
    }

    let row = scene.memory.directory.connection(&scene.customer).await;
    let kind = row.unwrap().unwrap().catalog.custom_fields[0].kind;
    assert_eq!(kind, Some(FieldKind::Text));
    assert_eq!(scene.memory.crm.count(Call::CustomFields), 1);
}

#[tokio::test]
async fn a_look_at_the_fields_that_a_spent_day_refuses_is_made_once_calls_are_left() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    scene.memory.clock.advance(A_DAY);
    crm.add_custom_field(ACCOUNT, "Engine");
    says(&scene, "ada", &[ENGINE]).await;
    crm.answer_next(CrmError::QuotaExceeded);
    scene.drain().await;
    assert_eq!(crm.count(Call::SignUp), 0);

    scene.memory.clock.advance(SignedDuration::from_hours(13));
    scene.memory.release().await.unwrap();
    scene.drain().await;

    assert_eq!(values(&scene, "ada"), ["difference"]);
    assert_eq!(crm.count(Call::CustomFields), 2);
}

#[tokio::test]
async fn a_second_refusal_costs_all_fields_as_an_address_may_not_sign_up_often() {
    let scene = Scene::connected().await;
    let crm = &scene.memory.crm;
    let ids = [
        known_field(&scene, "Engine", FieldKind::Text).await,
        known_field(&scene, "Loom", FieldKind::Text).await,
        known_field(&scene, "Mill", FieldKind::Text).await,
    ];
    let said = [
        ENGINE,
        ("custom_fields[Loom]", "no"),
        ("custom_fields[Mill]", "no"),
    ];
    let lead = says(&scene, "ada", &said).await;
    for id in &ids[..2] {
        crm.answer_next(invalid(&format!("custom_field_id {id} is not valid")));
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
async fn what_two_leads_of_a_person_say_too_much_together_is_noted() {
    let scene = Scene::connected().await;
    let labels = |from: usize| {
        let names = (from..from + 20).map(|n| format!("custom_fields[Field {n}]"));
        names.collect::<Vec<_>>()
    };
    let mut leads = Vec::new();
    for names in [labels(10), labels(30)] {
        let said: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        leads.push(says(&scene, "ada", &said).await);
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
async fn a_value_for_which_a_contact_has_no_room_is_noted_by_its_name() {
    let scene = Scene::connected().await;
    for n in 10..36 {
        known_field(&scene, &format!("Field {n}"), FieldKind::Text).await;
    }
    let name = "augusta.ada.king.countess.of.lovelace.1815.of.ockham";
    let names = (10..36).map(|n| format!("custom_fields[Field {n}]"));
    let names: Vec<_> = names.collect();
    let said: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    says(&scene, name, &said[..25]).await;
    scene.drain().await;

    let lead = says(&scene, name, &[said[0], said[25]]).await;
    scene.drain().await;

    let noted = [note("Field 35", NoteKind::Omitted)];
    assert_eq!(notes(&scene, &lead).await, noted);
    assert_eq!(values(&scene, name).len(), 25);
    assert_eq!(scene.memory.crm.count(Call::Replace), 1);
}

#[tokio::test]
async fn a_lead_that_is_found_there_says_what_it_was_left_without() {
    let scene = Scene::connected().await;
    let lead = says(&scene, "ada", &[ENGINE]).await;
    scene.memory.crm.answer_next(CrmError::AnswerLost);
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
