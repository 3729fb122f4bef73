//! Status codes, error shapes and headers.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{CLIENT_ID, CREATOR, OWNER, Site, USUAL_SCOPE, address};

facts! {
    Token FREEFORM_272: missing_token_is_401_with_this_exact_body,
    Token FREEFORM_272: a_made_up_token_is_unauthorized,
    Token FORUM_401: a_401_carries_the_gateways_headers,
    Sandbox FORUM_LIFETIMES: an_expired_token_is_unauthorized,
    Token OVERVIEW: non_bearer_scheme_is_unauthorized,
    Token API_EVANGELIST: paths_outside_v3_are_forbidden_by_the_gateway,
    Token FORUM_401: every_response_has_a_unique_request_id,
    Token OVERVIEW: responses_are_json,
    Sandbox SWAGGER: a_missing_scope_is_forbidden,
    Sandbox PRIVILEGES: a_missing_privilege_is_forbidden,
    Sandbox SWAGGER: a_deactivated_app_is_forbidden,
    Sandbox SWAGGER: all_three_causes_of_403_return_the_same_body,
    Token API_EVANGELIST: gateway_403_has_no_error_key_unlike_an_api_403,
    Sandbox SWAGGER: privileges_endpoint_is_403_only_for_a_deactivated_app,
    Token GLOSSARY: a_wrong_method_is_405,
    Token FORUM_JSON: text_plain_content_type_is_unsupported,
    Token FORUM_JSON: json_with_a_trailing_comma_is_rejected,
    Token GLOSSARY: validation_error_body_is_an_array,
    Token GLOSSARY: malformed_contact_id_is_404_with_this_message,
    Token GLOSSARY: accept_header_without_json_is_not_acceptable,
    Sandbox GLOSSARY: head_requests_are_405,
    Token OVERVIEW: body_over_the_gateway_limit_is_413,
    Token GLOSSARY: malformed_input_never_causes_a_5xx,
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

async fn missing_token_is_401_with_this_exact_body(site: Site) {
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

async fn non_bearer_scheme_is_unauthorized(site: Site) {
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

async fn every_response_has_a_unique_request_id(site: Site) {
    let api = site.owner().await;
    let (one, two) = (api.get(LISTS).await, api.get(LISTS).await);
    let id = |reply: &Reply| reply.header("x-amzn-requestid").map(str::to_owned);
    assert!(id(&one).is_some());
    assert_ne!(id(&one), id(&two));
}

async fn responses_are_json(site: Site) {
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

async fn all_three_causes_of_403_return_the_same_body(site: Site) {
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

async fn gateway_403_has_no_error_key_unlike_an_api_403(site: Site) {
    let gateway = site.owner().await.get("/v4/contacts").await.expect(403);
    assert_eq!(gateway.json().get("error_key"), None);
    if site.sandbox.is_some() {
        let api = site.sign_in(CREATOR, USUAL_SCOPE).await;
        let own = api.get("/v3/contacts").await.expect(403);
        assert!(own.json()["error_key"].is_string(), "{}", own.text);
    }
}

async fn privileges_endpoint_is_403_only_for_a_deactivated_app(site: Site) {
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

async fn text_plain_content_type_is_unsupported(site: Site) {
    let api = site.owner().await;
    let request = api
        .request(Method::POST, "/v3/contacts")
        .header("content-type", "text/plain");
    let reply = site
        .send(request.body(r#"{"create_source":"Account"}"#))
        .await;
    reply.expect(415);
}

async fn json_with_a_trailing_comma_is_rejected(site: Site) {
    let api = site.owner().await;
    let post = |body: String| {
        let request = api.request(Method::POST, "/v3/contacts");
        let request = request.header("content-type", "application/json");
        site.send(request.body(body))
    };
    let address = address();
    let contact =
        format!(r#"{{"email_address":{{"address":"{address}"}},"create_source":"Account""#);
    post(format!("{contact},}}")).await.expect(400);
    post(format!("{contact}}}")).await.expect(201);
}

async fn validation_error_body_is_an_array(site: Site) {
    let reply = site
        .owner()
        .await
        .post("/v3/contacts", &json!({}))
        .await
        .expect(400);
    assert_eq!(reply.json().as_array().map(Vec::len), Some(1));
    assert_eq!(reply.error_key(), "contacts.api.validation.error");
}

async fn malformed_contact_id_is_404_with_this_message(site: Site) {
    let reply = site
        .owner()
        .await
        .get("/v3/contacts/not-an-id")
        .await
        .expect(404);
    assert_eq!(reply.error_key(), "contacts.api.not_found");
    assert_eq!(reply.error_message(), "contact_id is in an invalid format.");
}

async fn accept_header_without_json_is_not_acceptable(site: Site) {
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

async fn head_requests_are_405(site: Site) {
    let api = site.owner().await;
    for path in [LISTS, "/v3/contacts/counts", "/v3/account/summary"] {
        site.send(api.request(Method::HEAD, path)).await.expect(405);
    }
}

async fn body_over_the_gateway_limit_is_413(site: Site) {
    let api = site.owner().await;
    let request = api.request(Method::POST, "/v3/contacts");
    let request = request.header("content-type", "application/json");
    let reply = site.send(request.body(vec![b' '; 11 * 1024 * 1024])).await;
    assert_eq!(
        reply.expect(413).json()["message"],
        "Request Entity Too Large"
    );
}

async fn malformed_input_never_causes_a_5xx(site: Site) {
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
