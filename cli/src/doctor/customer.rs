//! Checks that one customer's leads can go out.

use std::collections::BTreeSet;

use anyhow::Result;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use super::Finding;
use crate::client::Client;

/// The application of customers without their own, which the checks of the stack cover.
const DEFAULT: &str = "default";

/// Checks a customer: its application and the way to a connection, then the connection and its forms. If the default
/// application was found missing before, the way to a connection is not checked.
pub async fn check(
    http: &reqwest::Client,
    client: &Client,
    customer: &str,
    default_is_set: bool,
) -> Vec<Finding> {
    let found = match client.at(&["customers", customer]) {
        Ok(url) => client.find(&url).await,
        Err(_) => Ok(None), // an invalid ID is nobody's
    };
    let shown = match found {
        Ok(Some(shown)) => shown,
        Ok(None) => {
            let advice = "There is no such customer. `leadfeed customers list` lists them all.";
            return vec![Finding::of("customer", "customer_unknown", advice)];
        }
        Err(_) => {
            let advice =
                "The customer could not be read. Try again, then see the log group of admin-api.";
            return vec![Finding::of("customer", "customer_unreadable", advice)];
        }
    };
    let app = shown["app_id"].as_str().unwrap_or(DEFAULT);
    let mut findings = vec![Finding::good("customer")];
    if app != DEFAULT || default_is_set {
        findings.push(authorization(http, client, customer, app).await);
    }
    let connection = part(client, customer, "connection").await;
    let connection = connection.unwrap_or_default();
    findings.push(connected(&connection, app));
    let forms = part(client, customer, "forms").await;
    findings.push(forms_of(&forms.unwrap_or_default(), &connection));
    findings
}

/// A part of a customer.
async fn part(client: &Client, customer: &str, part: &str) -> Result<Value> {
    client
        .get(&client.at(&["customers", customer, part])?)
        .await
}

/// Creates an unused connect link.
async fn connect_link(client: &Client, customer: &str) -> Result<Value> {
    let url = client.at(&["customers", customer, "connect-links"])?;
    client.send(Method::POST, &url, None).await
}

/// Takes the first steps of connecting as a browser would, up to Constant Contact's own page. This uses up the link
/// created for it; nothing else changes.
async fn authorization(
    http: &reqwest::Client,
    client: &Client,
    customer: &str,
    app: &str,
) -> Finding {
    let step = "authorization";
    let link_not_made = || {
        let advice = "No connect link could be created: see the log group of admin-api.";
        Finding::of(step, "link_not_made", advice)
    };
    let Ok(link) = connect_link(client, customer).await else {
        return link_not_made();
    };
    let Some(url) = link["url"].as_str() else {
        return link_not_made();
    };
    let answer = match http.get(url).send().await {
        Ok(page) => {
            let click = http.post(url).header(COOKIE, cookies(&page));
            click.header(ACCEPT, "application/json").send().await
        }
        Err(error) => Err(error),
    };
    let (status, location) = match &answer {
        Ok(answer) => (Some(answer.status()), answer.headers().get(LOCATION)),
        Err(_) => (None, None),
    };
    let location = location.and_then(|location| location.to_str().ok());
    let (Some(StatusCode::SEE_OTHER), Some(location)) = (status, location) else {
        return why_not_redirected(answer.ok(), app).await;
    };
    sign_in_page(http, location).await
}

/// Whether Constant Contact shows its sign-in page after a connect link.
async fn sign_in_page(http: &reqwest::Client, location: &str) -> Finding {
    let step = "authorization";
    let Ok(answer) = http.get(location).send().await else {
        let advice = "Constant Contact's sign-in page cannot be reached from here.";
        return Finding::of(step, "constant_contact_unreachable", advice);
    };
    if answer.status().is_success() || answer.status().is_redirection() {
        return Finding::good(step);
    }
    if answer.status().is_server_error() {
        let advice =
            "Constant Contact's sign-in page is out of order at the moment. Try again later.";
        return Finding::of(step, "constant_contact_broken", advice);
    }
    let words = answer.text().await.unwrap_or_default();
    if words.contains("redirect_uri") {
        let advice = "Register the stack's output CallbackUrl, exactly as printed, as a redirect URI of the application.";
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

/// Why a connect link leads nowhere, judging by the answer.
async fn why_not_redirected(answer: Option<Response>, app: &str) -> Finding {
    let step = "authorization";
    let is_broken = |answer: &Response| answer.status().is_server_error();
    let is_broken = answer.as_ref().is_some_and(is_broken);
    let problem = match answer {
        Some(answer) => answer.text().await.unwrap_or_default(),
        None => String::new(),
    };
    let problem: Value = serde_json::from_str(&problem).unwrap_or_default();
    match problem["code"].as_str() {
        Some("app_unknown") => {
            let advice = format!(
                "The customer's application is not stored. Store it: `leadfeed app put {app}`."
            );
            Finding::of(step, "app_not_set", advice)
        }
        Some("no_calls" | "busy") => {
            let advice = "Nobody can connect for as long as Constant Contact accepts no requests. Try again later.";
            Finding::of(step, "no_calls", advice)
        }
        _ if is_broken => {
            let advice = "The function oauth-callback fails at the first step of connecting: see its log group.";
            Finding::of(step, "callback_failed", advice)
        }
        _ => {
            let advice = "Connect links do not work. Is PublicUrl the address at which browsers reach the stack?";
            Finding::of(step, "public_url_wrong", advice)
        }
    }
}

/// A page's cookies as a browser sends them back.
fn cookies(page: &Response) -> String {
    let cookies = page.headers().get_all(SET_COOKIE).iter();
    let pairs = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

/// Whether leads go out through a connection; `app` is the application that the customer is to connect through.
fn connected(connection: &Value, app: &str) -> Finding {
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
        (Some("active"), _) if are_all_lists_gone(connection) => (
            "list_missing",
            "The lists that the customer chose are gone from its account. Send it a connect link, to choose others.",
        ),
        (Some("active"), _) if connection["app_id"] != app => (
            "app_not_used_yet",
            "Leads go out through the application that the customer connected with before. Send it a connect link.",
        ),
        (Some("active"), _) => return Finding::good(step),
        (Some("not_connected"), _) => (
            "not_connected",
            "The customer has not connected. Send it a connect link: `leadfeed links connect`.",
        ),
        (Some("disconnected"), _) => (
            "disconnected",
            "The connection was ended by the customer or by you. Send a connect link to begin a new one.",
        ),
        (Some("needs_reconnect"), _) => (
            "needs_reconnect",
            "The tokens are no longer valid, or are not stored here. Send the customer a connect link.",
        ),
        (Some("limited"), Some("app_deactivated")) => (
            "app_not_approved",
            "The application is switched off, or not approved for other people's accounts. Ask Constant Contact's support, \
             then send the customer a connect link.",
        ),
        (Some("limited"), Some("missing_privilege")) => (
            "user_may_not_write",
            "The user who connected cannot add contacts. The owner or a manager has to connect. Send the customer a connect \
             link: `leadfeed links connect`.",
        ),
        (Some("limited"), Some("account_changed")) => (
            "account_changed",
            "A different account is connected than before. Send the customer a connect link, with which it signs in and \
             confirms the account.",
        ),
        (Some("limited"), _) => (
            "scope_missing",
            "A permission was not granted. The customer has to connect again and grant all of them. Send it a connect link.",
        ),
        _ => (
            "connection_unreadable",
            "The connection could not be read: see the log group of admin-api.",
        ),
    };
    Finding::of(step, code, advice)
}

/// Whether a form is open, and whether the account has the custom fields that the open ones name.
fn forms_of(forms: &Value, connection: &Value) -> Finding {
    let step = "forms";
    let Some(forms) = forms["forms"].as_array() else {
        let advice = "The forms could not be read: see the log group of admin-api.";
        return Finding::of(step, "forms_unreadable", advice);
    };
    if forms.is_empty() {
        let advice = "The customer has no form. Create one: `leadfeed forms create`.";
        return Finding::of(step, "no_form", advice);
    }
    let open: Vec<_> = forms.iter().filter(|form| form["open"] == true).collect();
    if open.is_empty() {
        let advice = "Every form is closed. Open one: `leadfeed forms open`.";
        return Finding::of(step, "forms_closed", advice);
    }
    let named: BTreeSet<_> = open.into_iter().flat_map(labels_of).collect();
    let missing: Vec<_> = named
        .into_iter()
        .filter(|label| connection["status"] == "active" && !has_field(connection, label))
        .collect();
    if missing.is_empty() {
        return Finding::good(step);
    }
    let advice = format!(
        "The account has no custom field called {}, or only one with choices: such values are left out. Create the field in \
         Constant Contact, or correct the form. The account is checked again at most once a day, when a lead fills one in.",
        missing.join(", ")
    );
    Finding::of(step, "custom_field_unknown", advice)
}

/// The labels of custom fields that a form requires, or maps its own names to.
fn labels_of(form: &Value) -> Vec<&str> {
    let (required, mapped) = (&form["fields"]["required"], &form["fields"]["mapped"]);
    let mapped = mapped.as_object().into_iter().flatten();
    let names = required.as_array().into_iter().flatten();
    let names = names.chain(mapped.map(|(_, name)| name));
    let names = names.filter_map(Value::as_str);
    let labels = names.filter_map(|name| name.strip_prefix("custom_fields[")?.strip_suffix(']'));
    labels.map(str::trim).collect()
}

/// Whether the account has a custom field of this label, as far as is known.
fn has_field(connection: &Value, label: &str) -> bool {
    let known = connection["custom_fields"].as_array().into_iter().flatten();
    let mut known = known.filter_map(Value::as_str);
    known.any(|known| known.eq_ignore_ascii_case(label))
}

/// Whether all lists that the customer chose are gone.
fn are_all_lists_gone(connection: &Value) -> bool {
    let ids = |lists: &Value| -> BTreeSet<String> {
        let ids = lists.as_array().into_iter().flatten();
        ids.map(|list| list["list_id"].to_string()).collect()
    };
    ids(&connection["lists"]).is_subset(&ids(&connection["missing_lists"]))
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}
