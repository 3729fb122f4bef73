//! Imported leads with values for which the account has no field.

use jiff::SignedDuration;

use super::{all_are, backlog, bulk_calls, imported, run, run_next, see_opt_in};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::lead::LeadState;
use crate::fakes::Call;
use crate::ports::Ledger as _;

/// Gives every lead but the first a value for a field that the connection does not know.
fn add_unknown_field(scene: &Scene) {
    scene.memory.ledger.tamper(|record| {
        if !record.lead.contact.email.key().starts_with("lead0@") {
            let values = [("Engine".to_owned(), "difference".to_owned())];
            record.lead.contact.custom_fields = values.into();
        }
    });
}

#[tokio::test]
async fn imported_lead_notes_values_without_a_custom_field() {
    let (scene, leads) = backlog(200).await;
    add_unknown_field(&scene);

    for _ in 0..4 {
        run_next(&scene).await;
    }

    let LeadState::Delivered { mut notes, .. } = imported() else {
        panic!("not delivered")
    };
    notes.push(Note {
        field: "Engine".into(),
        what: NoteKind::NoSuchField,
    });
    let state = |lead| scene.memory.ledger.lead(&scene.customer, lead);
    let last_state = state(&leads[199]).await.unwrap().unwrap().state;
    assert!(
        matches!(&last_state, LeadState::Delivered { notes: own, .. } if *own == notes),
        "{last_state:?}"
    );
    assert!(all_are(&scene, &leads[..1], &imported()).await);
    assert!(all_are(&scene, &leads[1..], &last_state).await);
    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
}

#[tokio::test]
async fn import_waits_for_a_single_lead_to_check_for_a_new_custom_field() {
    let (scene, leads) = backlog(200).await;
    add_unknown_field(&scene);
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(SignedDuration::from_hours(24));
    see_opt_in(&scene, false).await;
    crm.add_custom_field(ACCOUNT, "Engine");

    run(&scene).await;
    assert_eq!(bulk_calls(&scene), 0);
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert_eq!(crm.count(Call::CustomFields), 1);
    see_opt_in(&scene, false).await;
    for _ in 0..6 {
        run_next(&scene).await;
    }

    assert!(bulk_calls(&scene) > 0);
    let last = scene.memory.ledger.lead(&scene.customer, &leads[199]).await;
    let last = last.unwrap().unwrap().state;
    assert!(
        matches!(&last, LeadState::Delivered { notes, .. } if notes.is_empty()),
        "{last:?}"
    );
}
