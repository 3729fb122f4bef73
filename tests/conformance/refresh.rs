//! Refresh tokens: rotation, races, long-lived ones, and how they become invalid.

use cc_sandbox::settings::{LongLivedRefresh, OldAccessToken, Reauthorization, RefreshGrace};
use cc_sandbox::world::{App, TokenKind};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fact::facts;
use crate::reply::Reply;
use crate::site::{CLIENT_ID, MANAGER, OWNER, REDIRECT_URI, SECRET, Site, USUAL_SCOPE};

facts! {
    Sandbox FORUM_REFRESH: a_refresh_gives_new_tokens,
    Sandbox FORUM_REFRESH: a_refresh_token_works_once,
    Sandbox FORUM_REFRESH: refresh_invalidates_all_earlier_refresh_tokens,
    Host PHPFUI_19: unknown_refresh_token_is_an_invalid_grant_with_this_body,
    Sandbox FORUM_REFRESH: exactly_one_of_several_concurrent_refreshes_succeeds,
    Sandbox FORUM_LIFETIMES: refresh_token_expires_after_180_days_without_use,
    Sandbox FORUM_LIFETIMES: each_use_extends_a_long_lived_refresh_token,
    Sandbox PHPFUI_20: long_lived_refresh_may_return_no_or_an_empty_refresh_token,
    Sandbox FORUM_LIFETIMES: long_lived_refresh_may_return_the_same_refresh_token,
    Sandbox SERVER_FLOW: a_refresh_token_is_bound_to_its_client,
    Sandbox WORDPRESS: redirect_uri_in_a_refresh_request_is_accepted,
    Sandbox FORUM_REFRESH: seconds30_reading_accepts_a_rotated_token_for_30_seconds,
    Sandbox WORDPRESS: new_authorization_revokes_earlier_refresh_tokens_depending_on_reading,
    Sandbox WORDPRESS: refresh_tokens_of_different_users_are_independent,
    Sandbox FORUM_REFRESH: old_access_token_is_revoked_by_a_refresh_depending_on_reading,
    Sandbox PHPFUI_19: revoked_refresh_token_is_an_invalid_grant_but_access_token_still_works,
}

fn refresh_token(tokens: &Value) -> String {
    tokens["refresh_token"]
        .as_str()
        .expect("a refresh token")
        .to_owned()
}

#[track_caller]
fn assert_invalid_grant(reply: Reply) {
    let expected = json!({
        "error": "invalid_grant",
        "error_description": "The refresh token is invalid or expired.",
    });
    assert_eq!(reply.expect(400).json(), expected);
}

async fn first_refresh_token(site: &Site) -> String {
    refresh_token(&site.tokens(OWNER, USUAL_SCOPE).await)
}

async fn next_refresh_token(site: &Site, token: &str) -> String {
    refresh_token(&site.refresh(token).await.expect(200).json())
}

async fn a_refresh_gives_new_tokens(site: Site) {
    let before = site.tokens(OWNER, USUAL_SCOPE).await;
    let after = site
        .refresh(&refresh_token(&before))
        .await
        .expect(200)
        .json();
    assert_ne!(before["refresh_token"], after["refresh_token"]);
    assert_ne!(before["access_token"], after["access_token"]);
    assert_eq!(before["scope"], after["scope"]);
}

async fn a_refresh_token_works_once(site: Site) {
    let token = first_refresh_token(&site).await;
    next_refresh_token(&site, &token).await;
    assert_invalid_grant(site.refresh(&token).await);
}

async fn refresh_invalidates_all_earlier_refresh_tokens(site: Site) {
    let one = first_refresh_token(&site).await;
    let two = next_refresh_token(&site, &one).await;
    let three = next_refresh_token(&site, &two).await;
    assert_invalid_grant(site.refresh(&one).await);
    assert_invalid_grant(site.refresh(&two).await);
    next_refresh_token(&site, &three).await;
}

async fn unknown_refresh_token_is_an_invalid_grant_with_this_body(site: Site) {
    assert_invalid_grant(site.refresh("no-such-token").await);
}

async fn exactly_one_of_several_concurrent_refreshes_succeeds(site: Site) {
    let token = first_refresh_token(&site).await;
    let replies = futures::future::join_all((0..8).map(|_| site.refresh(&token))).await;
    let succeeded = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(succeeded, 1);
}

async fn refresh_token_expires_after_180_days_without_use(site: Site) {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let token = first_refresh_token(&site).await;
    site.sandbox().advance(days(179));
    let token = next_refresh_token(&site, &token).await;
    site.sandbox().advance(days(181));
    assert_invalid_grant(site.refresh(&token).await);
}

fn make_long_lived(site: &Site) {
    let mut app = App::new(CLIENT_ID, SECRET, vec![REDIRECT_URI.into()]);
    app.token_kind = TokenKind::LongLived;
    site.register(app);
}

async fn each_use_extends_a_long_lived_refresh_token(site: Site) {
    make_long_lived(&site);
    let token = first_refresh_token(&site).await;
    for _ in 0..3 {
        site.sandbox().advance(SignedDuration::from_hours(24 * 170));
        site.refresh(&token).await.expect(200);
    }
    site.sandbox().advance(SignedDuration::from_hours(24 * 181));
    assert_invalid_grant(site.refresh(&token).await);
}

async fn long_lived_refresh_may_return_no_or_an_empty_refresh_token(site: Site) {
    make_long_lived(&site);
    let token = first_refresh_token(&site).await;
    let tokens = site.refresh(&token).await.expect(200).json();
    assert_eq!(tokens.get("refresh_token"), None);

    site.settings(|settings| settings.readings.long_lived_refresh = LongLivedRefresh::Empty);
    let tokens = site.refresh(&token).await.expect(200).json();
    assert_eq!(tokens["refresh_token"], "");
}

async fn long_lived_refresh_may_return_the_same_refresh_token(site: Site) {
    make_long_lived(&site);
    site.settings(|settings| settings.readings.long_lived_refresh = LongLivedRefresh::Same);
    let token = first_refresh_token(&site).await;
    assert_eq!(next_refresh_token(&site, &token).await, token);
}

async fn a_refresh_token_is_bound_to_its_client(site: Site) {
    site.register(App::new("other", "other-secret", Vec::new()));
    let token = first_refresh_token(&site).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    let request = site
        .token_request(&form)
        .basic_auth("other", Some("other-secret"));
    assert_invalid_grant(site.send(request).await);
    next_refresh_token(&site, &token).await;
}

async fn redirect_uri_in_a_refresh_request_is_accepted(site: Site) {
    let token = first_refresh_token(&site).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    site.token(&form).await.expect(200);
}

async fn seconds30_reading_accepts_a_rotated_token_for_30_seconds(site: Site) {
    site.settings(|settings| settings.readings.refresh_grace = RefreshGrace::Seconds30);
    let token = first_refresh_token(&site).await;
    next_refresh_token(&site, &token).await;
    next_refresh_token(&site, &token).await;

    site.sandbox().advance(SignedDuration::from_secs(31));
    assert_invalid_grant(site.refresh(&token).await);
}

async fn new_authorization_revokes_earlier_refresh_tokens_depending_on_reading(site: Site) {
    let earlier = first_refresh_token(&site).await;
    first_refresh_token(&site).await;
    assert_invalid_grant(site.refresh(&earlier).await);

    site.settings(|settings| settings.readings.reauthorization = Reauthorization::KeepsEarlier);
    let earlier = first_refresh_token(&site).await;
    first_refresh_token(&site).await;
    next_refresh_token(&site, &earlier).await;
}

async fn refresh_tokens_of_different_users_are_independent(site: Site) {
    let owners = first_refresh_token(&site).await;
    let managers = refresh_token(&site.tokens(MANAGER, USUAL_SCOPE).await);
    next_refresh_token(&site, &owners).await;
    next_refresh_token(&site, &managers).await;
}

async fn old_access_token_is_revoked_by_a_refresh_depending_on_reading(site: Site) {
    for (reading, status) in [(OldAccessToken::Dies, 401), (OldAccessToken::LivesOn, 200)] {
        site.settings(|settings| settings.readings.access_token_after_refresh = reading);
        let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
        next_refresh_token(&site, &refresh_token(&tokens)).await;
        let old = site.with_token(tokens["access_token"].as_str().unwrap_or_default());
        old.get("/v3/account/summary").await.expect(status);
    }
}

async fn revoked_refresh_token_is_an_invalid_grant_but_access_token_still_works(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    site.sandbox()
        .with(|lab| lab.world.grants.revoke(Some(CLIENT_ID), None, true));
    assert_invalid_grant(site.refresh(&refresh_token(&tokens)).await);
    let api = site.with_token(tokens["access_token"].as_str().unwrap_or_default());
    api.get("/v3/account/summary").await.expect(200);
}
