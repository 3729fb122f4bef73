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
    Sandbox FORUM_CODES: a_code_lives_five_minutes,
    Sandbox SERVER_FLOW: a_code_is_bound_to_its_redirect_uri,
    Sandbox SERVER_FLOW: a_code_is_bound_to_its_client,
    Host CLOUDCOGS: a_bad_code_is_an_invalid_grant_that_speaks_of_authorization,
    Host AUTH_OVERVIEW: a_client_without_basic_authentication_is_invalid,
    Host AUTH_OVERVIEW: a_wrong_secret_is_an_invalid_client,
    Host AUTH_OVERVIEW: an_unknown_client_is_invalid,
    Sandbox AUTH_OVERVIEW: a_secret_in_the_body_is_refused_or_not_as_read,
    Sandbox AUTH_OVERVIEW: two_ways_of_client_authentication_are_one_too_many,
    Sandbox MANAGE_APPS: a_new_secret_kills_the_old_one_at_once,
    Host OKTA_ERRORS: a_missing_accept_header_is_an_okta_error,
    Host OKTA_ERRORS: a_json_body_is_an_okta_error,
    Sandbox SERVER_FLOW: parameters_may_stand_in_the_query_string,
    Sandbox SDK: errors_are_objects_of_error_and_description,
    Sandbox SCOPES: without_offline_access_there_is_no_refresh_token_and_no_error,
    Sandbox SDK: the_scope_comes_back_separated_by_spaces,
    Sandbox FORUM_LIFETIMES: an_access_token_lives_24_hours,
    Sandbox SDK: expires_in_may_be_a_point_in_time,
    Sandbox FORUM_TOKEN_LIMIT: the_token_endpoint_takes_one_call_a_second,
    Sandbox FORUM_TOKEN_LIMIT: the_token_limit_is_for_each_app,
    Sandbox RATE_LIMITS: the_token_limits_body_has_two_readings,
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

async fn a_code_lives_five_minutes(site: Site) {
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

async fn a_bad_code_is_an_invalid_grant_that_speaks_of_authorization(site: Site) {
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

async fn a_client_without_basic_authentication_is_invalid(site: Site) {
    assert_invalid_client(site.send(site.token_request(&REFRESH)).await);
}

async fn a_wrong_secret_is_an_invalid_client(site: Site) {
    let request = site
        .token_request(&REFRESH)
        .basic_auth(&site.client_id, Some("wrong"));
    assert_invalid_client(site.send(request).await);
}

async fn an_unknown_client_is_invalid(site: Site) {
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

async fn a_secret_in_the_body_is_refused_or_not_as_read(site: Site) {
    assert_invalid_client(with_secret_in_body(&site).await);

    site.settings(|settings| settings.readings.client_secret_in_body = Tolerance::Accept);
    with_secret_in_body(&site).await.expect(200);
}

async fn two_ways_of_client_authentication_are_one_too_many(site: Site) {
    let mut form = REFRESH.to_vec();
    form.extend([("client_id", CLIENT_ID), ("client_secret", SECRET)]);
    let refused = site.token(&form).await.expect(400);
    assert_eq!(refused.json()["error"], "invalid_request");
}

async fn a_new_secret_kills_the_old_one_at_once(site: Site) {
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

async fn a_missing_accept_header_is_an_okta_error(site: Site) {
    let url = format!("{}/oauth2/default/v1/token", site.auth);
    let request = site.request(reqwest::Method::POST, &url).form(&REFRESH);
    let request = request.basic_auth(&site.client_id, Some(&site.secret));
    assert_okta(site.send(request).await, "E0000021");
}

async fn a_json_body_is_an_okta_error(site: Site) {
    let url = format!("{}/oauth2/default/v1/token", site.auth);
    let request = site
        .request(reqwest::Method::POST, &url)
        .header("accept", "application/json");
    let request = request.basic_auth(&site.client_id, Some(&site.secret));
    let request = request.json(&serde_json::json!({ "grant_type": "refresh_token" }));
    assert_okta(site.send(request).await, "E0000021");
}

async fn parameters_may_stand_in_the_query_string(site: Site) {
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

async fn errors_are_objects_of_error_and_description(site: Site) {
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

async fn without_offline_access_there_is_no_refresh_token_and_no_error(site: Site) {
    let tokens = site.tokens(OWNER, "contact_data account_read").await;
    assert_eq!(tokens.get("refresh_token"), None);
}

async fn the_scope_comes_back_separated_by_spaces(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    let mut names: Vec<&str> = tokens["scope"]
        .as_str()
        .unwrap_or_default()
        .split(' ')
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["account_read", "contact_data", "offline_access"]);
}

async fn an_access_token_lives_24_hours(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    assert_eq!(tokens["expires_in"], 86_400);
    let api = site.with_token(tokens["access_token"].as_str().unwrap_or_default());

    site.sandbox().advance(SignedDuration::from_secs(86_390));
    api.get("/v3/account/summary").await.expect(200);
    site.sandbox().advance(SignedDuration::from_secs(11));
    api.get("/v3/account/summary").await.expect(401);
}

async fn expires_in_may_be_a_point_in_time(site: Site) {
    site.settings(|settings| settings.readings.expires_in = ExpiresIn::Epoch);
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    let at = tokens["expires_in"].as_i64().unwrap_or_default();
    let expected = site.sandbox().clock().now().as_second() + 86_400;
    assert!(
        (expected - 5..=expected).contains(&at),
        "{at} is not {expected}"
    );
}

async fn the_token_endpoint_takes_one_call_a_second(site: Site) {
    site.settings(|settings| settings.limits = true);
    assert_eq!(site.refresh("x").await.status, 400);
    assert_eq!(site.refresh("x").await.status, 429);
    site.sandbox().advance(SignedDuration::from_millis(1001));
    assert_eq!(site.refresh("x").await.status, 400);
}

async fn the_token_limit_is_for_each_app(site: Site) {
    site.settings(|settings| settings.limits = true);
    site.register(App::new("other", "other-secret", Vec::new()));
    assert_eq!(site.refresh("x").await.status, 400);
    let other = site
        .token_request(&REFRESH)
        .basic_auth("other", Some("other-secret"));
    assert_eq!(site.send(other).await.status, 400);
}

async fn the_token_limits_body_has_two_readings(site: Site) {
    site.settings(|settings| settings.limits = true);
    site.refresh("x").await;
    assert_okta(site.refresh("x").await.expect(429), "E0000047");

    site.settings(|settings| settings.readings.token_throttle_body = TokenThrottleBody::Throttled);
    let throttled: Value = site.refresh("x").await.expect(429).json();
    assert_eq!(throttled["error_key"], "throttled");
}
