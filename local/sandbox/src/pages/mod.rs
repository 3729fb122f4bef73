//! The pages for people: consent, accounts and contacts, the live journal.

mod live;
mod watch;

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::lab::Shared;
use crate::world::{Grant, Role, World};

pub fn routes(shared: &Shared) -> Router {
    Router::new()
        .route("/", get(watch::home))
        .route("/accounts/{account}", get(watch::account))
        .route(
            "/accounts/{account}/contacts/{contact}",
            get(watch::contact),
        )
        .route("/journal/live", get(live::journal))
        .route("/assets/style.css", get(style))
        .route("/assets/watch.js", get(script))
        .with_state(shared.clone())
}

#[derive(Template)]
#[template(path = "consent.html")]
struct Consent<'a> {
    app: &'a str,
    scopes: Vec<(&'static str, &'static str)>,
    users: Vec<UserOption<'a>>,
    hidden: Vec<(&'a str, &'a str)>,
}

/// A user to sign in as.
struct UserOption<'a> {
    login: &'a str,
    role: &'static str,
    organization: &'a str,
}

/// Asks the person to allow or deny what `grant` says; `hidden` is sent back with the form.
pub fn consent<'a>(
    world: &'a World,
    grant: &'a Grant,
    hidden: impl Iterator<Item = (&'a str, &'a str)>,
) -> Response {
    let users = world.accounts.iter().flat_map(|account| {
        account.users.iter().map(|user| UserOption {
            login: &user.login,
            role: role_name(user.role),
            organization: &account.organization,
        })
    });
    let app = world.apps.get(&grant.client_id);
    render(&Consent {
        app: app.map_or("", |app| &app.name),
        scopes: grant
            .scope
            .names()
            .map(|name| (name, meaning(name)))
            .collect(),
        users: users.collect(),
        hidden: hidden.collect(),
    })
}

/// A number with thousands separators.
fn thousands(count: impl std::fmt::Display) -> String {
    let digits = count.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// What a scope lets an app do, in words.
fn meaning(scope: &str) -> &'static str {
    match scope {
        "contact_data" => "read and change contacts and lists",
        "account_read" => "see the account's name and settings",
        "account_update" => "change the account's settings",
        "campaign_data" => "read and change campaigns",
        "billing_data" => "see bills",
        _ => "stay connected while you are away",
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "Account Owner",
        Role::Manager => "Account Manager",
        Role::CampaignCreator => "Campaign Creator",
    }
}

fn render(page: &impl Template) -> Response {
    // A form's redirect leads to the client, so the policy does not restrict form targets.
    const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
                          connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
    ];
    (headers, Html(html)).into_response()
}

async fn style() -> impl IntoResponse {
    let css = include_str!("../../assets/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

async fn script() -> impl IntoResponse {
    let js = include_str!("../../assets/watch.js");
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        js,
    )
}
