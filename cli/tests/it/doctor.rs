//! The doctor names what is wrong with a deployment, and nothing else.

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode, Uri};
use leadfeed_shared::domain::budget::{BudgetState, Pause};
use leadfeed_shared::domain::connection::{
    Connection, ConnectionStatus, CustomField, FieldKind, LimitedReason, ReconnectReason,
};
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::fakes::{MemoryApps, samples};
use leadfeed_shared::ports::{Clock as _, Connections as _, Forms as _};
use serde_json::{Value, json};

use crate::commands::CREATE;
use crate::deployment::{Authorize, Deployment, TOKEN, leadfeed, served};

/// What is not as it should be.
async fn found(url: &str, token: &str) -> Vec<String> {
    let arguments = ["doctor", "--customer", "engines", "--json"];
    let (output, succeeded) = leadfeed(url, token, &arguments).await;
    let findings: Vec<Value> = serde_json::from_str(&output).unwrap();
    let codes = findings
        .iter()
        .map(|finding| finding["found"].as_str().unwrap());
    let wrong: Vec<_> = codes
        .filter(|code| *code != "ok")
        .map(str::to_owned)
        .collect();
    assert_eq!(succeeded, wrong.is_empty());
    for finding in &findings {
        let advised = finding["advice"] != "";
        assert_eq!(finding["found"] != "ok", advised, "{finding}");
    }
    wrong
}

async fn diagnosis(deployment: &Deployment) -> Vec<String> {
    found(&deployment.url, TOKEN).await
}

/// Connects the customer and gives it a form, then changes the connection.
pub async fn connected(deployment: &Deployment, change: impl FnOnce(&mut Connection)) {
    let now = deployment.memory.clock.now();
    let mut connection = Connection {
        lists: vec!["5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap()],
        ..samples::connection(now)
    };
    change(&mut connection);
    let directory = &deployment.memory.directory;
    directory.put_connection(&connection).await.unwrap();
    assert!(deployment.leadfeed(&CREATE).await.1);
}

async fn with(change: impl FnOnce(&mut Connection)) -> Vec<String> {
    let deployment = Deployment::new().await;
    connected(&deployment, change).await;
    diagnosis(&deployment).await
}

#[tokio::test]
async fn a_whole_deployment_is_well() {
    assert_eq!(with(|_| {}).await, [""; 0]);
}

#[tokio::test]
async fn an_address_that_is_none_of_ours_is_named() {
    let elsewhere = served(Router::new().fallback(|| async { "hello" })).await;
    let broken_at = served(Router::new().fallback(|| async { StatusCode::BAD_GATEWAY })).await;

    assert_eq!(found("leads", TOKEN).await, ["address_missing"]);
    assert_eq!(
        found("http://leads.example", TOKEN).await,
        ["not_encrypted"]
    );
    assert_eq!(found("http://127.0.0.1:9", TOKEN).await, ["unreachable"]);
    assert_eq!(found(&elsewhere, TOKEN).await, ["not_leadfeed"]);
    assert_eq!(found(&broken_at, TOKEN).await, ["function_broken"]);
}

#[tokio::test]
async fn a_stack_that_does_not_say_how_it_is_is_named() {
    for status in [StatusCode::GATEWAY_TIMEOUT, StatusCode::OK] {
        let answers = move |headers: HeaderMap| async move {
            let is_known = headers.contains_key(AUTHORIZATION);
            let status = if is_known {
                status
            } else {
                StatusCode::UNAUTHORIZED
            };
            (status, [(CONTENT_TYPE, "application/problem+json")], "{}")
        };
        let url = served(Router::new().fallback(answers)).await;

        assert_eq!(found(&url, TOKEN).await, ["health_unreadable"], "{status}");
    }
}

/// A stack that is well and answers 503 for everything of a customer that is not in `readable`.
async fn half_out_of_order(readable: &'static [&'static str]) -> String {
    let answers = move |uri: Uri, headers: HeaderMap| async move {
        let status = match uri.path() {
            "/oauth/callback" => StatusCode::BAD_REQUEST,
            _ if !headers.contains_key(AUTHORIZATION) => StatusCode::UNAUTHORIZED,
            "/v1/health" => StatusCode::OK,
            path if readable.contains(&path) => StatusCode::OK,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body = r#"{"checks": [{"name": "app", "ok": false, "detail": "None is stored."}], "status": "not_connected"}"#;
        let headers = [
            (CONTENT_TYPE, "application/problem+json"),
            (RETRY_AFTER, "0"),
        ];
        (status, headers, body)
    };
    served(Router::new().fallback(answers)).await
}

/// What the doctor finds of a customer, where the page behind its connect link is answered by this.
async fn where_the_page_answers(status: StatusCode, code: &'static str) -> Vec<String> {
    let answers = move |uri: Uri, headers: HeaderMap| async move {
        let here = format!("http://{}", headers[HOST].to_str().unwrap());
        let (status, body) = match uri.path() {
            "/connect/link" => (status, json!({"code": code})),
            "/oauth/callback" => (StatusCode::BAD_REQUEST, json!({})),
            _ if !headers.contains_key(AUTHORIZATION) => (StatusCode::UNAUTHORIZED, json!({})),
            "/v1/health" => (StatusCode::OK, json!({"checks": []})),
            "/v1/customers/engines/connect-links" => (
                StatusCode::OK,
                json!({"url": format!("{here}/connect/link")}),
            ),
            _ => (
                StatusCode::OK,
                json!({"status": "not_connected", "forms": []}),
            ),
        };
        let headers = [(CONTENT_TYPE, "application/problem+json")];
        (status, headers, body.to_string())
    };
    let url = served(Router::new().fallback(answers)).await;
    let mut found = found(&url, TOKEN).await;
    found.retain(|found| !["not_connected", "no_form"].contains(&found.as_str()));
    found
}

#[tokio::test]
async fn a_connect_page_that_fails_is_not_said_to_be_elsewhere() {
    for (status, code, finding) in [
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "callback_failed",
        ),
        (StatusCode::INTERNAL_SERVER_ERROR, "", "callback_failed"),
        (StatusCode::SERVICE_UNAVAILABLE, "busy", "no_calls"),
        (StatusCode::NOT_FOUND, "", "public_url_wrong"),
    ] {
        let found = where_the_page_answers(status, code).await;
        assert_eq!(found, [finding], "{status} {code}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_not_said_to_be_missing() {
    let nothing = half_out_of_order(&[]).await;
    let customer = half_out_of_order(&["/v1/customers/engines"]).await;

    assert_eq!(
        found(&nothing, TOKEN).await,
        ["app_not_set", "customer_unreadable"]
    );
    assert_eq!(
        found(&customer, TOKEN).await,
        ["app_not_set", "connection_unreadable", "forms_unreadable"]
    );
}

#[tokio::test]
async fn a_wrong_token_is_named() {
    let deployment = Deployment::new().await;

    assert_eq!(found(&deployment.url, "other").await, ["token_wrong"]);
}

#[tokio::test]
async fn an_application_that_is_not_stored_is_named() {
    let deployment = Deployment::with(Authorize::Asks, |memory| {
        memory.apps = MemoryApps::default();
    })
    .await;
    connected(&deployment, |_| {}).await;

    assert_eq!(diagnosis(&deployment).await, ["app_not_set"]);
}

#[tokio::test]
async fn a_customers_own_application_is_looked_at() {
    let deployment = Deployment::new().await;
    connected(&deployment, |_| {}).await;
    let own = [
        "customers",
        "put",
        "engines",
        "--name",
        "Analytical Engines",
        "--app",
        "own",
    ];
    assert!(deployment.leadfeed(&own).await.1);
    assert_eq!(
        diagnosis(&deployment).await,
        ["app_not_set", "app_not_used_yet"]
    );
    let own: AppId = "own".parse().unwrap();
    let memory = &deployment.memory;
    memory.apps.set(&own, "client", "secret");
    memory.apps.set_limits(&own, Default::default());
    assert_eq!(diagnosis(&deployment).await, ["app_not_used_yet"]);
    connected(&deployment, |row| row.app = own.clone()).await;
    assert_eq!(diagnosis(&deployment).await, [""; 0]);

    let now = memory.clock.now();
    let spent = BudgetState::assumed(Default::default(), now).paused(now, Pause::Day);
    memory.budget.set(&own, spent);

    assert_eq!(diagnosis(&deployment).await, ["budget_used", "no_calls"]);
}

#[tokio::test]
async fn what_constant_contact_does_not_know_is_named() {
    for (words, code) in [
        (
            "The 'redirect_uri' parameter must be a login redirect URI.",
            "redirect_not_registered",
        ),
        ("Invalid value for 'client_id' parameter.", "client_unknown"),
        ("No.", "authorization_refused"),
    ] {
        let deployment = Deployment::with(Authorize::Refuses(words), |_| {}).await;
        connected(&deployment, |_| {}).await;
        assert_eq!(diagnosis(&deployment).await, [code]);
    }
}

#[tokio::test]
async fn a_sign_in_page_out_of_order_is_not_said_to_refuse() {
    let deployment = Deployment::with(Authorize::Fails, |_| {}).await;
    connected(&deployment, |_| {}).await;

    assert_eq!(diagnosis(&deployment).await, ["constant_contact_broken"]);
}

#[tokio::test]
async fn a_used_up_budget_is_named() {
    let deployment = Deployment::new().await;
    connected(&deployment, |_| {}).await;
    let now = deployment.memory.clock.now();
    let assumed = BudgetState::assumed(Default::default(), now);
    let used_by_leads = BudgetState {
        spent: 9_800,
        ..assumed.clone()
    };

    deployment
        .memory
        .budget
        .set(&AppId::default_app(), used_by_leads);
    assert_eq!(
        diagnosis(&deployment).await,
        ["budget_used"],
        "people connect by what is kept for them"
    );

    let closed = assumed.paused(now, Pause::Day);
    deployment.memory.budget.set(&AppId::default_app(), closed);
    assert_eq!(diagnosis(&deployment).await, ["budget_used", "no_calls"]);
}

#[tokio::test]
async fn a_customer_whose_leads_cannot_go_out_is_told_apart() {
    let limited =
        |reason| move |row: &mut Connection| row.status = ConnectionStatus::Limited { reason };

    assert_eq!(with(|row| row.lists.clear()).await, ["list_not_chosen"]);
    assert_eq!(with(|row| row.terms = None).await, ["terms_not_confirmed"]);
    let lists_gone = |row: &mut Connection| row.learned.lists_gone = row.lists.clone();
    assert_eq!(with(lists_gone).await, ["list_missing"]);
    for (reason, code) in [
        (LimitedReason::AppDeactivated, "app_not_approved"),
        (LimitedReason::MissingPrivilege, "user_may_not_write"),
        (LimitedReason::MissingScope, "scope_missing"),
    ] {
        assert_eq!(with(limited(reason)).await, ["connections_lost", code]);
    }
    assert_eq!(
        with(|row| row.status = ConnectionStatus::Disconnected).await,
        ["disconnected"]
    );
    let dead = |row: &mut Connection| {
        let (reason, since) = (ReconnectReason::InvalidGrant, row.connected_at);
        row.status = ConnectionStatus::NeedsReconnect { reason, since };
    };
    assert_eq!(with(dead).await, ["connections_lost", "needs_reconnect"]);
}

#[tokio::test]
async fn custom_fields_that_open_forms_name_and_the_account_lacks_are_named() {
    let deployment = Deployment::new().await;
    connected(&deployment, |row| {
        row.catalog.custom_fields = vec![CustomField {
            id: "5e7b1a1c-0000-11ee-8c99-0242ac120009".parse().unwrap(),
            label: "Engine".into(),
            name: "Engine".into(),
            kind: Some(FieldKind::Text),
        }];
    })
    .await;
    let directory = &deployment.memory.directory;
    let forms = directory.forms_of(&"engines".parse().unwrap()).await;
    let mut form = forms.unwrap().remove(0);
    form.required = vec!["custom_fields[engine]".into(), "city".into()];
    directory.put_form(&form).await.unwrap();
    assert_eq!(diagnosis(&deployment).await, [""; 0]);

    form.required.push("custom_fields[Loom]".into());
    form.mapped = [("q1".to_owned(), "custom_fields[ Mill ]".to_owned())].into();
    directory.put_form(&form).await.unwrap();
    let arguments = ["doctor", "--customer", "engines", "--json"];
    let (output, _) = deployment.leadfeed(&arguments).await;

    assert_eq!(diagnosis(&deployment).await, ["custom_field_unknown"]);
    assert!(output.contains("called Loom, Mill,"), "{output}");
    form.open = false;
    directory.put_form(&form).await.unwrap();
    assert_eq!(diagnosis(&deployment).await, ["forms_closed"]);
    form.open = true;
    directory.put_form(&form).await.unwrap();
    connected(&deployment, |row| {
        row.status = ConnectionStatus::Disconnected;
    })
    .await;
    assert_eq!(diagnosis(&deployment).await, ["disconnected"]);
}

#[tokio::test]
async fn a_customer_who_has_nothing_yet_is_told_what_comes_next() {
    let deployment = Deployment::new().await;

    assert_eq!(diagnosis(&deployment).await, ["not_connected", "no_form"]);
    let arguments = ["doctor", "--customer", "nobody", "--json"];
    let (output, _) = deployment.leadfeed(&arguments).await;
    assert!(output.contains("customer_unknown"), "{output}");
}
