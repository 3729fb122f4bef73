//! Access to an account: tokens and rights.

use jiff::SignedDuration;

use super::waits;
use crate::app::log::Log;
use crate::app::scene::{ACCOUNT, Scene};
use crate::domain::connection::{Connection, ConnectionStatus, LimitedReason, ReconnectReason};
use crate::domain::crm::CrmError;
use crate::domain::ids::LeadId;
use crate::domain::lead::WaitReason;
use crate::fakes::{Call, Fault};
use crate::ports::{Connections as _, Event};

/// What a user needs who connects.
const NEEDED: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

#[tokio::test]
async fn an_expired_token_is_refreshed_on_the_way() {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
}

#[tokio::test]
async fn a_rejected_token_is_refreshed_once_and_the_call_made_again() {
    let scene = Scene::connected().await;
    scene.memory.crm.expire_access(ACCOUNT);
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
    assert_eq!(
        (
            scene.memory.crm.count(Call::Refresh),
            scene.memory.crm.count(Call::SignUp)
        ),
        (1, 2)
    );
}

#[tokio::test]
async fn a_token_that_is_refused_though_it_is_new_makes_its_lead_wait_after_one_refresh() {
    let scene = Scene::connected().await;
    for _ in 0..2 {
        scene.memory.crm.answer_next(CrmError::Unauthorized);
    }
    let lead = scene.sign_up("ada@example.com").await;

    let again = scene.drain().await;

    assert!(again.is_empty());
    assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
    let counts = [Call::SignUp, Call::Refresh].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [2, 1]);
}

#[tokio::test]
async fn a_lead_of_a_connection_that_was_revoked_waits_for_a_person_who_is_told_once() {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    scene.memory.crm.revoke(ACCOUNT);
    let mut leads = Vec::new();
    for email in ["ada@example.com", "bob@example.com"] {
        leads.push(scene.sign_up(email).await);
        assert!(scene.drain().await.is_empty());
    }

    for lead in &leads {
        assert_eq!(scene.state(lead).await, waits(WaitReason::Reconnect));
    }
    let counts = [Call::SignUp, Call::Refresh].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [0, 1]);
    let (reason, told) = (ReconnectReason::InvalidGrant, told(&scene));
    let dead = |status: &ConnectionStatus| matches!(status, ConnectionStatus::NeedsReconnect { reason: said, .. } if *said == reason);
    assert!(told.len() == 1 && told.iter().all(dead), "{told:?}");
}

/// What was published about the connection.
fn told(scene: &Scene) -> Vec<ConnectionStatus> {
    let told = scene.memory.events.published().into_iter();
    let statuses = told.filter_map(|event| match event {
        Event::Connection { status, .. } => Some(status),
        _ => None,
    });
    statuses.collect()
}

#[tokio::test]
async fn a_forbidden_call_names_its_cause_and_ends_the_calls() {
    let without = |lacking: &str| {
        let rest = NEEDED.into_iter().filter(|name| *name != lacking);
        rest.collect::<Vec<_>>()
    };
    for (privileges, reason) in [
        (without("contacts:write"), LimitedReason::MissingPrivilege),
        (
            without("contacts:lists:read"),
            LimitedReason::MissingPrivilege,
        ),
        (without("contacts:read"), LimitedReason::MissingPrivilege),
        (vec![], LimitedReason::AppDeactivated),
    ] {
        let scene = Scene::connected().await;
        scene.memory.crm.set_privileges(ACCOUNT, &privileges);
        scene.memory.crm.answer_next(CrmError::Forbidden);
        if reason == LimitedReason::AppDeactivated {
            scene.memory.crm.answer_next(CrmError::Forbidden);
        }
        let lead = scene.submit(&[("email", "ada@example.com")]).await;

        scene.drain().await;
        scene.submit(&[("email", "bob@example.com")]).await;
        scene.drain().await;

        let why = WaitReason::Rights;
        assert_eq!(scene.state(&lead.lead).await, waits(why));
        let connection = scene.memory.directory.look(&scene.customer).unwrap();
        let limited = ConnectionStatus::Limited { reason };
        assert_eq!(connection.status, limited);
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
        assert_eq!(told(&scene), [limited]);
    }
}

#[tokio::test]
async fn a_refresh_that_granted_no_contacts_is_named_as_the_cause() {
    let scene = Scene::connected().await;
    scene.memory.crm.grant_only("account_read offline_access");
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await, waits(WaitReason::Rights));
    let reason = LimitedReason::MissingScope;
    assert_eq!(told(&scene), [ConnectionStatus::Limited { reason }]);
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn a_call_that_is_forbidden_though_no_right_is_missing_costs_its_leads_a_while_and_no_more() {
    for (answers, asked) in [
        (vec![CrmError::Forbidden], 1),
        (vec![CrmError::Ours(403)], 0),
        (vec![CrmError::Forbidden, CrmError::Ours(403)], 1),
    ] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        answers
            .into_iter()
            .for_each(|answer| crm.answer_next(answer));
        let lead = scene.sign_up("ada@example.com").await;

        assert!(scene.drain().await.is_empty());

        assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
        let row = scene.memory.directory.look(&scene.customer).unwrap();
        assert_eq!(row.status, ConnectionStatus::Active);
        assert_eq!(told(&scene), []);
        assert_eq!(crm.count(Call::Privileges), asked);
        goes_out_later(&scene, &lead).await;
        assert_eq!(crm.count(Call::SignUp), 2);
    }
}

#[tokio::test]
async fn all_leads_of_a_batch_that_is_forbidden_wait_for_what_one_of_them_finds_out() {
    for (rights, why) in [
        (&["contacts:lists:read"][..], WaitReason::Rights),
        (&NEEDED, WaitReason::Upstream),
    ] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        crm.set_privileges(ACCOUNT, rights);
        crm.forbid_writes(ACCOUNT);
        let mut leads = Vec::new();
        for name in ["ada", "bob", "eve"] {
            leads.push(scene.sign_up(&format!("{name}@example.com")).await);
        }

        scene.drain().await;

        for lead in &leads {
            assert_eq!(scene.state(lead).await, waits(why));
        }
        let counts = [Call::SignUp, Call::Privileges].map(|call| crm.count(call));
        assert_eq!(counts, [3, 1]);
    }
}

#[tokio::test]
async fn a_vault_that_cannot_be_read_makes_leads_wait_and_intake_does_not_notice() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    // A drain claims, reads the customer, who is never mailed, the connection and the form; its keeper reads the
    // connection, then the vault.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 7, Fault::FailBefore);

    let log = Log::begin();
    let again = scene.drain().await;
    let log = log.text();
    let other = scene.submit(&[("email", "bob@example.com")]).await;

    assert!(again.is_empty());
    assert_counted(&log, "planned");
    assert_eq!(other.status, "queued");
    assert_eq!(scene.state(&lead.lead).await, waits(WaitReason::Upstream));
    goes_out_later(&scene, &lead.lead).await;
}

/// An error has exactly one line, which is the one that an alarm counts, and says what was lacking.
fn assert_counted(log: &str, lack: &str) {
    let failures: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let counted = "leads are put off, as a store failed";
    let words = [counted, "reading the token", "engines", lack];
    let names = |line: &&str| words.iter().all(|word| line.contains(word));
    assert!(failures.len() == 1 && failures.iter().all(names), "{log}");
}

async fn goes_out_later(scene: &Scene, lead: &LeadId) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn a_store_that_fails_a_refresh_makes_leads_wait_with_the_line_that_is_counted() {
    // The keeper leases the connection, reads the vault and the application, and takes a moment of the endpoint.
    for step in 7..=10 {
        let scene = Scene::connected().await;
        scene.memory.clock.advance(SignedDuration::from_hours(25));
        let lead = scene.sign_up("ada@example.com").await;
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::FailBefore);

        let log = Log::begin();
        let again = scene.drain().await;

        assert!(again.is_empty());
        assert_counted(&log.text(), "planned");
        assert_eq!(scene.memory.crm.count(Call::Refresh), 0, "step {step}");
        assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
        goes_out_later(&scene, &lead).await;
    }
}

#[tokio::test]
async fn an_application_without_its_secret_makes_leads_wait_with_the_line_that_is_counted() {
    let scene = Scene::connected().await;
    let (directory, app) = (&scene.memory.directory, "own".parse().unwrap());
    let connection = Connection {
        app,
        ..directory.look(&scene.customer).unwrap()
    };
    assert!(directory.put_connection(&connection).await.unwrap());
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.sign_up("ada@example.com").await;

    let log = Log::begin();
    let again = scene.drain().await;

    assert!(again.is_empty());
    assert_counted(&log.text(), "the secret of the application own is not set");
    assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
    let apps = &scene.memory.apps;
    apps.set(&connection.app, "client", "client-secret");
    goes_out_later(&scene, &lead).await;
}
