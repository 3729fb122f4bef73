//! Call limits of an API key.

use std::time::Instant;

use cc_sandbox::settings::Strict;
use cc_sandbox::world::App;
use jiff::SignedDuration;
use serde_json::json;

use crate::fact::facts;
use crate::site::{Api, CLIENT_ID, CLUB_OWNER, OWNER, REDIRECT_URI, SECRET, Site, USUAL_SCOPE};

facts! {
    Sandbox FREEFORM_616: fifth_call_in_a_second_is_throttled_with_this_body,
    Sandbox RATE_LIMITS: throttled_response_has_no_retry_after_or_rate_limit_header,
    Sandbox RATE_LIMITS: calls_are_accepted_again_once_earlier_ones_are_a_second_old,
    Sandbox FORUM_KEY_LIMIT: all_accounts_share_the_api_keys_limit,
    Sandbox FORUM_KEY_LIMIT: each_api_key_has_its_own_limit,
    Sandbox RATE_LIMITS: exceeding_the_daily_quota_returns_this_body,
    Sandbox RATE_LIMITS: daily_quota_resets_at_midnight_utc,
    Sandbox RATE_LIMITS: default_limits_are_4_calls_a_second_and_10_000_a_day,
    Sandbox FORUM_PARTNER: partner_key_allows_10_calls_a_second,
    Sandbox RATE_LIMITS: limits_apply_to_writes_too,
    Sandbox RATE_LIMITS: throttled_calls_count_against_the_daily_quota_depending_on_reading,
    Sandbox RATE_LIMITS: calls_with_an_invalid_token_are_not_limited,
    Sandbox RATE_LIMITS: fifty_connections_stay_within_the_limit_in_any_second,
}

const LISTS: &str = "/v3/contact_lists";

/// An owner's API with limits on: `per_second` and `per_day`.
async fn limited(site: &Site, per_second: u32, per_day: u32) -> Api<'_> {
    let api = site.owner().await;
    site.sandbox().with(|lab| {
        if let Some(app) = lab.world.apps.get_mut(CLIENT_ID) {
            app.calls_per_second = per_second;
            app.calls_per_day = per_day;
        }
        lab.settings.limits = true;
    });
    api
}

async fn fifth_call_in_a_second_is_throttled_with_this_body(site: Site) {
    let api = limited(&site, 4, 10_000).await;
    for _ in 0..4 {
        api.get(LISTS).await.expect(200);
    }
    let throttled = api.get(LISTS).await.expect(429);
    let body = r#"{"error_key":"throttled","error_message":"Too Many Requests"}"#;
    assert_eq!(throttled.text, body);
}

async fn throttled_response_has_no_retry_after_or_rate_limit_header(site: Site) {
    let api = limited(&site, 1, 10_000).await;
    api.get(LISTS).await.expect(200);
    let throttled = api.get(LISTS).await.expect(429);
    assert_eq!(throttled.header("retry-after"), None);
    let limit_headers = throttled
        .headers
        .keys()
        .filter(|name| name.as_str().contains("ratelimit"));
    assert_eq!(limit_headers.count(), 0);
}

async fn calls_are_accepted_again_once_earlier_ones_are_a_second_old(site: Site) {
    let api = limited(&site, 2, 10_000).await;
    api.get(LISTS).await.expect(200);
    site.sandbox().advance(SignedDuration::from_millis(600));
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);

    site.sandbox().advance(SignedDuration::from_millis(600));
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);
}

async fn all_accounts_share_the_api_keys_limit(site: Site) {
    let club = site.sign_in(CLUB_OWNER, USUAL_SCOPE).await;
    let bakery = limited(&site, 4, 10_000).await;
    for _ in 0..2 {
        bakery.get(LISTS).await.expect(200);
        club.get(LISTS).await.expect(200);
    }
    bakery.get(LISTS).await.expect(429);
    club.get(LISTS).await.expect(429);
}

async fn each_api_key_has_its_own_limit(site: Site) {
    site.register(App::new("other", "other-secret", vec![REDIRECT_URI.into()]));
    let params = [
        ("client_id", "other"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", USUAL_SCOPE),
        ("state", "s"),
    ];
    let code = site
        .submit_consent(&params, OWNER, "allow")
        .await
        .redirect_param("code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
    ];
    let request = site
        .token_request(&form)
        .basic_auth("other", Some("other-secret"));
    let tokens = site.send(request).await.expect(200).json();
    let other = site.with_token(tokens["access_token"].as_str().unwrap_or_default());

    let api = limited(&site, 1, 10_000).await;
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);
    other.get(LISTS).await.expect(200);
}

async fn exceeding_the_daily_quota_returns_this_body(site: Site) {
    let api = limited(&site, 100, 2).await;
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(200);
    let exceeded = api.get(LISTS).await.expect(429);
    let body = r#"{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}"#;
    assert_eq!(exceeded.text, body);

    site.sandbox().advance(SignedDuration::from_secs(5));
    assert_eq!(api.get(LISTS).await.error_key(), "quota_exceeded");
}

async fn daily_quota_resets_at_midnight_utc(site: Site) {
    let start = "2027-03-01T23:59:00Z".parse().expect("a time");
    site.sandbox().clock().set(start);
    let api = limited(&site, 100, 1).await;
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);
    site.sandbox().advance(SignedDuration::from_secs(61));
    api.get(LISTS).await.expect(200);
}

async fn default_limits_are_4_calls_a_second_and_10_000_a_day(site: Site) {
    let app = App::new("fresh", SECRET, Vec::new());
    assert_eq!((app.calls_per_second, app.calls_per_day), (4, 10_000));

    let api = limited(&site, u32::MAX, 10_000).await;
    for _ in 0..100 {
        let calls = (0..100).map(|_| api.get("/v3/account/user/privileges"));
        for reply in futures::future::join_all(calls).await {
            reply.expect(200);
        }
    }
    assert_eq!(api.get(LISTS).await.error_key(), "quota_exceeded");
}

async fn partner_key_allows_10_calls_a_second(site: Site) {
    let api = limited(&site, 10, 250_000).await;
    for _ in 0..10 {
        api.get(LISTS).await.expect(200);
    }
    api.get(LISTS).await.expect(429);
}

async fn limits_apply_to_writes_too(site: Site) {
    let api = limited(&site, 1, 10_000).await;
    api.get(LISTS).await.expect(200);
    let throttled = api
        .post("/v3/contacts/sign_up_form", &json!({}))
        .await
        .expect(429);
    assert_eq!(throttled.error_key(), "throttled");
}

async fn throttled_calls_count_against_the_daily_quota_depending_on_reading(site: Site) {
    for (reading, status) in [(Strict::Yes, 429), (Strict::No, 200)] {
        site.settings(|settings| settings.readings.throttled_calls_use_quota = reading);
        let now = site.sandbox().clock().now();
        let two_days = SignedDuration::from_hours(24 * 2);
        site.sandbox().clock().set(now + two_days);
        let api = limited(&site, 1, 2).await;
        api.get(LISTS).await.expect(200);
        api.get(LISTS).await.expect(429);
        site.sandbox().advance(SignedDuration::from_millis(1001));
        api.get(LISTS).await.expect(status);
    }
}

async fn calls_with_an_invalid_token_are_not_limited(site: Site) {
    limited(&site, 1, 1).await;
    for _ in 0..5 {
        site.with_token("no.such.token")
            .get(LISTS)
            .await
            .expect(401);
    }
}

/// Every window is checked twice: by the journal's times, and by what a caller can prove, that is by calls sent after
/// its start and answered before its end.
async fn fifty_connections_stay_within_the_limit_in_any_second(site: Site) {
    const LIMIT: usize = 4;
    let api = limited(&site, LIMIT as u32, 10_000).await;
    let start = Instant::now();
    let worker = async || {
        let mut accepted = Vec::new();
        while start.elapsed().as_secs_f64() < 3.2 {
            let sent = start.elapsed();
            let reply = api.get("/v3/account/user/privileges").await;
            if reply.status != 429 {
                accepted.push((sent, start.elapsed()));
            }
        }
        accepted
    };
    let workers = futures::future::join_all((0..50).map(|_| worker())).await;
    let accepted: Vec<_> = workers.into_iter().flatten().collect();
    assert!(
        (8..=16).contains(&accepted.len()),
        "{} calls were accepted in 3.2 s",
        accepted.len()
    );
    for (from, _) in &accepted {
        let second = accepted.iter().filter(|(sent, answered)| {
            sent >= from && answered.as_secs_f64() <= from.as_secs_f64() + 1.0
        });
        assert!(second.count() <= LIMIT);
    }

    let times: Vec<_> = site.sandbox().with(|lab| {
        let calls = lab
            .journal
            .entries()
            .iter()
            .filter(|call| call.route.starts_with("/v3/"));
        calls
            .filter(|call| call.status != Some(429))
            .map(|call| call.at)
            .collect()
    });
    assert_eq!(times.len(), accepted.len());
    for window in times.windows(LIMIT + 1) {
        let span = window[LIMIT].duration_since(window[0]);
        assert!(span > SignedDuration::from_secs(1), "{span:?}");
    }
}
