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
async fn an_app_without_limits_has_the_usual_ones_and_a_wrong_one_is_not_repeated() {
    let stage = Stage::new();

    let usual = stage
        .put(
            "/v1/apps/default",
            json!({"client_id": "a", "client_secret": "b"}),
        )
        .await;
    let wrong =
        json!({"client_id": "SENTINEL 1", "client_secret": ["SENTINEL"], "calls_per_day": -1});
    let wrong = stage.put("/v1/apps/default", wrong).await;
    let unnamed = stage.put("/v1/apps/No", json!({})).await;

    assert_eq!(
        usual.body,
        json!({"app_id": "default", "calls_per_second": 4, "calls_per_day": 10_000})
    );
    assert_eq!(
        wrong.faults(),
        [
            ("client_id", "malformed"),
            ("client_secret", "wrong_type"),
            ("calls_per_day", "out_of_range")
        ]
    );
    assert!(!wrong.body.to_string().contains("SENTINEL"));
    assert_eq!(unnamed.faults(), [("app_id", "malformed")]);
}

#[tokio::test]
async fn an_app_that_is_stored_again_keeps_the_limits_that_are_not_said() {
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
async fn the_budget_tells_what_is_left_today() {
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
        "the rest is for connecting"
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
        stage.get("/v1/budget?app_id=A").await.faults(),
        [("app_id", "malformed")]
    );
}

/// What health says is wrong, by check.
async fn transient_failures(stage: &Stage) -> Vec<(String, String)> {
    let health = stage.get("/v1/health").await;
    assert_eq!(health.status, 200);
    let checks = health.body["checks"].as_array().unwrap().iter();
    let wrong = checks.filter(|check| check["ok"] == false).map(|check| {
        let word = |name: &str| check[name].as_str().unwrap().to_owned();
        (word("name"), word("detail"))
    });
    let wrong: Vec<_> = wrong.collect();
    let status = if wrong.is_empty() { "ok" } else { "attention" };
    assert_eq!(health.text("status"), status);
    wrong
}

async fn trouble(stage: &Stage) -> (String, String) {
    let mut transient_failures = transient_failures(stage).await;
    assert_eq!(transient_failures.len(), 1, "{transient_failures:?}");
    transient_failures.remove(0)
}

#[tokio::test]
async fn a_stack_without_an_application_says_how_to_store_one() {
    let mut stage = Stage::new();
    assert_eq!(transient_failures(&stage).await, []);
    stage.api.admin.apps = MemoryApps::default();

    let (check, words) = trouble(&stage).await;

    assert_eq!(check, "app");
    assert!(words.contains("PUT /v1/apps/default"), "{words}");
}

#[tokio::test]
async fn health_says_of_what_waits_for_the_operator_what_to_do() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let customer: CustomerId = "engines".parse().unwrap();

    let lead = Task::Released {
        customer: customer.clone(),
        lead: stage.sign_up(&form, "ada@example.com").await,
    };
    stage.memory.dead_letters.send(&[lead]).await.unwrap();
    let (check, words) = trouble(&stage).await;
    assert_eq!(check, "dead_letters");
    assert!(words.starts_with("1 messages"), "{words}");
    assert_eq!(stage.memory.dead_letters.receive(1).len(), 1);

    stage.memory.clock.advance(SignedDuration::from_hours(3));
    let (check, words) = trouble(&stage).await;
    assert_eq!(check, "deliveries");
    assert!(words.contains("for 3 hours"), "{words}");
    stage.memory.drain_all().await;
    assert_eq!(
        transient_failures(&stage).await,
        [],
        "it waits for its customer now"
    );

    let now = stage.memory.clock.now();
    let spent = BudgetState::assumed(Default::default(), now).paused(now, Pause::Day);
    stage.memory.budget.set(&AppId::default_app(), spent);
    let (check, words) = trouble(&stage).await;
    assert_eq!(check, "budget");
    assert!(words.contains("2026-11-24T00:00:00Z"), "{words}");
}

#[tokio::test]
async fn an_application_that_has_never_called_has_not_used_its_calls_up_late_in_the_day() {
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

    assert_eq!(transient_failures(&stage).await, []);
}

#[tokio::test]
async fn a_lead_is_late_for_health_as_soon_as_the_alarm_is_asked_to_ring_for_it() {
    let mut stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(transient_failures(&stage).await, []);

    stage.api.admin.oldest_lead_alarm = SignedDuration::from_mins(5);

    let (check, words) = trouble(&stage).await;
    assert_eq!(check, "deliveries");
    assert!(words.contains("for 6 minutes"), "{words}");
}

#[tokio::test]
async fn health_names_who_has_to_connect_again() {
    let stage = Stage::with_customers().await;
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    connect(&stage, ConnectionStatus::NeedsReconnect { reason, since }).await;

    let (check, words) = trouble(&stage).await;

    assert_eq!(check, "connections");
    assert!(
        words.contains("engines") && !words.contains("looms"),
        "{words}"
    );
}

#[tokio::test]
async fn health_tells_programs_of_every_lost_connection_and_people_of_ten() {
    let stage = Stage::new();
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    let dead = ConnectionStatus::NeedsReconnect { reason, since };
    connect(&stage, dead).await;
    let engines = stage.memory.directory.look(&"engines".parse().unwrap());
    for number in 1..120 {
        let mut other = engines.clone().unwrap();
        other.customer = format!("looms-{number:03}").parse().unwrap();
        assert!(stage.memory.directory.put_connection(&other).await.unwrap());
    }

    let (_, words) = trouble(&stage).await;
    let health = stage.get("/v1/health").await.body;

    assert!(words.contains("looms-009") && !words.contains("looms-010"));
    assert!(words.contains("and 110 more"), "{words}");
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
async fn health_says_what_is_in_the_way_of_a_limited_connection() {
    let stage = Stage::with_customers().await;
    for (reason, told) in [
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

        let (check, words) = trouble(&stage).await;

        assert_eq!(check, "connections");
        assert!(words.contains(&format!("engines ({told})")), "{words}");
    }
}

#[tokio::test]
async fn health_names_an_application_of_ones_own_whose_calls_are_used_up() {
    let stage = Stage::new();
    let own: AppId = "own".parse().unwrap();
    stage.memory.apps.set_limits(&own, Default::default());
    assert_eq!(transient_failures(&stage).await, []);
    let spent = BudgetState::assumed(Default::default(), now()).paused(now(), Pause::Day);
    stage.memory.budget.set(&own, spent);

    let (check, words) = trouble(&stage).await;

    assert_eq!(check, "budget");
    assert!(words.ends_with("Applications: own."), "{words}");
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_named_and_hides_nothing_else() {
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
        let (named, words) = trouble(&stage).await;
        assert_eq!(named, check);
        assert!(words.contains("could not be"), "{words}");
    }
}
