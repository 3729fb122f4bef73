//! Imports of contacts that the account has deleted, which an import would bring back.

use futures_util::future::join;
use jiff::SignedDuration;

use super::{
    add_waiting_lead, all_are, backlog, backlog_of, imported, run, run_next, template,
    waiting_for_quota,
};
use crate::app::requeue::LISTED_WITHIN;
use crate::app::scene::{ACCOUNT, NOON, Scene};
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::email::EmailAddress;
use crate::domain::ids::ImportId;
use crate::domain::import::{ImportJob, Stage};
use crate::domain::lead::{LeadState, RefusalReason};
use crate::fakes::{Call, VirtualClock};
use crate::ports::{Clock as _, Imports as _};

/// Makes a contact and deletes it right after.
pub(super) async fn create_and_delete_contact(scene: &Scene, email: &str) -> EmailAddress {
    let lead = scene.submit(&[("email", email)]).await.lead;
    scene.drain().await;
    assert_eq!(scene.state(&lead).await.as_str(), "delivered");
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    let email = email.parse().unwrap();
    scene.memory.crm.delete_contact(ACCOUNT, &email);
    scene.memory.clock.advance(SignedDuration::from_secs(1));
    email
}

#[tokio::test]
async fn deleted_contact_is_imported_only_if_the_consent_is_newer() {
    let (scene, leads) = backlog(200).await;
    let deleted = create_and_delete_contact(&scene, "lead7@example.com").await;
    let consented_again = create_and_delete_contact(&scene, "lead200@example.com").await;
    let mut newer = template(&scene).await;
    newer.consent.given_at = scene.memory.clock.now();
    let newer = add_waiting_lead(&scene, &newer, 200).await;

    run(&scene).await;
    run_next(&scene).await;

    let crm = &scene.memory.crm;
    assert_eq!(crm.imports(ACCOUNT), [200]);
    assert_eq!(scene.state(&newer).await, imported());
    assert_eq!(
        crm.contact(ACCOUNT, &consented_again).unwrap().deleted_at,
        None
    );
    assert_eq!(scene.state(&leads[7]).await, waiting_for_quota());
    scene.memory.clock.advance(LISTED_WITHIN);
    scene.memory.release().await.unwrap();
    scene.drain().await;
    let reason = RefusalReason::OptedOutAfterConsent;
    let refused = LeadState::refused(reason);
    assert_eq!(scene.state(&leads[7]).await, refused);
    assert!(crm.contact(ACCOUNT, &deleted).unwrap().deleted_at.is_some());
}

#[tokio::test]
async fn leads_of_an_import_begun_by_an_earlier_version_are_sent_singly() {
    let (scene, leads) = backlog(1_200).await;
    let ledger = &scene.memory.ledger;
    let job = ImportJob::new(
        ImportId::at(scene.memory.clock.now(), 1),
        scene.customer.clone(),
        vec![scene.list.clone()],
        scene.memory.clock.now(),
    );
    assert!(ledger.save_import(&job, None).await.unwrap());
    let mut begun = job.next(Stage::Gathering, Some(scene.memory.clock.now()));
    (begun.chunks, begun.leads) = (1, 100);
    let named = &leads[..100];
    assert!(ledger.save_import(&begun, Some(named)).await.unwrap());
    for lead in named {
        let taken = ledger.take(&scene.customer, lead, &job.id, scene.memory.clock.now());
        assert!(taken.await.unwrap());
    }

    for _ in 0..4 {
        run_next(&scene).await;
    }

    assert_eq!(scene.memory.crm.count(Call::Import), 0);
    assert!(all_are(&scene, named, &waiting_for_quota()).await);
}

#[tokio::test]
async fn import_waits_while_reading_deleted_contacts_fails_temporarily() {
    let (scene, leads) = backlog(200).await;
    let crm = &scene.memory.crm;
    for error in [CrmError::Unavailable, CrmError::THROTTLED] {
        crm.fail_next_call(Call::Deleted, error);
        run_next(&scene).await;
        assert_eq!(crm.count(Call::Import), 0);
    }

    for _ in 0..3 {
        run_next(&scene).await;
    }

    assert!(all_are(&scene, &leads, &imported()).await);
}

#[test]
fn lead_erased_while_deleted_contacts_are_read_is_not_imported() {
    let clock = VirtualClock::manual(NOON.parse().unwrap());
    clock.drive(async {
        let scene = Scene::connected_at(clock.clone()).await;
        let (scene, leads) = backlog_of(scene, 200).await;
        let crm = &scene.memory.crm;
        crm.slow_down(Call::Deleted, SignedDuration::from_secs(9));
        let erase = async {
            let soon = clock.now() + SignedDuration::from_secs(4);
            clock.sleep_until(soon).await;
            assert_eq!(crm.count(Call::Deleted), 1);
            scene.memory.admin().erase_lead(&leads[7]).await.unwrap();
        };

        join(run(&scene), erase).await;

        assert_eq!(crm.imports(ACCOUNT), [199]);
    });
}

#[tokio::test]
async fn leads_are_sent_singly_if_the_account_refuses_to_list_deleted_contacts() {
    for error in [CrmError::Forbidden, CrmError::Invalid(Refusal::default())] {
        let (scene, leads) = backlog(200).await;
        scene.memory.crm.fail_next_call(Call::Deleted, error);

        for _ in 0..3 {
            run_next(&scene).await;
        }

        assert_eq!(scene.memory.crm.count(Call::Import), 0);
        assert!(all_are(&scene, &leads, &waiting_for_quota()).await);
    }
}

#[tokio::test]
async fn import_is_given_up_after_twenty_pages_of_deleted_contacts() {
    for (deleted, reads, imports) in [(501, 2, 1), (10_001, 20, 0)] {
        let (scene, _) = backlog(200).await;
        let crm = &scene.memory.crm;
        scene.memory.clock.advance(SignedDuration::from_secs(1));
        for n in 0..deleted {
            let email = format!("gone{n}@example.com").parse().unwrap();
            crm.opt_out(ACCOUNT, &email);
            crm.delete_contact(ACCOUNT, &email);
        }

        run(&scene).await;

        let counts = [Call::Deleted, Call::Import].map(|call| crm.count(call));
        assert_eq!(counts, [reads, imports]);
    }
}
