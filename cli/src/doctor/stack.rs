//! Checks the stack itself.

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use url::Url;

use super::Finding;
use crate::args::Stack;
use crate::client::is_private;

/// Whether there is a Leadfeed stack at this address.
pub async fn address(http: &reqwest::Client, url: &str) -> Finding {
    let step = "address";
    let Some(parsed) = Url::parse(url).ok().filter(Url::has_host) else {
        let advice = "Pass the stack's output ApiUrl as --url, or set LEADFEED_URL to it.";
        return Finding::of(step, "address_missing", advice);
    };
    if !is_private(&parsed) {
        let advice = "Use https: the admin token must not travel in the clear.";
        return Finding::of(step, "not_encrypted", advice);
    }
    let url = url.trim_end_matches('/');
    let Ok(answer) = http.get(format!("{url}/v1/health")).send().await else {
        let advice = "Nothing answers there. Is it the output ApiUrl, and is the stack deployed?";
        return Finding::of(step, "unreachable", advice);
    };
    let kind = answer.headers().get("content-type");
    let is_ours = answer.status() == StatusCode::UNAUTHORIZED
        && kind.is_some_and(|kind| kind == "application/problem+json");
    if is_ours {
        return Finding::good(step);
    }
    if answer.status().is_server_error() {
        let advice = "The function admin-api does not start: its log group says which variable or secret it lacks.";
        return Finding::of(step, "function_broken", advice);
    }
    let advice = "Something else answers there. Compare the address with the output ApiUrl.";
    Finding::of(step, "not_leadfeed", advice)
}

/// The stack's health report, or why there is none.
pub async fn health(http: &reqwest::Client, stack: &Stack) -> Result<Vec<Finding>, Finding> {
    let url = format!("{}/v1/health", stack.url.trim_end_matches('/'));
    let token = stack
        .token
        .as_ref()
        .map_or("", |token| token.expose_secret());
    let answer = http.get(url).bearer_auth(token).send().await;
    let Ok(answer) = answer else {
        let advice = "The stack stopped answering. Please try again.";
        return Err(Finding::of("admin token", "unreachable", advice));
    };
    if answer.status() == StatusCode::UNAUTHORIZED {
        let advice = "This is not the stack's admin token. Run the output AdminTokenCommand, which prints it.";
        return Err(Finding::of("admin token", "token_wrong", advice));
    }
    let health: Value = match answer.text().await {
        Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
        Err(_) => Value::Null,
    };
    let Some(checks) = health["checks"].as_array() else {
        let advice =
            "The function admin-api fails or takes too long. See its log group, then try again.";
        return Err(Finding::of("stack", "health_unreadable", advice));
    };
    let mut findings = vec![Finding::good("admin token")];
    for check in checks {
        let (step, code) = match check["name"].as_str() {
            Some("app") => ("application", "app_not_set"),
            Some("directory") => ("directory table", "directory_unreadable"),
            Some("ledger") => ("ledger table", "ledger_unreadable"),
            Some("queue") => ("queue", "queue_unreachable"),
            Some("dead_letters") => ("dead letters", "dead_letters"),
            Some("connections") => ("connections", "connections_lost"),
            Some("deliveries") => ("deliveries", "deliveries_late"),
            Some("budget") => ("budget", "budget_used"),
            Some("quarantine") => ("quarantine", "leads_quarantined"),
            _ => ("stack", "unhealthy"),
        };
        findings.push(match check["ok"].as_bool() {
            Some(true) => Finding::good(step),
            _ => Finding::of(step, code, check["detail"].as_str().unwrap_or_default()),
        });
    }
    Ok(findings)
}

/// Whether browsers reach the pages at the address that links use.
pub async fn public_address(http: &reqwest::Client, url: &str) -> Finding {
    let step = "callback";
    let callback = format!("{}/oauth/callback", url.trim_end_matches('/'));
    match http.get(callback).send().await {
        // The callback refuses a request without a state, which shows that it is there.
        Ok(answer) if answer.status() == StatusCode::BAD_REQUEST => Finding::good(step),
        Ok(answer) if answer.status().is_server_error() => {
            let advice = "The function oauth-callback does not start: see its log group.";
            Finding::of(step, "callback_broken", advice)
        }
        Err(_) => {
            let advice = "The stack stopped answering. Please try again.";
            Finding::of(step, "unreachable", advice)
        }
        Ok(_) => {
            let advice =
                "GET /oauth/callback is not there: the routes of the HTTP API are incomplete.";
            Finding::of(step, "callback_missing", advice)
        }
    }
}
