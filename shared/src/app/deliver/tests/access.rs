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

/// The privileges that a connecting user needs.
const NEEDED_PRIVILEGES: [&str; 3] = ["contacts:read", "contacts:write", "contacts:lists:read"];

#[tokio::test]
async fn expired_token_is_refreshed_during_the_drain() {
    let scene = Scene::connected().await;
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.submit(&[("email", "ada@example.com")]).await;

    scene.drain().await;

    assert_eq!(scene.state(&lead.lead).await.as_str(), "delivered");
    assert_eq!(scene.memory.crm.count(Call::Refresh), 1);
}

#[tokio::test]
async fn rejected_token_is_refreshed_once_and_the_call_repeated() {
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
async fn lead_waits_after_one_refresh_if_the_new_token_is_refused_too() {
    let scene = Scene::connected().await;
    for _ in 0..2 {
        scene.memory.crm.fail_next(CrmError::Unauthorized);
    }
    let lead = scene.sign_up("ada@example.com").await;

    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty());
    assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
    let counts = [Call::SignUp, Call::Refresh].map(|call| scene.memory.crm.count(call));
    assert_eq!(counts, [2, 1]);
}

#[tokio::test]
async fn leads_of_a_revoked_connection_wait_and_its_status_is_published_once() {
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
    let (reason, published_statuses) = (ReconnectReason::InvalidGrant, published_statuses(&scene));
    let is_dead = |status: &ConnectionStatus| matches!(status, ConnectionStatus::NeedsReconnect { reason: published, .. } if *published == reason);
    assert!(
        published_statuses.len() == 1 && published_statuses.iter().all(is_dead),
        "{published_statuses:?}"
    );
}

/// The statuses published about the connection.
fn published_statuses(scene: &Scene) -> Vec<ConnectionStatus> {
    let events = scene.memory.events.published().into_iter();
    let statuses = events.filter_map(|event| match event {
        Event::Connection { status, .. } => Some(status),
        _ => None,
    });
    statuses.collect()
}

#[tokio::test]
async fn forbidden_call_limits_the_connection_with_a_reason_and_stops_the_calls() {
    let all_except = |lacking: &str| {
        let rest = NEEDED_PRIVILEGES
            .into_iter()
            .filter(|name| *name != lacking);
        rest.collect::<Vec<_>>()
    };
    for (privileges, reason) in [
        (
            all_except("contacts:write"),
            LimitedReason::MissingPrivilege,
        ),
        (
            all_except("contacts:lists:read"),
            LimitedReason::MissingPrivilege,
        ),
        (all_except("contacts:read"), LimitedReason::MissingPrivilege),
        (vec![], LimitedReason::AppDeactivated),
    ] {
        let scene = Scene::connected().await;
        scene.memory.crm.set_privileges(ACCOUNT, &privileges);
        scene.memory.crm.fail_next(CrmError::Forbidden);
        if reason == LimitedReason::AppDeactivated {
            scene.memory.crm.fail_next(CrmError::Forbidden);
        }
        let lead = scene.submit(&[("email", "ada@example.com")]).await;

        scene.drain().await;
        scene.submit(&[("email", "bob@example.com")]).await;
        scene.drain().await;

        let why = WaitReason::Rights;
        assert_eq!(scene.state(&lead.lead).await, waits(why));
        let connection = scene.memory.directory.peek(&scene.customer).unwrap();
        let limited = ConnectionStatus::Limited { reason };
        assert_eq!(connection.status, limited);
        assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
        assert_eq!(published_statuses(&scene), [limited]);
    }
}

#[tokio::test]
async fn refresh_without_the_contacts_scope_limits_the_connection() {
    let scene = Scene::connected().await;
    scene.memory.crm.grant_only("account_read offline_access");
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.sign_up("ada@example.com").await;

    scene.drain().await;

    assert_eq!(scene.state(&lead).await, waits(WaitReason::Rights));
    let reason = LimitedReason::MissingScope;
    assert_eq!(
        published_statuses(&scene),
        [ConnectionStatus::Limited { reason }]
    );
    assert_eq!(scene.memory.crm.count(Call::SignUp), 1);
}

#[tokio::test]
async fn forbidden_call_without_a_missing_right_only_delays_its_lead() {
    for (answers, privilege_reads) in [
        (vec![CrmError::Forbidden], 1),
        (vec![CrmError::BadRequest(403)], 0),
        (vec![CrmError::Forbidden, CrmError::BadRequest(403)], 1),
    ] {
        let scene = Scene::connected().await;
        let crm = &scene.memory.crm;
        answers.into_iter().for_each(|answer| crm.fail_next(answer));
        let lead = scene.sign_up("ada@example.com").await;

        assert!(scene.drain().await.is_empty());

        assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
        let row = scene.memory.directory.peek(&scene.customer).unwrap();
        assert_eq!(row.status, ConnectionStatus::Active);
        assert_eq!(published_statuses(&scene), []);
        assert_eq!(crm.count(Call::Privileges), privilege_reads);
        assert_delivered_later(&scene, &lead).await;
        assert_eq!(crm.count(Call::SignUp), 2);
    }
}

#[tokio::test]
async fn rights_are_looked_up_once_for_all_forbidden_calls_of_a_batch() {
    for (rights, why) in [
        (&["contacts:lists:read"][..], WaitReason::Rights),
        (&NEEDED_PRIVILEGES, WaitReason::Upstream),
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
async fn unreadable_vault_makes_leads_wait_and_does_not_affect_intake() {
    let scene = Scene::connected().await;
    let lead = scene.submit(&[("email", "ada@example.com")]).await;
    // A drain claims, and reads the customer, the suppressions, the connection and the form; its keeper reads the
    // connection, then the vault.
    scene
        .memory
        .faults
        .at(scene.memory.faults.steps() + 7, Fault::FailBefore);

    let log = Log::begin();
    let to_redeliver = scene.drain().await;
    let log = log.text();
    let other = scene.submit(&[("email", "bob@example.com")]).await;

    assert!(to_redeliver.is_empty());
    assert_alarm_line(&log, "planned");
    assert_eq!(other.status, "queued");
    assert_eq!(scene.state(&lead.lead).await, waits(WaitReason::Upstream));
    assert_delivered_later(&scene, &lead.lead).await;
}

/// Asserts that the log has exactly one error line, the one that an alarm counts, and that it names the cause.
fn assert_alarm_line(log: &str, cause: &str) {
    let failures: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
    let counted = "leads are put off, as a store failed";
    let words = [counted, "reading the token", "engines", cause];
    let names = |line: &&str| words.iter().all(|word| line.contains(word));
    assert!(failures.len() == 1 && failures.iter().all(names), "{log}");
}

async fn assert_delivered_later(scene: &Scene, lead: &LeadId) {
    scene.memory.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(scene.memory.release().await.unwrap().waited, 1);
    scene.drain().await;
    assert_eq!(scene.state(lead).await.as_str(), "delivered");
}

#[tokio::test]
async fn store_failure_during_a_refresh_makes_leads_wait_and_logs_the_alarm_line() {
    // The keeper leases the connection, reads the vault and the application, and takes a moment of the endpoint.
    for step in 7..=10 {
        let scene = Scene::connected().await;
        scene.memory.clock.advance(SignedDuration::from_hours(25));
        let lead = scene.sign_up("ada@example.com").await;
        let faults = &scene.memory.faults;
        faults.at(faults.steps() + step, Fault::FailBefore);

        let log = Log::begin();
        let to_redeliver = scene.drain().await;

        assert!(to_redeliver.is_empty());
        assert_alarm_line(&log.text(), "planned");
        assert_eq!(scene.memory.crm.count(Call::Refresh), 0, "step {step}");
        assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
        assert_delivered_later(&scene, &lead).await;
    }
}

#[tokio::test]
async fn application_without_a_secret_makes_leads_wait_and_logs_the_alarm_line() {
    let scene = Scene::connected().await;
    let (directory, app) = (&scene.memory.directory, "own".parse().unwrap());
    let connection = Connection {
        app,
        ..directory.peek(&scene.customer).unwrap()
    };
    assert!(directory.put_connection(&connection).await.unwrap());
    scene.memory.clock.advance(SignedDuration::from_hours(25));
    let lead = scene.sign_up("ada@example.com").await;

    let log = Log::begin();
    let to_redeliver = scene.drain().await;

    assert!(to_redeliver.is_empty());
    assert_alarm_line(&log.text(), "the secret of the application own is not set");
    assert_eq!(scene.state(&lead).await, waits(WaitReason::Upstream));
    let apps = &scene.memory.apps;
    apps.set(&connection.app, "client", "client-secret");
    assert_delivered_later(&scene, &lead).await;
}
