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
    Sandbox FORUM_REFRESH: a_refresh_kills_every_earlier_token,
    Host PHPFUI_19: a_dead_refresh_token_is_an_invalid_grant_in_these_words,
    Sandbox FORUM_REFRESH: of_two_refreshes_at_once_exactly_one_wins,
    Sandbox FORUM_LIFETIMES: a_refresh_token_dies_after_180_idle_days,
    Sandbox FORUM_LIFETIMES: each_use_keeps_a_long_lived_token_alive,
    Sandbox PHPFUI_20: a_long_lived_refresh_may_name_no_new_token,
    Sandbox FORUM_LIFETIMES: a_long_lived_refresh_may_name_the_same_token,
    Sandbox SERVER_FLOW: a_refresh_token_is_bound_to_its_client,
    Sandbox WORDPRESS: a_redirect_uri_in_a_refresh_is_tolerated,
    Sandbox FORUM_REFRESH: there_is_no_grace_but_by_the_other_reading,
    Sandbox WORDPRESS: a_new_connection_knocks_out_the_earlier_one,
    Sandbox WORDPRESS: connections_of_different_users_live_side_by_side,
    Sandbox FORUM_REFRESH: the_old_access_token_dies_or_lives_on_as_read,
    Sandbox PHPFUI_19: a_revoked_connection_is_an_invalid_grant,
}

fn refresh_token(tokens: &Value) -> String {
    tokens["refresh_token"]
        .as_str()
        .expect("a refresh token")
        .to_owned()
}

#[track_caller]
fn assert_dead(reply: Reply) {
    let expected = json!({
        "error": "invalid_grant",
        "error_description": "The refresh token is invalid or expired.",
    });
    assert_eq!(reply.expect(400).json(), expected);
}

async fn first(site: &Site) -> String {
    refresh_token(&site.tokens(OWNER, USUAL_SCOPE).await)
}

async fn next(site: &Site, token: &str) -> String {
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
    let token = first(&site).await;
    next(&site, &token).await;
    assert_dead(site.refresh(&token).await);
}

async fn a_refresh_kills_every_earlier_token(site: Site) {
    let one = first(&site).await;
    let two = next(&site, &one).await;
    let three = next(&site, &two).await;
    assert_dead(site.refresh(&one).await);
    assert_dead(site.refresh(&two).await);
    next(&site, &three).await;
}

async fn a_dead_refresh_token_is_an_invalid_grant_in_these_words(site: Site) {
    assert_dead(site.refresh("no-such-token").await);
}

async fn of_two_refreshes_at_once_exactly_one_wins(site: Site) {
    let token = first(&site).await;
    let replies = futures::future::join_all((0..8).map(|_| site.refresh(&token))).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1);
}

async fn a_refresh_token_dies_after_180_idle_days(site: Site) {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let token = first(&site).await;
    site.sandbox().advance(days(179));
    let token = next(&site, &token).await;
    site.sandbox().advance(days(181));
    assert_dead(site.refresh(&token).await);
}

fn make_long_lived(site: &Site) {
    let mut app = App::new(CLIENT_ID, SECRET, vec![REDIRECT_URI.into()]);
    app.token_kind = TokenKind::LongLived;
    site.register(app);
}

async fn each_use_keeps_a_long_lived_token_alive(site: Site) {
    make_long_lived(&site);
    let token = first(&site).await;
    for _ in 0..3 {
        site.sandbox().advance(SignedDuration::from_hours(24 * 170));
        site.refresh(&token).await.expect(200);
    }
    site.sandbox().advance(SignedDuration::from_hours(24 * 181));
    assert_dead(site.refresh(&token).await);
}

async fn a_long_lived_refresh_may_name_no_new_token(site: Site) {
    make_long_lived(&site);
    let token = first(&site).await;
    let tokens = site.refresh(&token).await.expect(200).json();
    assert_eq!(tokens.get("refresh_token"), None);

    site.settings(|settings| settings.readings.long_lived_refresh = LongLivedRefresh::Empty);
    let tokens = site.refresh(&token).await.expect(200).json();
    assert_eq!(tokens["refresh_token"], "");
}

async fn a_long_lived_refresh_may_name_the_same_token(site: Site) {
    make_long_lived(&site);
    site.settings(|settings| settings.readings.long_lived_refresh = LongLivedRefresh::Same);
    let token = first(&site).await;
    assert_eq!(next(&site, &token).await, token);
}

async fn a_refresh_token_is_bound_to_its_client(site: Site) {
    site.register(App::new("other", "other-secret", Vec::new()));
    let token = first(&site).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    let request = site
        .token_request(&form)
        .basic_auth("other", Some("other-secret"));
    assert_dead(site.send(request).await);
    next(&site, &token).await;
}

async fn a_redirect_uri_in_a_refresh_is_tolerated(site: Site) {
    let token = first(&site).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    site.token(&form).await.expect(200);
}

async fn there_is_no_grace_but_by_the_other_reading(site: Site) {
    site.settings(|settings| settings.readings.refresh_grace = RefreshGrace::Seconds30);
    let token = first(&site).await;
    next(&site, &token).await;
    next(&site, &token).await;

    site.sandbox().advance(SignedDuration::from_secs(31));
    assert_dead(site.refresh(&token).await);
}

async fn a_new_connection_knocks_out_the_earlier_one(site: Site) {
    let earlier = first(&site).await;
    first(&site).await;
    assert_dead(site.refresh(&earlier).await);

    site.settings(|settings| settings.readings.reauthorization = Reauthorization::KeepsEarlier);
    let earlier = first(&site).await;
    first(&site).await;
    next(&site, &earlier).await;
}

async fn connections_of_different_users_live_side_by_side(site: Site) {
    let owners = first(&site).await;
    let managers = refresh_token(&site.tokens(MANAGER, USUAL_SCOPE).await);
    next(&site, &owners).await;
    next(&site, &managers).await;
}

async fn the_old_access_token_dies_or_lives_on_as_read(site: Site) {
    for (reading, status) in [(OldAccessToken::Dies, 401), (OldAccessToken::LivesOn, 200)] {
        site.settings(|settings| settings.readings.access_token_after_refresh = reading);
        let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
        next(&site, &refresh_token(&tokens)).await;
        let old = site.with_token(tokens["access_token"].as_str().unwrap_or_default());
        old.get("/v3/account/summary").await.expect(status);
    }
}

async fn a_revoked_connection_is_an_invalid_grant(site: Site) {
    let tokens = site.tokens(OWNER, USUAL_SCOPE).await;
    site.sandbox()
        .with(|lab| lab.world.grants.revoke(Some(CLIENT_ID), None, true));
    assert_dead(site.refresh(&refresh_token(&tokens)).await);
    let api = site.with_token(tokens["access_token"].as_str().unwrap_or_default());
    api.get("/v3/account/summary").await.expect(200);
}
