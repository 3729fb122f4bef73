//! Call limits of an API key.

use std::time::Instant;

use cc_sandbox::settings::Strict;
use cc_sandbox::world::App;
use jiff::SignedDuration;
use serde_json::json;

use crate::fact::facts;
use crate::site::{Api, CLIENT_ID, CLUB_OWNER, OWNER, REDIRECT_URI, SECRET, Site, USUAL_SCOPE};

facts! {
    Sandbox FREEFORM_616: the_fifth_call_in_a_second_is_throttled_in_these_words,
    Sandbox RATE_LIMITS: no_header_says_when_to_come_back,
    Sandbox RATE_LIMITS: after_a_second_calls_are_taken_again,
    Sandbox FORUM_KEY_LIMIT: all_accounts_share_the_keys_limit,
    Sandbox FORUM_KEY_LIMIT: another_key_has_its_own_limit,
    Sandbox RATE_LIMITS: the_day_has_its_own_limit_in_these_words,
    Sandbox RATE_LIMITS: the_day_begins_at_midnight_utc,
    Sandbox RATE_LIMITS: ten_thousand_calls_are_a_day,
    Sandbox FORUM_PARTNER: a_partner_key_takes_ten_a_second,
    Sandbox RATE_LIMITS: limits_hold_for_writes_too,
    Sandbox RATE_LIMITS: throttled_calls_use_the_day_or_not_as_read,
    Sandbox RATE_LIMITS: a_call_without_a_good_token_meets_no_limit,
    Sandbox RATE_LIMITS: fifty_connections_get_no_more_than_the_limit_in_any_second,
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

async fn the_fifth_call_in_a_second_is_throttled_in_these_words(site: Site) {
    let api = limited(&site, 4, 10_000).await;
    for _ in 0..4 {
        api.get(LISTS).await.expect(200);
    }
    let throttled = api.get(LISTS).await.expect(429);
    let body = r#"{"error_key":"throttled","error_message":"Too Many Requests"}"#;
    assert_eq!(throttled.text, body);
}

async fn no_header_says_when_to_come_back(site: Site) {
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

async fn after_a_second_calls_are_taken_again(site: Site) {
    let api = limited(&site, 2, 10_000).await;
    api.get(LISTS).await.expect(200);
    site.sandbox().advance(SignedDuration::from_millis(600));
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);

    site.sandbox().advance(SignedDuration::from_millis(600));
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);
}

async fn all_accounts_share_the_keys_limit(site: Site) {
    let club = site.sign_in(CLUB_OWNER, USUAL_SCOPE).await;
    let bakery = limited(&site, 4, 10_000).await;
    for _ in 0..2 {
        bakery.get(LISTS).await.expect(200);
        club.get(LISTS).await.expect(200);
    }
    bakery.get(LISTS).await.expect(429);
    club.get(LISTS).await.expect(429);
}

async fn another_key_has_its_own_limit(site: Site) {
    site.register(App::new("other", "other-secret", vec![REDIRECT_URI.into()]));
    let params = [
        ("client_id", "other"),
        ("redirect_uri", REDIRECT_URI),
        ("response_type", "code"),
        ("scope", USUAL_SCOPE),
        ("state", "s"),
    ];
    let code = site
        .decide(&params, OWNER, "allow")
        .await
        .redirected_with("code");
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

async fn the_day_has_its_own_limit_in_these_words(site: Site) {
    let api = limited(&site, 100, 2).await;
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(200);
    let exceeded = api.get(LISTS).await.expect(429);
    let body = r#"{"error_key":"quota_exceeded","error_message":"Limit Exceeded"}"#;
    assert_eq!(exceeded.text, body);

    site.sandbox().advance(SignedDuration::from_secs(5));
    assert_eq!(api.get(LISTS).await.error_key(), "quota_exceeded");
}

async fn the_day_begins_at_midnight_utc(site: Site) {
    let start = "2027-03-01T23:59:00Z".parse().expect("a time");
    site.sandbox().clock().set(start);
    let api = limited(&site, 100, 1).await;
    api.get(LISTS).await.expect(200);
    api.get(LISTS).await.expect(429);
    site.sandbox().advance(SignedDuration::from_secs(61));
    api.get(LISTS).await.expect(200);
}

async fn ten_thousand_calls_are_a_day(site: Site) {
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

async fn a_partner_key_takes_ten_a_second(site: Site) {
    let api = limited(&site, 10, 250_000).await;
    for _ in 0..10 {
        api.get(LISTS).await.expect(200);
    }
    api.get(LISTS).await.expect(429);
}

async fn limits_hold_for_writes_too(site: Site) {
    let api = limited(&site, 1, 10_000).await;
    api.get(LISTS).await.expect(200);
    let throttled = api
        .post("/v3/contacts/sign_up_form", &json!({}))
        .await
        .expect(429);
    assert_eq!(throttled.error_key(), "throttled");
}

async fn throttled_calls_use_the_day_or_not_as_read(site: Site) {
    for (reading, status) in [(Strict::Yes, 429), (Strict::No, 200)] {
        site.settings(|settings| settings.readings.throttled_calls_use_quota = reading);
        let now = site.sandbox().clock().now();
        let midnight = SignedDuration::from_hours(24 * 2);
        site.sandbox().clock().set(now + midnight);
        let api = limited(&site, 1, 2).await;
        api.get(LISTS).await.expect(200);
        api.get(LISTS).await.expect(429);
        site.sandbox().advance(SignedDuration::from_millis(1001));
        api.get(LISTS).await.expect(status);
    }
}

async fn a_call_without_a_good_token_meets_no_limit(site: Site) {
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
async fn fifty_connections_get_no_more_than_the_limit_in_any_second(site: Site) {
    const LIMIT: usize = 4;
    let api = limited(&site, LIMIT as u32, 10_000).await;
    let start = Instant::now();
    let worker = async || {
        let mut taken = Vec::new();
        while start.elapsed().as_secs_f64() < 3.2 {
            let sent = start.elapsed();
            let reply = api.get("/v3/account/user/privileges").await;
            if reply.status != 429 {
                taken.push((sent, start.elapsed()));
            }
        }
        taken
    };
    let workers = futures::future::join_all((0..50).map(|_| worker())).await;
    let taken: Vec<_> = workers.into_iter().flatten().collect();
    assert!(
        (8..=16).contains(&taken.len()),
        "{} calls were taken in 3.2 s",
        taken.len()
    );
    for (from, _) in &taken {
        let second = taken.iter().filter(|(sent, answered)| {
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
    assert_eq!(times.len(), taken.len());
    for five in times.windows(LIMIT + 1) {
        let span = five[LIMIT].duration_since(five[0]);
        assert!(span > SignedDuration::from_secs(1), "{span:?}");
    }
}
