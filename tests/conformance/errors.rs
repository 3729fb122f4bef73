//! Status codes, error shapes and headers.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{CLIENT_ID, CREATOR, OWNER, Site, USUAL_SCOPE};

facts! {
    Token FREEFORM_272: without_a_token_the_answer_is_this_401,
    Token FREEFORM_272: a_made_up_token_is_unauthorized,
    Token FORUM_401: a_401_carries_the_gateways_headers,
    Sandbox FORUM_LIFETIMES: an_expired_token_is_unauthorized,
    Token OVERVIEW: another_scheme_than_bearer_is_unauthorized,
    Token API_EVANGELIST: paths_outside_v3_are_forbidden_by_the_gateway,
    Token FORUM_401: every_answer_names_its_request,
    Token OVERVIEW: answers_are_json,
    Sandbox SWAGGER: a_missing_scope_is_forbidden,
    Sandbox PRIVILEGES: a_missing_privilege_is_forbidden,
    Sandbox SWAGGER: a_deactivated_app_is_forbidden,
    Sandbox SWAGGER: the_three_kinds_of_403_look_alike,
    Token API_EVANGELIST: a_403_of_the_gateway_names_no_error_key_as_the_apis_does,
    Sandbox SWAGGER: privileges_tell_a_deactivated_app_from_the_other_403s,
    Token GLOSSARY: a_wrong_method_is_405,
    Token FORUM_JSON: text_is_not_json,
    Token FORUM_JSON: a_trailing_comma_is_malformed,
    Token GLOSSARY: a_validation_error_is_an_array,
    Token GLOSSARY: an_id_in_a_wrong_format_is_not_found_in_these_words,
    Token GLOSSARY: an_answer_in_another_format_is_not_acceptable,
    Sandbox GLOSSARY: a_head_is_a_wrong_method,
    Token OVERVIEW: a_body_beyond_the_gateways_limit_is_refused,
    Token GLOSSARY: no_malformed_input_is_a_server_error,
}

const LISTS: &str = "/v3/contact_lists";

#[track_caller]
fn assert_unauthorized(reply: &Reply) {
    assert_eq!(reply.status, 401);
    assert_eq!(
        reply.text,
        r#"{"error_key":"unauthorized","error_message":"Unauthorized"}"#
    );
    assert_eq!(reply.text.len(), 59);
}

async fn without_a_token_the_answer_is_this_401(site: Site) {
    let url = format!("{}{LISTS}", site.api);
    assert_unauthorized(&site.send(site.request(Method::GET, &url)).await);
}

async fn a_made_up_token_is_unauthorized(site: Site) {
    assert_unauthorized(&site.with_token("no.such.token").get(LISTS).await);
}

async fn a_401_carries_the_gateways_headers(site: Site) {
    let reply = site.with_token("no.such.token").get(LISTS).await;
    assert_eq!(
        reply.header("x-amzn-errortype"),
        Some("UnauthorizedException")
    );
    assert_eq!(
        reply.header("www-authenticate"),
        Some("Bearer realm=api.cc.email")
    );
    assert!(reply.header("x-amzn-requestid").is_some());
    assert!(reply.header("x-amz-apigw-id").is_some());
}

async fn an_expired_token_is_unauthorized(site: Site) {
    let api = site.owner().await;
    site.sandbox().advance(SignedDuration::from_hours(24));
    assert_unauthorized(&api.get(LISTS).await);
}

async fn another_scheme_than_bearer_is_unauthorized(site: Site) {
    let api = site.owner().await;
    let url = format!("{}{LISTS}", site.api);
    let request = site.request(Method::GET, &url);
    let request = request.header("authorization", format!("Token {}", api.token));
    assert_unauthorized(&site.send(request).await);
}

async fn paths_outside_v3_are_forbidden_by_the_gateway(site: Site) {
    let reply = site.owner().await.get("/v4/contacts").await.expect(403);
    assert_eq!(reply.json(), json!({ "message": "Forbidden" }));
}

async fn every_answer_names_its_request(site: Site) {
    let api = site.owner().await;
    let (one, two) = (api.get(LISTS).await, api.get(LISTS).await);
    let id = |reply: &Reply| reply.header("x-amzn-requestid").map(str::to_owned);
    assert!(id(&one).is_some());
    assert_ne!(id(&one), id(&two));
}

async fn answers_are_json(site: Site) {
    let reply = site.owner().await.get(LISTS).await.expect(200);
    let kind = reply.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/json"), "{kind}");
}

async fn a_missing_scope_is_forbidden(site: Site) {
    let api = site.sign_in(OWNER, "account_read").await;
    api.get(LISTS).await.expect(403);
    let api = site.sign_in(OWNER, "contact_data").await;
    api.get("/v3/account/summary").await.expect(403);
}

async fn a_missing_privilege_is_forbidden(site: Site) {
    let api = site.sign_in(CREATOR, USUAL_SCOPE).await;
    api.get(LISTS).await.expect(200);
    api.get("/v3/contacts").await.expect(403);
    api.post("/v3/contacts/sign_up_form", &json!({}))
        .await
        .expect(403);
}

fn deactivate(site: &Site) {
    site.sandbox().with(|lab| {
        if let Some(app) = lab.world.apps.get_mut(CLIENT_ID) {
            app.deactivated = true;
        }
    });
}

async fn a_deactivated_app_is_forbidden(site: Site) {
    let api = site.owner().await;
    deactivate(&site);
    api.get(LISTS).await.expect(403);
}

async fn the_three_kinds_of_403_look_alike(site: Site) {
    let scope = site.sign_in(OWNER, "account_read").await.get(LISTS).await;
    let privilege = site
        .sign_in(CREATOR, USUAL_SCOPE)
        .await
        .get("/v3/contacts")
        .await;
    let api = site.owner().await;
    deactivate(&site);
    let deactivated = api.get(LISTS).await;

    for reply in [&privilege, &deactivated] {
        assert_eq!((reply.status, &reply.text), (scope.status, &scope.text));
    }
    assert!(scope.json().is_object());
}

async fn a_403_of_the_gateway_names_no_error_key_as_the_apis_does(site: Site) {
    let gateway = site.owner().await.get("/v4/contacts").await.expect(403);
    assert_eq!(gateway.json().get("error_key"), None);
    if site.sandbox.is_some() {
        let api = site.sign_in(CREATOR, USUAL_SCOPE).await;
        let own = api.get("/v3/contacts").await.expect(403);
        assert!(own.json()["error_key"].is_string(), "{}", own.text);
    }
}

async fn privileges_tell_a_deactivated_app_from_the_other_403s(site: Site) {
    let path = "/v3/account/user/privileges";
    let api = site.sign_in(CREATOR, "campaign_data").await;
    api.get(path).await.expect(200);
    deactivate(&site);
    api.get(path).await.expect(403);
}

async fn a_wrong_method_is_405(site: Site) {
    let api = site.owner().await;
    api.delete("/v3/contact_custom_fields").await.expect(405);
    api.get("/v3/contacts/sign_up_form")
        .await
        .expect_one_of(&[404, 405]);
}

async fn text_is_not_json(site: Site) {
    let api = site.owner().await;
    let request = api
        .request(Method::POST, "/v3/contacts")
        .header("content-type", "text/plain");
    let reply = site
        .send(request.body(r#"{"create_source":"Account"}"#))
        .await;
    reply.expect(415);
}

async fn a_trailing_comma_is_malformed(site: Site) {
    let api = site.owner().await;
    let request = api.request(Method::POST, "/v3/contacts");
    let request = request.header("content-type", "application/json");
    site.send(request.body(r#"{"create_source":"Account",}"#))
        .await
        .expect(400);
}

async fn a_validation_error_is_an_array(site: Site) {
    let reply = site
        .owner()
        .await
        .post("/v3/contacts", &json!({}))
        .await
        .expect(400);
    assert_eq!(reply.json().as_array().map(Vec::len), Some(1));
    assert_eq!(reply.error_key(), "contacts.api.validation.error");
}

async fn an_id_in_a_wrong_format_is_not_found_in_these_words(site: Site) {
    let reply = site
        .owner()
        .await
        .get("/v3/contacts/not-an-id")
        .await
        .expect(404);
    assert_eq!(reply.error_key(), "contacts.api.not_found");
    assert_eq!(reply.error_message(), "contact_id is in an invalid format.");
}

async fn an_answer_in_another_format_is_not_acceptable(site: Site) {
    let api = site.owner().await;
    let request = api
        .request(Method::POST, "/v3/contact_lists")
        .header("accept", "text/csv");
    site.send(request.json(&json!({ "name": "n" })))
        .await
        .expect(406);
    let request = api.request(Method::GET, LISTS).header("accept", "text/csv");
    site.send(request).await.expect(406);
}

async fn a_head_is_a_wrong_method(site: Site) {
    let api = site.owner().await;
    for path in [LISTS, "/v3/contacts/counts", "/v3/account/summary"] {
        site.send(api.request(Method::HEAD, path)).await.expect(405);
    }
}

async fn a_body_beyond_the_gateways_limit_is_refused(site: Site) {
    let api = site.owner().await;
    let request = api.request(Method::POST, "/v3/contacts");
    let request = request.header("content-type", "application/json");
    let reply = site.send(request.body(vec![b' '; 11 * 1024 * 1024])).await;
    assert_eq!(
        reply.expect(413).json()["message"],
        "Request Entity Too Large"
    );
}

async fn no_malformed_input_is_a_server_error(site: Site) {
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 16] = [
        b"",
        b"null",
        b"[]",
        b"{",
        b"0",
        b"\"\"",
        b"{\"a\":1e999}",
        b"\xff\xfe",
        b"{}{}",
        b"{\"email_address\":{}}",
        b"{\"list_memberships\":\"x\"}",
        b"{\"list_memberships\":[null]}",
        b"{\"email_address\":1e400,\"list_memberships\":[]}",
        b"{\"\\u0000\":1}",
        b"{\"birthday_month\":99999999999999999999}",
        deep.as_bytes(),
    ];
    let paths = [
        ("POST", "/v3/contacts/sign_up_form"),
        ("POST", "/v3/contacts"),
        ("PUT", "/v3/contacts/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a"),
        (
            "PUT",
            "/v3/contacts/resubscribe/04fe9a97-a579-43c5-bb1a-58ed29bf0a6a",
        ),
        ("POST", "/v3/contact_lists"),
        ("POST", "/v3/contact_custom_fields"),
        ("POST", "/v3/activities/contacts_json_import"),
        ("POST", "/v3/activities/contacts_file_import"),
    ];
    let api = site.owner().await;
    for (method, path) in paths {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for body in bodies {
            let request = api.request(method.clone(), path).body(body.to_vec());
            let reply = site
                .send(request.header("content-type", "application/json"))
                .await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]);
            assert!(
                (400..500).contains(&reply.status),
                "{path} {shown}: {}",
                reply.status
            );
        }
    }
    let queries = [
        "limit=x",
        "limit=-1",
        "cursor=%ff",
        "cursor=AAAA",
        "status=%00",
        "email=%ff",
        "optout_after=yesterday",
        "lists=,,",
        "include=everything",
        "include_count=maybe",
    ];
    for query in queries {
        let reply = api.get(&format!("/v3/contacts?{query}")).await;
        assert!(reply.status < 500, "{query}: {}", reply.status);
    }
}
