//! Imported leads with values for which the account has no field.

use jiff::SignedDuration;

use super::{all_are, backlog, bulk_calls, imported, run, run_next, see};
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::contact::{Note, NoteKind};
use crate::domain::lead::LeadState;
use crate::fakes::Call;
use crate::ports::Ledger as _;

/// Gives every lead but the newest a value for a field that the connection does not know.
fn say_more(scene: &Scene) {
    scene.memory.ledger.tamper(|record| {
        if !record.lead.contact.email.key().starts_with("lead0@") {
            let said = [("Engine".to_owned(), "difference".to_owned())];
            record.lead.contact.custom_fields = said.into();
        }
    });
}

#[tokio::test]
async fn an_imported_lead_says_which_of_its_values_the_account_has_no_field_for() {
    let (scene, leads) = backlog(200).await;
    say_more(&scene);

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
    let of_last = state(&leads[199]).await.unwrap().unwrap().state;
    assert!(
        matches!(&of_last, LeadState::Delivered { notes: own, .. } if *own == notes),
        "{of_last:?}"
    );
    assert!(all_are(&scene, &leads[..1], &imported()).await);
    assert!(all_are(&scene, &leads[1..], &of_last).await);
    assert_eq!(scene.memory.crm.imports(ACCOUNT), [200]);
}

#[tokio::test]
async fn leads_that_may_have_got_a_field_by_now_wait_for_one_that_goes_singly_to_show_it() {
    let (scene, leads) = backlog(200).await;
    say_more(&scene);
    let (crm, clock) = (&scene.memory.crm, &scene.memory.clock);
    clock.advance(SignedDuration::from_hours(24));
    see(&scene, false).await;
    crm.add_custom_field(ACCOUNT, "Engine");

    run(&scene).await;
    assert_eq!(bulk_calls(&scene), 0);
    scene.memory.release().await.unwrap();
    scene.drain().await;
    assert_eq!(crm.count(Call::CustomFields), 1);
    see(&scene, false).await;
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
