//! Tokens and rights, on the way to an account.

use jiff::SignedDuration;

use super::word;
use crate::app::scene::{ACCOUNT, Scene};
use crate::app::silence_tests::Log;
use crate::domain::connection::{ConnectionStatus, LimitedReason};
use crate::domain::crm::CrmError;
use crate::domain::lead::{LeadState, WaitReason};
use crate::fakes::{Call, Fault};

#[tokio::test]
async fn an_expired_token_is_refreshed_on_the_way() {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(word(&scene.state(&lead.lead).await), "delivered");
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_and_the_call_made_again() {
    let scene = Scene::connected().await;
    scene.memory.crm.expire_access(ACCOUNT);
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(word(&scene.state(&lead.lead).await), "delivered");
    assert_eq!(
        (
            scene.memory.crm.count(Call::Refresh),
            scene.memory.crm.count(Call::SignUp)
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn a_forbidden_call_names_its_cause_and_ends_the_calls() {
    let (write, read) = ("contacts:write", "contacts:lists:read");
    for (privileges, reason) in [
        (&[read][..], LimitedReason::MissingPrivilege),
        (&[write], LimitedReason::MissingPrivilege),
        (&[write, read], LimitedReason::MissingScope),
    ] {
        let scene = Scene::connected().await;
        scene.memory.crm.set_privileges(ACCOUNT, privileges);
        scene.memory.crm.answer_next(CrmError::Forbidden);
        let lead = scene.submit(&[("email", "ada@example.com")]).await;

        scene.drain().await;
        scene.submit(&[("email", "bob@example.com")]).await;
        scene.drain().await;

        let why = WaitReason::Rights;
        assert_eq!(scene.state(&lead.lead).await, LeadState::Waiting { why });
        let connection = scene.memory.directory.look(&scene.customer).unwrap();
        assert_eq!(connection.status, ConnectionStatus::Limited { reason });
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
    }
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_makes_leads_wait_and_intake_does_not_notice() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    // A drain claims, reads the customer and the connection; its keeper reads the connection, then the vault.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 5, Fault::FailBefore);

    let log = Log::begin();
    let again = scene.drain().await;
    let log = log.text();
    let other = scene.submit(&[("email", "bob@example.com")]).await;

    assert!(again.is_empty());
    let failures: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let names = |line: &&str| line.contains("leads are put off") && line.contains("engines");
    assert!(failures.len() == 1 && failures.iter().all(names), "{log}");
    assert_eq!(other.status, "queued");
    assert_eq!(
        scene.state(&lead.lead).await,
        LeadState::Waiting {
            why: WaitReason::Upstream
        }
    );
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().run().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(word(&scene.state(&lead.lead).await), "delivered");
}
