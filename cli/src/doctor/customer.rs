//! What one customer's leads need to go out.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::Finding;
use crate::client::Client;

/// Checks a customer: the way to a connection where there is none yet, else the connection; then its forms.
pub async fn check(http: &reqwest::Client, client: &Client, customer: &str) -> Vec<Finding> {
    let path = format!("/v1/customers/{customer}");
    if client.get(&path).await.is_err() {
        let advice = "There is no such customer. `leadfeed customers list` shows all.";
        return vec![Finding::of("customer", "customer_unknown", advice)];
    }
    let mut findings = vec![Finding::good("customer")];
    findings.push(authorization(http, client, &path).await);
    let connection = client.get(&format!("{path}/connection")).await;
    findings.push(connected(&connection.unwrap_or_default()));
    let forms = client.get(&format!("{path}/forms")).await;
    findings.push(forms_of(&forms.unwrap_or_default()));
    findings
}

/// Goes the first steps of connecting as a browser would, up to Constant Contact's own page. The link made for it is
/// used up by that; nothing else changes.
async fn authorization(http: &reqwest::Client, client: &Client, path: &str) -> Finding {
    let step = "authorization";
    let unmade = || {
        let advice = "No connect link could be made: see the operator's function's log.";
        Finding::of(step, "link_not_made", advice)
    };
    let Ok(link) = client
        .send(Method::POST, &format!("{path}/connect-links"), None)
        .await
    else {
        return unmade();
    };
    let Some(url) = link["url"].as_str() else {
        return unmade();
    };
    let answer = match http.get(url).send().await {
        Ok(page) => http.post(url).header(COOKIE, cookies(&page)).send().await,
        Err(error) => Err(error),
    };
    let (status, location) = match &answer {
        Ok(answer) => (Some(answer.status()), answer.headers().get(LOCATION)),
        Err(_) => (None, None),
    };
    let location = location.and_then(|location| location.to_str().ok());
    let (Some(StatusCode::SEE_OTHER), Some(location)) = (status, location) else {
        let advice = "Connect links lead nowhere. Is PublicUrl the address that browsers reach the stack by, and is \
                      the application stored?";
        return Finding::of(step, "public_url_wrong", advice);
    };
    let Ok(answer) = http.get(location).send().await else {
        let advice = "Constant Contact's sign-in page cannot be reached from here.";
        return Finding::of(step, "constant_contact_unreachable", advice);
    };
    if answer.status().is_success() || answer.status().is_redirection() {
        return Finding::good(step);
    }
    let words = answer.text().await.unwrap_or_default();
    if words.contains("redirect_uri") {
        let advice = "Register the stack's output CallbackUrl as a redirect URI of the application, exactly.";
        return Finding::of(step, "redirect_not_registered", advice);
    }
    if words.contains("client_id") || words.contains("invalid_client") {
        let advice = "Constant Contact does not know the client id. Store the right one: `leadfeed app put`.";
        return Finding::of(step, "client_unknown", advice);
    }
    let advice =
        "Constant Contact refuses the request. Compare the application's settings with the guide.";
    Finding::of(step, "authorization_refused", advice)
}

/// What a page's cookies are sent back as.
fn cookies(page: &Response) -> String {
    let cookies = page.headers().get_all(SET_COOKIE).iter();
    let pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

fn connected(connection: &Value) -> Finding {
    let step = "connection";
    let (status, reason) = (connection["status"].as_str(), connection["reason"].as_str());
    let (code, advice) = match (status, reason) {
        (Some("active"), _) if is_empty(&connection["lists"]) => (
            "list_not_chosen",
            "The customer has not chosen a list. Send it a connect link: `leadfeed links connect`.",
        ),
        (Some("active"), _) if connection["terms_accepted_at"].is_null() => (
            "terms_not_confirmed",
            "The customer has not confirmed where its contacts come from. Send it a connect link.",
        ),
        (Some("active"), _) => return Finding::good(step),
        (Some("not_connected"), _) => (
            "not_connected",
            "The customer has not connected. Send it a connect link: `leadfeed links connect`.",
        ),
        (Some("disconnected"), _) => (
            "disconnected",
            "The connection was ended by the customer or by you. A connect link begins a new one.",
        ),
        (Some("needs_reconnect"), _) => (
            "needs_reconnect",
            "Constant Contact no longer takes the tokens. Send the customer a connect link.",
        ),
        (Some("limited"), Some("app_deactivated")) => (
            "app_not_approved",
            "The application is switched off, or not approved for the accounts of others.",
        ),
        (Some("limited"), Some("missing_privilege")) => (
            "user_may_not_write",
            "The user who connected may not add contacts. The owner or a manager has to connect.",
        ),
        (Some("limited"), Some("account_changed")) => (
            "account_changed",
            "Another account was connected than before. The customer has to say that it is meant.",
        ),
        (Some("limited"), _) => (
            "scope_missing",
            "A permission was not granted. The customer has to connect again and agree to all.",
        ),
        _ => (
            "connection_unreadable",
            "The connection could not be read: see the operator's function's log.",
        ),
    };
    Finding::of(step, code, advice)
}

fn forms_of(forms: &Value) -> Finding {
    let step = "forms";
    let forms = &forms["forms"];
    if is_empty(forms) {
        let advice = "The customer has no form. Make one: `leadfeed forms create`.";
        return Finding::of(step, "no_form", advice);
    }
    let mut forms = forms.as_array().into_iter().flatten();
    if forms.any(|form| form["open"] == true) {
        return Finding::good(step);
    }
    let advice = "Every form is closed. Open one: `leadfeed forms open`.";
    Finding::of(step, "forms_closed", advice)
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}
