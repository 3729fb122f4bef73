use leadfeed_shared::domain::budget::BudgetState;
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::fakes::MemoryApps;
use leadfeed_shared::ports::Apps as _;
use secrecy::ExposeSecret as _;
use serde_json::json;

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
        .set(&AppId::default_app(), state(700).quota_exceeded(now()));
    let closed = stage.get("/v1/budget").await;

    assert_eq!(assumed.body["calls_today"], 3958);
    assert_eq!(
        used.body,
        json!({
            "app_id": "default", "calls_per_second": 4, "calls_per_day": 10_000, "calls_today": 700,
            "calls_left_today": 9_300, "resets_at": midnight,
        })
    );
    assert_eq!(closed.body["calls_left_today"], 0);
    assert_eq!(closed.text("closed_until"), midnight);
    assert_eq!(
        stage.get("/v1/budget?app_id=A").await.faults(),
        [("app_id", "malformed")]
    );
}

#[tokio::test]
async fn health_names_what_is_missing_in_words() {
    let mut stage = Stage::new();
    let good = stage.get("/v1/health").await;
    stage.api.admin.apps = MemoryApps::default();
    let unset = stage.get("/v1/health").await;

    assert_eq!((good.status, good.text("status")), (200, "ok".into()));
    assert_eq!(unset.text("status"), "attention");
    let check = &unset.body["checks"][0];
    assert_eq!(
        (&check["name"], &check["ok"]),
        (&json!("app"), &json!(false))
    );
    assert!(
        check["detail"]
            .as_str()
            .unwrap()
            .contains("PUT /v1/apps/default")
    );
}
