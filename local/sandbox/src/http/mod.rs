//! The API and the token service over HTTP.

mod access;
mod account;
mod activities;
mod answer;
mod call;
mod contacts;
mod fields;
mod file;
mod gateway;
mod inject;
mod lists;
mod oauth;
mod paging;
mod params;
mod views;

pub use answer::BROKEN_CONTRACT;
pub use gateway::Cut;
pub use views::{ALL_INCLUDES, contact as contact_view, list as list_view};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post, put};

use crate::lab::Shared;
use crate::signer::ISSUER;

/// Everything that a client of the vendor calls, behind the gateway's limits, faults and journal.
pub fn vendor(shared: &Shared) -> Router {
    let keys = format!("{ISSUER}/v1/keys");
    Router::new()
        .route("/v3/account/summary", get(account::summary))
        .route("/v3/account/user/privileges", get(account::privileges))
        .route("/v3/contacts", get(contacts::list).post(contacts::create))
        .route("/v3/contacts/counts", get(contacts::counts))
        .route("/v3/contacts/sign_up_form", post(contacts::sign_up))
        .route(
            "/v3/contacts/{contact_id}",
            get(contacts::get)
                .put(contacts::update)
                .delete(contacts::delete),
        )
        .route(
            "/v3/contacts/resubscribe/{contact_id}",
            put(contacts::resubscribe),
        )
        .route("/v3/contact_lists", get(lists::all).post(lists::create))
        .route(
            "/v3/contact_lists/{list_id}",
            get(lists::get).put(lists::update).delete(lists::delete),
        )
        .route(
            "/v3/contact_custom_fields",
            get(fields::fields).post(fields::create_field),
        )
        .route(
            "/v3/contact_tags",
            get(fields::tags).post(fields::create_tag),
        )
        .route("/v3/activities", get(activities::list))
        .route(
            "/v3/activities/contacts_json_import",
            post(activities::json_import),
        )
        .route(
            "/v3/activities/contacts_file_import",
            post(activities::file_import),
        )
        .route(
            "/v3/activities/contacts_taggings_add",
            post(activities::add_tags),
        )
        .route(
            "/v3/activities/add_list_memberships",
            post(activities::add_memberships),
        )
        .route("/v3/activities/{activity_id}", get(activities::get))
        .route("/oauth2/default/v1/authorize", get(oauth::authorize))
        .route("/oauth2/default/v1/consent", post(oauth::consent))
        .route("/oauth2/default/v1/token", post(oauth::token))
        .route(&keys, get(oauth::keys))
        .method_not_allowed_fallback(answer::method_not_allowed)
        .fallback(answer::unknown_path)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(shared.clone(), gateway::pass))
        .with_state(shared.clone())
}
