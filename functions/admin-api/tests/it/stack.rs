use jiff::SignedDuration;
use leadfeed_shared::domain::budget::{BudgetState, Pause};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use leadfeed_shared::domain::ids::{AppId, CustomerId};
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::{Fault, MemoryApps};
use leadfeed_shared::ports::{Apps as _, Clock as _, Connections as _, Queue as _};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::connections::connect;
use crate::stage::{Stage, now};

#[tokio::test]
async fn an_app_is_stored_and_its_secret_is_not_shown() {
    let stage = Stage::new();
    let body = json!({
        "client_id": "id", "client_secret": "SENTINEL", "calls_per_second": 10, "calls_per_day": 50_000,
    });

    let answer = stage.put("/v1/apps/own", body).await;

    assert_eq!(
        (answer.status, answer.body),
        (
            200,
            json!({"app_id": "own", "calls_per_second": 10, "calls_per_day": 50_000})
        )
    );
    let app = "own".parse().unwrap();
    let stored = stage
        .memory
        .apps
        .credentials(&app, true)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.client_id, "id");
    assert_eq!(stored.client_secret.expose_secret(), "SENTINEL");
    assert_eq!(
        stage.memory.apps.limits(&app).await.unwrap().per_day,
        50_000
    );
}

#[tokio::test]
async fn app_without_limits_gets_the_defaults_and_invalid_values_are_not_echoed() {
    let stage = Stage::new();

    let default = stage
        .put(
            "/v1/apps/default",
            json!({"client_id": "a", "client_secret": "b"}),
        )
        .await;
    let invalid =
        json!({"client_id": "SENTINEL 1", "client_secret": ["SENTINEL"], "calls_per_day": -1});
    let invalid = stage.put("/v1/apps/default", invalid).await;
    let malformed_id = stage.put("/v1/apps/No", json!({})).await;

    assert_eq!(
        default.body,
        json!({"app_id": "default", "calls_per_second": 4, "calls_per_day": 10_000})
    );
    assert_eq!(
        invalid.field_errors(),
        [
            ("client_id", "malformed"),
            ("client_secret", "wrong_type"),
            ("calls_per_day", "out_of_range")
        ]
    );
    assert!(!invalid.body.to_string().contains("SENTINEL"));
    assert_eq!(malformed_id.field_errors(), [("app_id", "malformed")]);
}

#[tokio::test]
async fn updating_an_app_keeps_the_limits_it_omits() {
    let stage = Stage::new();
    let limits = json!({"client_id": "a", "client_secret": "b", "calls_per_second": 2, "calls_per_day": 5_000});
    let rotated = json!({"client_id": "a", "client_secret": "c"});
    let raised = json!({"client_id": "a", "client_secret": "c", "calls_per_day": 6_000});
    stage.put("/v1/apps/own", limits).await;

    for (body, per_day) in [(rotated, 5_000), (raised, 6_000)] {
        let answer = stage.put("/v1/apps/own", body).await;

        assert_eq!(
            answer.body,
            json!({"app_id": "own", "calls_per_second": 2, "calls_per_day": per_day})
        );
        let stored = stage.memory.apps.limits(&"own".parse().unwrap()).await;
        assert_eq!(stored.unwrap().per_day, per_day);
    }
}

#[tokio::test]
async fn budget_shows_the_calls_left_today() {
    let stage = Stage::new();
    let midnight = "2026-11-24T00:00:00Z";
    let state = |spent| BudgetState {
        spent,
        ..BudgetState::assumed(Default::default(), now())
    };

    let assumed = stage.get("/v1/budget").await;
    stage.memory.budget.set(&AppId::default_app(), state(700));
    let used = stage.get("/v1/budget?app_id=default").await;
    stage
        .memory
        .budget
        .set(&AppId::default_app(), state(700).paused(now(), Pause::Day));
    let closed = stage.get("/v1/budget").await;

    stage.memory.budget.set(&AppId::default_app(), state(9_800));
    let reserve = stage.get("/v1/budget").await;
    let health = stage.get("/v1/health").await;

    assert_eq!(assumed.body["calls_today"], 3958);
    assert_eq!(
        reserve.body["calls_left_today"], 0,
        "the rest is reserved for connecting"
    );
    let checks = health.body["checks"].as_array().unwrap();
    let budget = checks
        .iter()
        .find(|check| check["name"] == "budget")
        .unwrap();
    assert_eq!(budget["ok"], false, "{budget}");
    assert_eq!(
        used.body,
        json!({
            "app_id": "default", "calls_per_second": 4, "calls_per_day": 10_000, "calls_today": 700,
            "calls_left_today": 9_100, "resets_at": midnight,
        })
    );
    assert_eq!(closed.body["calls_left_today"], 0);
    assert_eq!(closed.text("closed_until"), midnight);
    assert_eq!(
        stage.get("/v1/budget?app_id=A").await.field_errors(),
        [("app_id", "malformed")]
    );
}

/// The failing checks of the stack's health, each with its detail.
async fn failing_checks(stage: &Stage) -> Vec<(String, String)> {
    let health = stage.get("/v1/health").await;
    assert_eq!(health.status, 200);
    let checks = health.body["checks"].as_array().unwrap().iter();
    let failing = checks.filter(|check| check["ok"] == false).map(|check| {
        let property = |name: &str| check[name].as_str().unwrap().to_owned();
        (property("name"), property("detail"))
    });
    let failing: Vec<_> = failing.collect();
    let status = if failing.is_empty() {
        "ok"
    } else {
        "attention"
    };
    assert_eq!(health.text("status"), status);
    failing
}

async fn only_failing_check(stage: &Stage) -> (String, String) {
    let mut failing = failing_checks(stage).await;
    assert_eq!(failing.len(), 1, "{failing:?}");
    failing.remove(0)
}

#[tokio::test]
async fn health_of_a_stack_without_an_app_says_how_to_store_one() {
    let mut stage = Stage::new();
    assert_eq!(failing_checks(&stage).await, []);
    stage.api.admin.apps = MemoryApps::default();

    let (check, detail) = only_failing_check(&stage).await;

    assert_eq!(check, "app");
    assert!(detail.contains("PUT /v1/apps/default"), "{detail}");
}

#[tokio::test]
async fn health_reports_dead_letters_late_leads_and_a_used_up_budget() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let customer: CustomerId = "engines".parse().unwrap();

    let lead = Task::Released {
        customer: customer.clone(),
        lead: stage.sign_up(&form, "ada@example.com").await,
    };
    stage.memory.dead_letters.send(&[lead]).await.unwrap();
    let (check, detail) = only_failing_check(&stage).await;
    assert_eq!(check, "dead_letters");
    assert!(detail.starts_with("1 messages"), "{detail}");
    assert_eq!(stage.memory.dead_letters.receive(1).len(), 1);

    stage.memory.clock.advance(SignedDuration::from_hours(3));
    let (check, detail) = only_failing_check(&stage).await;
    assert_eq!(check, "deliveries");
    assert!(detail.contains("for 3 hours"), "{detail}");
    stage.memory.drain_all().await;
    assert_eq!(
        failing_checks(&stage).await,
        [],
        "the lead waits for its customer now"
    );

    let now = stage.memory.clock.now();
    let spent = BudgetState::assumed(Default::default(), now).paused(now, Pause::Day);
    stage.memory.budget.set(&AppId::default_app(), spent);
    let (check, detail) = only_failing_check(&stage).await;
    assert_eq!(check, "budget");
    assert!(detail.contains("2026-11-24T00:00:00Z"), "{detail}");
}

#[tokio::test]
async fn health_does_not_report_the_budget_of_an_unused_app_late_in_the_day() {
    let stage = Stage::new();
    let own: AppId = "own".parse().unwrap();
    stage.memory.apps.set_limits(&own, Default::default());
    let clock = &stage.memory.clock;
    clock.advance_to("2026-11-23T23:40:00Z".parse().unwrap());
    let assumed = BudgetState::assumed(Default::default(), clock.now());
    let called = BudgetState {
        spent: 1,
        ..assumed
    };
    stage.memory.budget.set(&AppId::default_app(), called);

    assert_eq!(failing_checks(&stage).await, []);
}

#[tokio::test]
async fn health_uses_the_alarms_threshold_for_late_leads() {
    let mut stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(failing_checks(&stage).await, []);

    stage.api.admin.oldest_lead_alarm = SignedDuration::from_mins(5);

    let (check, detail) = only_failing_check(&stage).await;
    assert_eq!(check, "deliveries");
    assert!(detail.contains("for 6 minutes"), "{detail}");
}

#[tokio::test]
async fn health_names_customers_that_have_to_reconnect() {
    let stage = Stage::with_customers().await;
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    connect(&stage, ConnectionStatus::NeedsReconnect { reason, since }).await;

    let (check, detail) = only_failing_check(&stage).await;

    assert_eq!(check, "connections");
    assert!(
        detail.contains("engines") && !detail.contains("looms"),
        "{detail}"
    );
}

#[tokio::test]
async fn health_lists_every_lost_connection_but_names_only_ten_in_its_text() {
    let stage = Stage::new();
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    let dead = ConnectionStatus::NeedsReconnect { reason, since };
    connect(&stage, dead).await;
    let engines = stage.memory.directory.peek(&"engines".parse().unwrap());
    for number in 1..120 {
        let mut other = engines.clone().unwrap();
        other.customer = format!("looms-{number:03}").parse().unwrap();
        assert!(stage.memory.directory.put_connection(&other).await.unwrap());
    }

    let (_, detail) = only_failing_check(&stage).await;
    let health = stage.get("/v1/health").await.body;

    assert!(detail.contains("looms-009") && !detail.contains("looms-010"));
    assert!(detail.contains("and 110 more"), "{detail}");
    let lost = health["lost_connections"].as_array().unwrap();
    assert_eq!(lost.len(), 120);
    assert_eq!(
        lost[0],
        json!({
            "customer_id": "engines", "status": "needs_reconnect", "reason": "invalid_grant",
            "since": "2026-11-23T09:30:00Z",
        })
    );
}

#[tokio::test]
async fn health_says_why_a_connection_is_limited() {
    let stage = Stage::with_customers().await;
    for (reason, advice) in [
        (
            LimitedReason::MissingPrivilege,
            "the user who connected cannot add contacts; the account owner or a manager must connect",
        ),
        (
            LimitedReason::AccountChanged,
            "must confirm the new account",
        ),
        (
            LimitedReason::AppDeactivated,
            "the application is switched off or not approved",
        ),
        (
            LimitedReason::MissingScope,
            "has to connect again and agree to all",
        ),
    ] {
        connect(&stage, ConnectionStatus::Limited { reason }).await;

        let (check, detail) = only_failing_check(&stage).await;

        assert_eq!(check, "connections");
        assert!(detail.contains(&format!("engines ({advice})")), "{detail}");
    }
}

#[tokio::test]
async fn health_names_a_non_default_app_whose_daily_calls_are_used_up() {
    let stage = Stage::new();
    let own: AppId = "own".parse().unwrap();
    stage.memory.apps.set_limits(&own, Default::default());
    assert_eq!(failing_checks(&stage).await, []);
    let spent = BudgetState::assumed(Default::default(), now()).paused(now(), Pause::Day);
    stage.memory.budget.set(&own, spent);

    let (check, detail) = only_failing_check(&stage).await;

    assert_eq!(check, "budget");
    assert!(detail.ends_with("Applications: own."), "{detail}");
}

#[tokio::test]
async fn health_names_a_check_that_cannot_run_and_still_runs_the_others() {
    let stage = Stage::new();
    for (step, check) in [
        (1, "directory"),
        (2, "ledger"),
        (3, "queue"),
        (4, "connections"),
        (6, "dead_letters"),
    ] {
        let next = stage.memory.faults.steps() + step;
        stage.memory.faults.at(next, Fault::FailBefore);
        let (failing, detail) = only_failing_check(&stage).await;
        assert_eq!(failing, check);
        assert!(detail.contains("could not be"), "{detail}");
    }
}
