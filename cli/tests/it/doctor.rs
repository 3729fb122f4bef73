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

use crate::commands::CREATE_FORM;
use crate::deployment::{Authorize, Deployment, TOKEN, leadfeed, serve};

/// The codes of what the doctor finds wrong.
async fn problems(url: &str, token: &str) -> Vec<String> {
    let arguments = ["doctor", "--customer", "engines", "--json"];
    let (output, succeeded) = leadfeed(url, token, &arguments).await;
    let findings: Vec<Value> = serde_json::from_str(&output).unwrap();
    let codes = findings
        .iter()
        .map(|finding| finding["found"].as_str().unwrap());
    let problem_codes: Vec<_> = codes
        .filter(|code| *code != "ok")
        .map(str::to_owned)
        .collect();
    assert_eq!(succeeded, problem_codes.is_empty());
    for finding in &findings {
        let advised = finding["advice"] != "";
        assert_eq!(finding["found"] != "ok", advised, "{finding}");
    }
    problem_codes
}

async fn diagnose(deployment: &Deployment) -> Vec<String> {
    problems(&deployment.url, TOKEN).await
}

/// Connects the customer and gives it a form, then changes the connection.
pub async fn connect(deployment: &Deployment, change: impl FnOnce(&mut Connection)) {
    let now = deployment.memory.clock.now();
    let mut connection = Connection {
        lists: vec!["5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap()],
        ..samples::connection(now)
    };
    change(&mut connection);
    let directory = &deployment.memory.directory;
    directory.put_connection(&connection).await.unwrap();
    assert!(deployment.leadfeed(&CREATE_FORM).await.1);
}

async fn diagnose_with(change: impl FnOnce(&mut Connection)) -> Vec<String> {
    let deployment = Deployment::new().await;
    connect(&deployment, change).await;
    diagnose(&deployment).await
}

#[tokio::test]
async fn complete_deployment_has_no_problems() {
    assert_eq!(diagnose_with(|_| {}).await, [""; 0]);
}

#[tokio::test]
async fn unusable_stack_address_is_diagnosed() {
    let elsewhere = serve(Router::new().fallback(|| async { "hello" })).await;
    let broken_at = serve(Router::new().fallback(|| async { StatusCode::BAD_GATEWAY })).await;

    assert_eq!(problems("leads", TOKEN).await, ["address_missing"]);
    assert_eq!(
        problems("http://leads.example", TOKEN).await,
        ["not_encrypted"]
    );
    assert_eq!(problems("http://127.0.0.1:9", TOKEN).await, ["unreachable"]);
    assert_eq!(problems(&elsewhere, TOKEN).await, ["not_leadfeed"]);
    assert_eq!(problems(&broken_at, TOKEN).await, ["function_broken"]);
}

#[tokio::test]
async fn stack_without_a_health_report_is_diagnosed() {
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
        let url = serve(Router::new().fallback(answers)).await;

        assert_eq!(
            problems(&url, TOKEN).await,
            ["health_unreadable"],
            "{status}"
        );
    }
}

/// A stack that answers 503 for everything about a customer that is not in `readable`.
async fn partly_failing_stack(readable: &'static [&'static str]) -> String {
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
    serve(Router::new().fallback(answers)).await
}

/// What the doctor finds if the page of a connect link answers like this.
async fn diagnose_connect_page(status: StatusCode, code: &'static str) -> Vec<String> {
    let answers = move |uri: Uri, headers: HeaderMap| async move {
        let own_url = format!("http://{}", headers[HOST].to_str().unwrap());
        let (status, body) = match uri.path() {
            "/connect/link" => (status, json!({"code": code})),
            "/oauth/callback" => (StatusCode::BAD_REQUEST, json!({})),
            _ if !headers.contains_key(AUTHORIZATION) => (StatusCode::UNAUTHORIZED, json!({})),
            "/v1/health" => (StatusCode::OK, json!({"checks": []})),
            "/v1/customers/engines/connect-links" => (
                StatusCode::OK,
                json!({"url": format!("{own_url}/connect/link")}),
            ),
            _ => (
                StatusCode::OK,
                json!({"status": "not_connected", "forms": []}),
            ),
        };
        let headers = [(CONTENT_TYPE, "application/problem+json")];
        (status, headers, body.to_string())
    };
    let url = serve(Router::new().fallback(answers)).await;
    let mut codes = problems(&url, TOKEN).await;
    codes.retain(|code| !["not_connected", "no_form"].contains(&code.as_str()));
    codes
}

#[tokio::test]
async fn failing_connect_page_is_told_from_a_wrong_public_url() {
    for (status, code, expected) in [
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "callback_failed",
        ),
        (StatusCode::INTERNAL_SERVER_ERROR, "", "callback_failed"),
        (StatusCode::SERVICE_UNAVAILABLE, "busy", "no_calls"),
        (StatusCode::NOT_FOUND, "", "public_url_wrong"),
    ] {
        let codes = diagnose_connect_page(status, code).await;
        assert_eq!(codes, [expected], "{status} {code}");
    }
}

#[tokio::test]
async fn unreadable_customer_data_is_not_reported_as_missing() {
    let nothing = partly_failing_stack(&[]).await;
    let customer = partly_failing_stack(&["/v1/customers/engines"]).await;

    assert_eq!(
        problems(&nothing, TOKEN).await,
        ["app_not_set", "customer_unreadable"]
    );
    assert_eq!(
        problems(&customer, TOKEN).await,
        ["app_not_set", "connection_unreadable", "forms_unreadable"]
    );
}

#[tokio::test]
async fn wrong_token_is_diagnosed() {
    let deployment = Deployment::new().await;

    assert_eq!(problems(&deployment.url, "other").await, ["token_wrong"]);
}

#[tokio::test]
async fn missing_application_is_diagnosed() {
    let deployment = Deployment::with(Authorize::Accepts, |memory| {
        memory.apps = MemoryApps::default();
    })
    .await;
    connect(&deployment, |_| {}).await;

    assert_eq!(diagnose(&deployment).await, ["app_not_set"]);
}

#[tokio::test]
async fn customers_own_application_is_checked() {
    let deployment = Deployment::new().await;
    connect(&deployment, |_| {}).await;
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
        diagnose(&deployment).await,
        ["app_not_set", "app_not_used_yet"]
    );
    let own: AppId = "own".parse().unwrap();
    let memory = &deployment.memory;
    memory.apps.set(&own, "client", "secret");
    memory.apps.set_limits(&own, Default::default());
    assert_eq!(diagnose(&deployment).await, ["app_not_used_yet"]);
    connect(&deployment, |row| row.app = own.clone()).await;
    assert_eq!(diagnose(&deployment).await, [""; 0]);

    let now = memory.clock.now();
    let spent = BudgetState::assumed(Default::default(), now).paused(now, Pause::Day);
    memory.budget.set(&own, spent);

    assert_eq!(diagnose(&deployment).await, ["budget_used", "no_calls"]);
}

#[tokio::test]
async fn refused_authorization_request_is_diagnosed_by_its_cause() {
    for (words, code) in [
        (
            "The 'redirect_uri' parameter must be a login redirect URI.",
            "redirect_not_registered",
        ),
        ("Invalid value for 'client_id' parameter.", "client_unknown"),
        ("No.", "authorization_refused"),
    ] {
        let deployment = Deployment::with(Authorize::Refuses(words), |_| {}).await;
        connect(&deployment, |_| {}).await;
        assert_eq!(diagnose(&deployment).await, [code]);
    }
}

#[tokio::test]
async fn failing_sign_in_page_is_not_taken_for_a_refusal() {
    let deployment = Deployment::with(Authorize::Fails, |_| {}).await;
    connect(&deployment, |_| {}).await;

    assert_eq!(diagnose(&deployment).await, ["constant_contact_broken"]);
}

#[tokio::test]
async fn used_up_budget_is_diagnosed() {
    let deployment = Deployment::new().await;
    connect(&deployment, |_| {}).await;
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
        diagnose(&deployment).await,
        ["budget_used"],
        "connecting can use the reserve"
    );

    let closed = assumed.paused(now, Pause::Day);
    deployment.memory.budget.set(&AppId::default_app(), closed);
    assert_eq!(diagnose(&deployment).await, ["budget_used", "no_calls"]);
}

#[tokio::test]
async fn reasons_why_leads_cannot_go_out_are_told_apart() {
    let limited =
        |reason| move |row: &mut Connection| row.status = ConnectionStatus::Limited { reason };

    assert_eq!(
        diagnose_with(|row| row.lists.clear()).await,
        ["list_not_chosen"]
    );
    assert_eq!(
        diagnose_with(|row| row.terms = None).await,
        ["terms_not_confirmed"]
    );
    let lists_gone = |row: &mut Connection| row.learned.lists_gone = row.lists.clone();
    assert_eq!(diagnose_with(lists_gone).await, ["list_missing"]);
    for (reason, code) in [
        (LimitedReason::AppDeactivated, "app_not_approved"),
        (LimitedReason::MissingPrivilege, "user_may_not_write"),
        (LimitedReason::MissingScope, "scope_missing"),
    ] {
        assert_eq!(
            diagnose_with(limited(reason)).await,
            ["connections_lost", code]
        );
    }
    assert_eq!(
        diagnose_with(|row| row.status = ConnectionStatus::Disconnected).await,
        ["disconnected"]
    );
    let dead = |row: &mut Connection| {
        let (reason, since) = (ReconnectReason::InvalidGrant, row.connected_at);
        row.status = ConnectionStatus::NeedsReconnect { reason, since };
    };
    assert_eq!(
        diagnose_with(dead).await,
        ["connections_lost", "needs_reconnect"]
    );
}

#[tokio::test]
async fn custom_fields_that_open_forms_use_but_the_account_lacks_are_diagnosed() {
    let deployment = Deployment::new().await;
    connect(&deployment, |row| {
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
    assert_eq!(diagnose(&deployment).await, [""; 0]);

    form.required.push("custom_fields[Loom]".into());
    form.mapped = [("q1".to_owned(), "custom_fields[ Mill ]".to_owned())].into();
    directory.put_form(&form).await.unwrap();
    let arguments = ["doctor", "--customer", "engines", "--json"];
    let (output, _) = deployment.leadfeed(&arguments).await;

    assert_eq!(diagnose(&deployment).await, ["custom_field_unknown"]);
    assert!(output.contains("called Loom, Mill,"), "{output}");
    form.open = false;
    directory.put_form(&form).await.unwrap();
    assert_eq!(diagnose(&deployment).await, ["forms_closed"]);
    form.open = true;
    directory.put_form(&form).await.unwrap();
    connect(&deployment, |row| {
        row.status = ConnectionStatus::Disconnected;
    })
    .await;
    assert_eq!(diagnose(&deployment).await, ["disconnected"]);
}

#[tokio::test]
async fn new_or_unknown_customer_is_diagnosed() {
    let deployment = Deployment::new().await;

    assert_eq!(diagnose(&deployment).await, ["not_connected", "no_form"]);
    let arguments = ["doctor", "--customer", "nobody", "--json"];
    let (output, _) = deployment.leadfeed(&arguments).await;
    assert!(output.contains("customer_unknown"), "{output}");
}
