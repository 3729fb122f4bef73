//! The token endpoint: codes, client authentication and its own errors.

use cc_sandbox::settings::{ExpiresIn, TokenThrottleBody, Tolerance};
use cc_sandbox::world::App;
use jiff::SignedDuration;
use serde_json::Value;

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{CLIENT_ID, OWNER, REDIRECT_URI, SECRET, Site, USUAL_SCOPE};

facts! {
    Sandbox SDK: a_code_is_exchanged_for_a_bearer_token,
    Sandbox FORUM_CODES: a_code_works_once,
    Sandbox FORUM_CODES: code_expires_after_five_minutes,
    Sandbox SERVER_FLOW: a_code_is_bound_to_its_redirect_uri,
    Sandbox SERVER_FLOW: a_code_is_bound_to_its_client,
    Host CLOUDCOGS: unknown_code_is_an_invalid_grant_whose_description_mentions_authorization,
    Host AUTH_OVERVIEW: request_without_basic_authentication_is_an_invalid_client,
    Host AUTH_OVERVIEW: a_wrong_secret_is_an_invalid_client,
    Host AUTH_OVERVIEW: unknown_client_id_is_an_invalid_client,
    Sandbox AUTH_OVERVIEW: client_secret_in_the_body_is_accepted_depending_on_reading,
    Sandbox AUTH_OVERVIEW: basic_authentication_and_body_credentials_together_are_rejected,
    Sandbox MANAGE_APPS: new_client_secret_invalidates_the_old_one_immediately,
    Host OKTA_ERRORS: missing_accept_header_gets_an_okta_error,
    Host OKTA_ERRORS: json_request_body_gets_an_okta_error,
    Sandbox SERVER_FLOW: parameters_may_be_sent_in_the_query_string,
    Sandbox SDK: errors_have_an_error_code_and_a_description,
    Sandbox SCOPES: no_refresh_token_is_issued_without_offline_access,
    Sandbox SDK: granted_scopes_are_returned_separated_by_spaces,
    Sandbox FORUM_LIFETIMES: access_token_expires_after_24_hours,
    Sandbox SDK: expires_in_may_be_an_epoch_timestamp,
    Sandbox FORUM_TOKEN_LIMIT: token_endpoint_allows_one_call_a_second,
    Sandbox FORUM_TOKEN_LIMIT: token_endpoint_limit_applies_per_app,
    Sandbox RATE_LIMITS: token_endpoint_429_body_depends_on_reading,
}

async fn a_code_is_exchanged_for_a_bearer_token(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    assert_eq!(tokens["token_type"], "Bearer");
    for name in ["access_token", "refresh_token", "scope"] {
        assert!(
            tokens[name].as_str().is_some_and(|text| !text.is_empty()),
            "{name}: {tokens}"
        );
    }
}

async fn a_code_works_once(site: Site) {
    let code = site.code(OWNER, USUAL_SCOPE).await;
    site.redeem(&code).await.expect(200);
    let again = site.redeem(&code).await.expect(400);
    assert_eq!(again.json()["error"], "invalid_grant");
}

async fn code_expires_after_five_minutes(site: Site) {
    let in_time = site.code(OWNER, USUAL_SCOPE).await;
    site.sandbox().advance(SignedDuration::from_secs(298));
    site.redeem(&in_time).await.expect(200);

    let late = site.code(OWNER, USUAL_SCOPE).await;
    site.sandbox().advance(SignedDuration::from_secs(301));
    site.redeem(&late).await.expect(400);
}

async fn a_code_is_bound_to_its_redirect_uri(site: Site) {
    let code = site.code(OWNER, USUAL_SCOPE).await;
    let other = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", "http://localhost:8080/cb"),
    ];
    site.token(&other).await.expect(400);

    let code = site.code(OWNER, USUAL_SCOPE).await;
    let none = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
    ];
    site.token(&none).await.expect(400);
}

async fn a_code_is_bound_to_its_client(site: Site) {
    site.register(App::new("other", "other-secret", vec![REDIRECT_URI.into()]));
    let code = site.code(OWNER, USUAL_SCOPE).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    let request = site
        .token_request(&form)
        .basic_auth("other", Some("other-secret"));
    let refused = site.send(request).await.expect(400);
    assert_eq!(refused.json()["error"], "invalid_grant");
}

async fn unknown_code_is_an_invalid_grant_whose_description_mentions_authorization(site: Site) {
    let refused = site.redeem("no-such-code").await.expect(400).json();
    assert_eq!(refused["error"], "invalid_grant");
    let why = refused["error_description"].as_str().unwrap_or_default();
    assert!(why.contains("authorization"), "{why}");
}

#[track_caller]
fn assert_invalid_client(reply: Reply) {
    assert_eq!(reply.expect(401).json()["error"], "invalid_client");
}

const REFRESH: [(&str, &str); 2] = [("grant_type", "refresh_token"), ("refresh_token", "x")];

async fn request_without_basic_authentication_is_an_invalid_client(site: Site) {
    assert_invalid_client(site.send(site.token_request(&REFRESH)).await);
}

async fn a_wrong_secret_is_an_invalid_client(site: Site) {
    let request = site
        .token_request(&REFRESH)
        .basic_auth(&site.client_id, Some("wrong"));
    assert_invalid_client(site.send(request).await);
}

async fn unknown_client_id_is_an_invalid_client(site: Site) {
    let request = site
        .token_request(&REFRESH)
        .basic_auth("no-such-client", Some("x"));
    assert_invalid_client(site.send(request).await);
}

async fn with_secret_in_body(site: &Site) -> Reply {
    let code = site.code(OWNER, USUAL_SCOPE).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
    ];
    site.send(site.token_request(&form)).await
}

async fn client_secret_in_the_body_is_accepted_depending_on_reading(site: Site) {
    assert_invalid_client(with_secret_in_body(&site).await);

    site.settings(|settings| settings.readings.client_secret_in_body = Tolerance::Accept);
    with_secret_in_body(&site).await.expect(200);
}

async fn basic_authentication_and_body_credentials_together_are_rejected(site: Site) {
    let mut form = REFRESH.to_vec();
    form.extend([("client_id", CLIENT_ID), ("client_secret", SECRET)]);
    let refused = site.token(&form).await.expect(400);
    assert_eq!(refused.json()["error"], "invalid_request");
}

async fn new_client_secret_invalidates_the_old_one_immediately(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    let token = tokens["refresh_token"].as_str().unwrap_or_default();
    site.sandbox().with(|lab| {
        if let Some(app) = lab.world.apps.get_mut(CLIENT_ID) {
            app.secret = "the-new-secret".into();
        }
    });

    assert_invalid_client(site.refresh(token).await);
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    let request = site
        .token_request(&form)
        .basic_auth(CLIENT_ID, Some("the-new-secret"));
    site.send(request).await.expect(200);
}

#[track_caller]
fn assert_okta(reply: Reply, code: &str) {
    let body = reply.json();
    assert_eq!(body["errorCode"], code);
    for name in ["errorSummary", "errorLink", "errorId"] {
        assert!(body[name].is_string(), "{name}: {body}");
    }
    assert!(body["errorCauses"].is_array(), "{body}");
}

async fn missing_accept_header_gets_an_okta_error(site: Site) {
    let url = format!("{}/oauth2/default/v1/token", site.auth);
    let request = site.request(reqwest::Method::POST, &url).form(&REFRESH);
    let request = request.basic_auth(&site.client_id, Some(&site.secret));
    assert_okta(site.send(request).await, "E0000021");
}

async fn json_request_body_gets_an_okta_error(site: Site) {
    let url = format!("{}/oauth2/default/v1/token", site.auth);
    let request = site
        .request(reqwest::Method::POST, &url)
        .header("accept", "application/json");
    let request = request.basic_auth(&site.client_id, Some(&site.secret));
    let request = request.json(&serde_json::json!({ "grant_type": "refresh_token" }));
    assert_okta(site.send(request).await, "E0000021");
}

async fn parameters_may_be_sent_in_the_query_string(site: Site) {
    let code = site.code(OWNER, USUAL_SCOPE).await;
    let params = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    let request = site.token_request(&[]).query(&params);
    site.send(request.basic_auth(CLIENT_ID, Some(SECRET)))
        .await
        .expect(200);
}

async fn errors_have_an_error_code_and_a_description(site: Site) {
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (&[("grant_type", "authorization_code")], "invalid_request"),
    ];
    for (form, error) in cases {
        let body = site.token(form).await.expect(400).json();
        assert_eq!(body["error"], error);
        assert!(body["error_description"].is_string(), "{body}");
    }
}

async fn no_refresh_token_is_issued_without_offline_access(site: Site) {
    let tokens = site.tokens(OWNER, "contact_data account_read").await;
    assert_eq!(tokens.get("refresh_token"), None);
}

async fn granted_scopes_are_returned_separated_by_spaces(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    let mut names: Vec<&str> = tokens["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["account_read", "contact_data", "offline_access"]);
}

async fn access_token_expires_after_24_hours(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    assert_eq!(tokens["expires_in"], 86_400);
    let api = site.with_token(tokens["access_token"].as_str().unwrap_or_default());

    site.sandbox().advance(SignedDuration::from_secs(86_390));
    api.get("/v3/account/summary").await.expect(200);
    site.sandbox().advance(SignedDuration::from_secs(11));
    api.get("/v3/account/summary").await.expect(401);
}

async fn expires_in_may_be_an_epoch_timestamp(site: Site) {
    site.settings(|settings| settings.readings.expires_in = ExpiresIn::Epoch);
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    let at = tokens["expires_in"].as_i64().unwrap_or_default();
    let expected = site.sandbox().clock().now().as_second() + 86_400;
    assert!(
        (expected - 5..=expected).contains(&at),
        "{at} is not {expected}"
    );
}

async fn token_endpoint_allows_one_call_a_second(site: Site) {
    site.settings(|settings| settings.limits = true);
    assert_eq!(site.refresh("x").await.status, 400);
    assert_eq!(site.refresh("x").await.status, 429);
    site.sandbox().advance(SignedDuration::from_millis(1001));
    assert_eq!(site.refresh("x").await.status, 400);
}

async fn token_endpoint_limit_applies_per_app(site: Site) {
    site.settings(|settings| settings.limits = true);
    site.register(App::new("other", "other-secret", Vec::new()));
    assert_eq!(site.refresh("x").await.status, 400);
    let other = site
        .token_request(&REFRESH)
        .basic_auth("other", Some("other-secret"));
    assert_eq!(site.send(other).await.status, 400);
}

async fn token_endpoint_429_body_depends_on_reading(site: Site) {
    site.settings(|settings| settings.limits = true);
    site.refresh("x").await;
    assert_okta(site.refresh("x").await.expect(429), "E0000047");

    site.settings(|settings| settings.readings.token_throttle_body = TokenThrottleBody::Throttled);
    let throttled: Value = site.refresh("x").await.expect(429).json();
    assert_eq!(throttled["error_key"], "throttled");
}
