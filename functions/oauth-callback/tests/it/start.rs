use std::mem::replace;

use jiff::SignedDuration;
use leadfeed_shared::domain::ids::AppId;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::fakes::{Call, Fault};
use leadfeed_shared::ports::Apps as _;

use crate::browser::{Answer, Browser, handle_event};
use crate::stage::{ENGINES, Stage};

#[tokio::test]
async fn opening_a_link_shows_a_page_and_does_not_use_it_up() {
    let stage = Stage::new().await;
    let link = stage.link().await;

    for _ in 0..3 {
        let mut scanner = Browser::default();
        let page = scanner.get(&stage, &link).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Analytical Engines"));
        let head = Browser::default().send(&stage, "HEAD", &link, None).await;
        assert_eq!(head.status, 200);
    }

    let mut person = Browser::default();
    person.get(&stage, &link).await;
    let to = person.post(&stage, &link, "").await;
    assert!(
        to.location()
            .starts_with("https://authz.example/oauth2/default/v1/authorize?")
    );
    assert_eq!(stage.memory.crm.calls().len(), 0);
}

#[tokio::test]
async fn authorization_uses_the_needed_scopes_pkce_and_configured_redirect_uri() {
    let mut stage = Stage::new().await;
    stage.connect.site.pkce = true;
    let (mut browser, link) = (Browser::default(), stage.link().await);
    browser.get(&stage, &link).await;

    let mut event = browser.event("POST", &link, Some(""));
    event["headers"]["host"] = "evil.example".into();
    event["headers"]["x-forwarded-host"] = "evil.example".into();
    let answer = handle_event(&stage, event).await;
    let query = answer.query();

    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "client");
    assert_eq!(
        query["redirect_uri"],
        "https://leads.example/oauth/callback"
    );
    assert_eq!(query["scope"], "contact_data account_read offline_access");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["code_challenge"].len(), 43);
    let cookie = &answer.headers["set-cookie"];
    for attribute in [
        "__Host-leadfeed-session=",
        "; Path=/;",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
    ] {
        assert!(cookie.contains(attribute), "{attribute}");
    }

    let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    let back = browser
        .get(&stage, &stage.callback_url(ENGINES, &query["state"]))
        .await;
    assert_eq!(back.location(), "/connect/lists");
    assert_eq!(stage.memory.crm.verifiers(), [true]);
}

#[tokio::test]
async fn link_starts_only_one_browser_which_may_click_twice() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let (mut first, mut second) = (Browser::default(), Browser::default());
    first.get(&stage, &link).await;
    second.get(&stage, &link).await;

    let (once, twice) = (
        first.post(&stage, &link, "").await,
        first.post(&stage, &link, "").await,
    );
    let other = second.post(&stage, &link, "").await;

    assert_ne!(once.query()["state"], twice.query()["state"]);
    assert_eq!(other.status, 403);
    assert_eq!(first.get(&stage, &link).await.status, 200);
    assert_eq!(second.get(&stage, &link).await.status, 403);
}

#[tokio::test]
async fn start_failing_or_crashing_at_any_step_keeps_the_link_for_its_browser_only() {
    for step in 1.. {
        for fault in [Fault::FailAfter, Fault::CrashAfter] {
            let stage = Stage::new().await;
            let link = stage.link().await;
            let mut browser = Browser::default();
            browser.get(&stage, &link).await;
            let faults = &stage.memory.faults;
            faults.at(faults.steps() + step, fault);
            let ended = faults.until_crash(browser.post(&stage, &link, "")).await;
            if ended.is_some_and(|answer| answer.status == 303) {
                assert!(step > 6, "only {step} steps");
                return;
            }

            let shown = browser.get(&stage, &link).await;
            assert_eq!(shown.status, 200, "{step} {fault:?}");
            let started = browser.post(&stage, &link, "").await;
            assert_eq!(started.status, 303, "{step} {fault:?}");
            let other = Browser::default().get(&stage, &link).await;
            assert_eq!(other.status, 403, "{step} {fault:?}");
        }
    }
}

#[tokio::test]
async fn tampered_expired_or_foreign_link_is_refused_and_reveals_nothing() {
    let mut stage = Stage::new().await;
    let good = stage.link().await;
    let link_of_another_customer = stage
        .open_link_of_another_customer(&mut Browser::default())
        .await;
    let (claims, _) = link_of_another_customer.split_once('.').unwrap();
    let (_, signature) = good.split_once('.').unwrap();
    let own_keys = replace(&mut stage.connect.keys, SigningKeys::new("another".into()));
    let link_of_another_stack = stage.link().await;
    stage.connect.keys = own_keys;
    let mut answers = Vec::new();
    for bad in [
        "/connect/".to_owned(),
        "/connect/x".to_owned(),
        "/nowhere".to_owned(),
        good.replace("/connect/e", "/connect/f"),
        format!("{good}A"),
        format!("{claims}.{signature}"),
        link_of_another_stack,
    ] {
        let answer = Browser::default().get(&stage, &bad).await;
        assert_eq!(
            Browser::default().post(&stage, &bad, "").await.status,
            403,
            "{bad}"
        );
        answers.push(answer);
    }
    stage.memory.clock.advance(SignedDuration::from_hours(1));
    answers.push(Browser::default().get(&stage, &good).await);

    for answer in &answers {
        assert_eq!(answer.status, 403);
        assert_eq!(answer.body, answers[0].body);
        assert!(!answer.body.contains("Engines") && !answer.body.contains("Looms"));
    }
}

#[tokio::test]
async fn start_after_the_application_was_replaced_uses_the_new_client_id() {
    let stage = Stage::new().await;
    let (mut browser, link) = (Browser::default(), stage.link().await);
    browser.get(&stage, &link).await;
    let (apps, app) = (&stage.memory.apps, AppId::default_app());
    apps.credentials(&app, false).await.unwrap(); // which a warm function remembers
    apps.set(&app, "new-client", "new-secret");

    let answer = browser.post(&stage, &link, "").await;

    assert_eq!(answer.query()["client_id"], "new-client");
}

#[tokio::test]
async fn link_is_not_used_up_by_a_start_that_fails_before_that() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let mut browser = Browser::default();
    browser.get(&stage, &link).await;
    stage.memory.faults.next(Fault::FailBefore);

    let answer = browser.post(&stage, &link, "").await;

    assert_eq!(answer.status, 503);
    assert!(offers_only_the_link_again(&answer), "{}", answer.body);
    assert_eq!(Browser::default().get(&stage, &link).await.status, 200);
    assert_eq!(browser.get(&stage, &link).await.status, 200);
    assert_eq!(browser.post(&stage, &link, "").await.status, 303);
}

/// Whether the only button of a page opens its own URL once more, which it does not name.
fn offers_only_the_link_again(page: &Answer) -> bool {
    let button = r#"<a class="button" href="">Try again</a>"#;
    page.body.contains(button) && !page.body.contains("<form") && !page.body.contains("/connect/")
}

#[tokio::test]
async fn opening_a_link_during_an_outage_offers_to_open_it_again() {
    let stage = Stage::new().await;
    let (mut browser, link) = (Browser::default(), stage.link().await);
    stage.memory.faults.next(Fault::FailBefore);

    let answer = browser.get(&stage, &link).await;

    assert_eq!(answer.status, 503);
    assert!(offers_only_the_link_again(&answer), "{}", answer.body);
    assert_eq!(browser.get(&stage, &link).await.status, 200);
}

#[tokio::test]
async fn missing_application_is_explained_and_the_link_stays_usable() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let mut row = stage.customer_row().await;
    row.app = "own".parse().unwrap();
    stage.put_customer(&row).await;

    let mut browser = Browser::default();
    browser.get(&stage, &link).await;
    let answer = browser.post(&stage, &link, "").await;

    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("not set up"));
    assert!(!answer.body.contains("nothing for you to fix"));
    assert!(offers_only_the_link_again(&answer), "{}", answer.body);
    row.app = AppId::default_app();
    stage.put_customer(&row).await;
    assert_eq!(browser.get(&stage, &link).await.status, 200);
    assert_eq!(browser.post(&stage, &link, "").await.status, 303);
}

#[tokio::test]
async fn cross_site_form_post_is_refused_and_does_not_use_up_the_link() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let mut browser = Browser::default();
    browser.get(&stage, &link).await;
    for site in ["cross-site", "same-site"] {
        let mut event = browser.event("POST", &link, Some(""));
        event["headers"]["sec-fetch-site"] = site.into();
        assert_eq!(handle_event(&stage, event).await.status, 403, "{site}");
    }

    assert_eq!(Browser::default().get(&stage, &link).await.status, 200);
    assert_eq!(stage.memory.crm.count(Call::Exchange), 0);
}

/// As an old browser sends another site's form: without `Sec-Fetch-Site`, and without our `SameSite` cookie.
#[tokio::test]
async fn start_without_our_cookie_is_refused_and_keeps_the_link_usable() {
    let stage = Stage::new().await;
    let link = stage.link().await;
    let mut event = Browser::default().event("POST", &link, Some(""));
    event["headers"]
        .as_object_mut()
        .unwrap()
        .remove("sec-fetch-site");

    let answer = handle_event(&stage, event).await;

    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("did not keep our cookie"));
    assert!(offers_only_the_link_again(&answer), "{}", answer.body);
    assert!(!answer.headers.contains_key("set-cookie"));
    let mut person = Browser::default();
    person.get(&stage, &link).await;
    assert_eq!(person.post(&stage, &link, "").await.status, 303);
}

#[tokio::test]
async fn opening_another_link_in_the_same_browser_does_not_block_the_first() {
    let stage = Stage::new().await;
    let (mut browser, first) = (Browser::default(), stage.link().await);
    browser.get(&stage, &first).await;
    stage.open_link_of_another_customer(&mut browser).await;

    assert_eq!(browser.post(&stage, &first, "").await.status, 303);
}

#[tokio::test]
async fn every_sample_event_is_answered_by_a_page_or_problem_details() {
    let stage = Stage::new().await;
    let events = [
        (
            include_str!("../../../../events/oauth-connect.json"),
            403,
            "link_unusable",
        ),
        (
            include_str!("../../../../events/oauth-callback.json"),
            400,
            "state_unknown",
        ),
        (
            include_str!("../../../../events/oauth-lists.json"),
            403,
            "session_missing",
        ),
    ];
    for (event, status, code) in events {
        let mut event: serde_json::Value = serde_json::from_str(event).unwrap();
        let page = handle_event(&stage, event.clone()).await;
        event["headers"]["accept"] = "*/*".into();
        let details = handle_event(&stage, event).await;

        let shown = match page.headers.get("location") {
            Some(trouble) => Browser::default().get(&stage, trouble).await,
            None => page,
        };
        assert_eq!((shown.status, details.status), (status, status));
        assert!(shown.headers["content-type"].starts_with("text/html"));
        let details: serde_json::Value = serde_json::from_str(&details.body).unwrap();
        assert_eq!(details["code"], code);
    }
    let put = Browser::default()
        .send(&stage, "PUT", "/connect/lists", None)
        .await;
    assert_eq!(put.status, 405);
    assert_eq!(put.headers["allow"], "GET, HEAD, POST");
}

#[tokio::test]
async fn pages_show_the_configured_service_name_escaped() {
    let mut stage = Stage::new().await;
    stage.connect.site.service = "Leads & <Us>".to_owned();
    let mut browser = Browser::default();

    let welcome = browser.get(&stage, &stage.link().await).await;
    let unusable = browser.get(&stage, "/connect/x").await;
    let put = browser.send(&stage, "PUT", "/connect/x", None).await;

    for page in [&welcome, &unusable, &put] {
        assert!(page.body.contains(" · Leads &#38; &#60;Us&#62;</title>"));
        assert!(page.body.contains("<span>Leads &#38; &#60;Us&#62;</span>"));
        assert!(!page.body.contains("Leadfeed") && !page.body.contains("class=\"mark\""));
    }
    let heading = "What Leads &#38; &#60;Us&#62; asks for";
    assert!(welcome.body.contains(heading), "{}", welcome.body);
}
