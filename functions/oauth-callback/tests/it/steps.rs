use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
use leadfeed_shared::domain::crm::{CrmError, Refusal};
use leadfeed_shared::fakes::{Call, Fault};
use leadfeed_shared::ports::Event;

use crate::browser::Browser;
use crate::stage::{ENGINES, Stage};

#[tokio::test]
async fn choosing_lists_and_confirming_terms_is_recorded_and_releases_waiting_leads() {
    let stage = Stage::new().await;
    let leads = stage.waiting_leads(12).await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let page = browser.get(&stage, "/connect/lists").await;
    assert!(page.body.contains("Newsletter"));
    assert_eq!(
        browser.get(&stage, "/connect/done").await.location(),
        "/connect/lists"
    );

    let body = "new_list=From+the+web&terms=yes";
    let answer = browser.post(&stage, "/connect/lists", body).await;

    assert_eq!(answer.location(), "/connect/done");
    let row = stage.connection().await.unwrap();
    let terms = row.terms.unwrap();
    assert_eq!(terms.ip.as_deref(), Some("203.0.113.7"));
    assert!(terms.text.contains("bought, rented, borrowed"));
    assert!(
        browser
            .get(&stage, "/connect/done")
            .await
            .body
            .contains("From the web")
    );
    let released = stage.memory.queue.receive(100);
    assert_eq!(released.len(), 10);
    assert!(released.iter().all(|task| leads.contains(task.lead())));
    assert_eq!(stage.due_lanes().await.len(), 1);
}

#[tokio::test]
async fn invalid_choice_of_lists_or_terms_is_refused_with_links_to_the_fields() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let unknown = "list=5e7b1a1c-0000-11ee-8c99-0242ac120002&terms=yes";
    let long = format!("new_list={}&terms=yes", "x".repeat(256));
    for (body, links) in [
        ("", vec!["#lists", "#terms"]),
        ("list=../../x&terms=yes", vec!["#lists"]),
        (unknown, vec!["#lists"]),
        (&long, vec!["#new_list"]),
        ("new_list=News&terms=no", vec!["#terms"]),
    ] {
        let answer = browser.post(&stage, "/connect/lists", body).await;
        assert_eq!(answer.status, 422, "{body}");
        for link in links {
            assert!(answer.body.contains(link), "{body}");
        }
    }
    let huge = format!("new_list={}", "x".repeat(300_000));
    assert_eq!(
        browser.post(&stage, "/connect/lists", &huge).await.status,
        413
    );
    assert_eq!(stage.memory.crm.count(Call::CreateList), 0);
    assert!(stage.connection().await.unwrap().terms.is_none());
}

#[tokio::test]
async fn more_lists_than_a_contact_can_join_are_refused() {
    let stage = Stage::new().await;
    let lists: Vec<_> = (1..=50)
        .map(|number| stage.memory.crm.add_list(ENGINES, &number.to_string()))
        .map(|list| format!("list={list}&"))
        .collect();
    let (mut browser, _) = stage.connected(ENGINES).await;
    let one_more = format!("{}new_list=News&terms=yes", lists.concat());
    let all = format!("{}terms=yes", lists.concat());

    let refused = browser.post(&stage, "/connect/lists", &one_more).await;
    let accepted = browser.post(&stage, "/connect/lists", &all).await;

    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("at most 50"), "{}", refused.body);
    assert_eq!(accepted.location(), "/connect/done");
    assert_eq!(stage.connection().await.unwrap().lists.len(), 50);
}

#[tokio::test]
async fn new_list_is_created_once_even_if_submitted_repeatedly() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    stage.memory.crm.fail_next(CrmError::AnswerLost);
    let body = "new_list=From+the+web&terms=yes";

    for _ in 0..3 {
        let answer = browser.post(&stage, "/connect/lists", body).await;
        assert_eq!(answer.location(), "/connect/done");
    }

    assert_eq!(stage.memory.crm.count(Call::CreateList), 1);
    let row = stage.connection().await.unwrap();
    assert_eq!((row.lists.len(), row.catalog.lists.len()), (1, 2));
}

#[tokio::test]
async fn refused_new_list_is_shown_at_its_field_and_nothing_is_saved() {
    let refusal = Refusal::of("lists.limit", "SENTINEL");
    for refused in [CrmError::Invalid(refusal), CrmError::Forbidden] {
        let stage = Stage::new().await;
        let (mut browser, _) = stage.connected(ENGINES).await;
        stage.memory.crm.fail_next(refused);
        let named = "new_list=From+the+web&terms=yes";

        let page = browser.post(&stage, "/connect/lists", named).await;

        assert_eq!(page.status, 422);
        assert!(page.body.contains("did not create the new list"));
        assert!(page.body.contains("Choose one that is there"));
        assert!(page.body.contains("value=\"From the web\" aria-invalid"));
        assert!(!page.body.contains("SENTINEL"));
        let row = stage.connection().await.unwrap();
        assert_eq!((row.lists, row.terms), (vec![], None));
        let list = &row.catalog.lists[0].id;
        let chosen = format!("list={list}&terms=yes");
        let saved = browser
            .submit_form(&stage, &page, "/connect/lists", &chosen)
            .await;
        assert_eq!(saved.location(), "/connect/done");
    }
}

#[tokio::test]
async fn showing_pages_makes_no_api_call() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let before = stage.memory.crm.calls().len();

    for path in [
        "/connect/lists",
        "/connect/done",
        "/connect/account",
        "/connect/declined",
    ] {
        browser.get(&stage, path).await;
    }

    assert_eq!(stage.memory.crm.calls().len(), before);
}

#[tokio::test]
async fn steps_are_refused_to_a_browser_that_has_not_connected() {
    let stage = Stage::new().await;
    stage.connected_with_list(ENGINES).await;
    let mut opened = Browser::default();
    opened.get(&stage, &stage.link().await).await;
    stage
        .memory
        .clock
        .advance(jiff::SignedDuration::from_mins(1));
    let (mut started, _) = stage.started().await;

    for path in ["/connect/lists", "/connect/account", "/connect/done"] {
        for (browser, status) in [
            (&mut Browser::default(), 403),
            (&mut opened, 403),
            (&mut started, 409),
        ] {
            let answer = browser.get(&stage, path).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(!answer.body.contains("Analytical"));
        }
    }
    for path in [
        "/connect/lists",
        "/connect/account",
        "/connect/disconnect",
        "/connect/again",
    ] {
        assert_eq!(opened.post(&stage, path, "").await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn reconnecting_the_same_account_keeps_lists_and_terms_and_releases_leads() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let before = stage.connection().await.unwrap();
    browser.post(&stage, "/connect/disconnect", "").await;
    stage.waiting_leads(1).await;

    let (_, answer) = stage.connected(ENGINES).await;

    assert_eq!(answer.location(), "/connect/lists");
    let row = stage.connection().await.unwrap();
    assert_eq!((&row.lists, &row.terms), (&before.lists, &before.terms));
    assert!(row.generation > before.generation);
    assert_eq!(stage.memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn attempt_by_a_user_without_privileges_keeps_lists_and_terms() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let before = stage.connection().await.unwrap();
    browser.post(&stage, "/connect/disconnect", "").await;
    let privileges = |names: &[&str]| stage.memory.crm.set_privileges(ENGINES, names);

    privileges(&["contacts:read"]);
    stage.connected(ENGINES).await;
    let reason = LimitedReason::MissingPrivilege;
    assert_eq!(stage.status().await, ConnectionStatus::Limited { reason });
    privileges(&["contacts:read", "contacts:write", "contacts:lists:read"]);
    stage.connected(ENGINES).await;

    let row = stage.connection().await.unwrap();
    assert_eq!(row.status, ConnectionStatus::Active);
    assert_eq!((&row.lists, &row.terms), (&before.lists, &before.terms));
}

#[tokio::test]
async fn changed_brand_needs_new_terms_while_deliveries_go_on() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let before = stage.connection().await.unwrap();
    let lists = browser.get(&stage, "/connect/lists").await;
    let since = "You confirmed this on 23 November 2026 (UTC).";
    assert!(lists.body.contains(since), "{}", lists.body);
    let mut customer = stage.customer_row().await;
    customer.brand = "Difference Engines".into();
    stage.put_customer(&customer).await;

    let page = browser.get(&stage, "/connect/lists").await;
    let list = &before.lists[0];
    let unconfirmed = format!("list={list}");
    let refused = browser.post(&stage, "/connect/lists", &unconfirmed).await;

    assert!(
        page.body
            .contains("marketing e-mail from Difference Engines")
    );
    assert!(page.body.contains("name=\"terms\""));
    assert!(!page.body.contains("You confirmed this on"));
    let done = browser.get(&stage, "/connect/done").await;
    assert_eq!(done.location(), "/connect/lists");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("#terms"));
    let row = stage.connection().await.unwrap();
    assert_eq!(row.terms, before.terms);
    assert!(row.lists_for(&[]).is_ok());

    let confirmed = format!("list={list}&terms=yes");
    let answer = browser
        .submit_form(&stage, &page, "/connect/lists", &confirmed)
        .await;
    assert_eq!(answer.location(), "/connect/done");
    let terms = stage.connection().await.unwrap().terms.unwrap();
    assert!(terms.text.contains("Difference Engines"));
}

#[tokio::test]
async fn ticked_terms_count_only_for_the_text_that_was_shown() {
    let stage = Stage::new().await;
    let (mut browser, _) = stage.connected(ENGINES).await;
    let path = "/connect/lists";
    let page = browser.get(&stage, path).await;
    let mut customer = stage.customer_row().await;
    customer.brand = "Difference Engines".into();
    stage.put_customer(&customer).await;

    let choice = "new_list=News&terms=yes";
    let asked = browser.submit_form(&stage, &page, path, choice).await;

    assert_eq!(asked.status, 422);
    assert!(asked.body.contains("e-mail from Difference Engines"));
    assert!(!asked.body.contains(" checked"));
    assert_eq!(stage.connection().await.unwrap().terms, None);
    let saved = browser.submit_form(&stage, &asked, path, choice).await;
    assert_eq!(saved.location(), "/connect/done");
    let terms = stage.connection().await.unwrap().terms.unwrap();
    assert!(terms.text.contains("Difference Engines"));
}

#[tokio::test]
async fn disconnecting_makes_no_api_call_and_deletes_the_tokens() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    let calls = stage.memory.crm.calls().len();

    let answer = browser.post(&stage, "/connect/disconnect", "").await;
    let page = browser.get(&stage, answer.location()).await;

    assert_eq!(page.status, 200);
    assert_eq!(stage.memory.crm.calls().len(), calls);
    assert_eq!(stage.status().await, ConnectionStatus::Disconnected);
    assert!(!stage.has_tokens().await);
    let statuses: Vec<_> = stage
        .memory
        .events
        .published()
        .into_iter()
        .filter_map(status)
        .collect();
    let (active, gone) = (ConnectionStatus::Active, ConnectionStatus::Disconnected);
    assert_eq!(statuses, [active.clone(), active, gone]);
}

#[tokio::test]
async fn disconnecting_takes_effect_even_if_deleting_the_tokens_fails() {
    let stage = Stage::new().await;
    let mut browser = stage.connected_with_list(ENGINES).await;
    // The session, the customer and, twice, the connection are read before the tokens are deleted.
    stage
        .memory
        .faults
        .at(stage.memory.faults.steps() + 5, Fault::FailBefore);

    let answer = browser.post(&stage, "/connect/disconnect", "").await;

    assert_eq!(answer.status, 503);
    assert_eq!(stage.status().await, ConnectionStatus::Disconnected);
    let again = browser.post(&stage, "/connect/disconnect", "").await;
    assert_eq!(again.location(), "/connect/disconnected");
    assert!(!stage.has_tokens().await);
}

#[tokio::test]
async fn answers_forbid_caching_referrers_framing_and_foreign_resources() {
    let stage = Stage::new().await;
    let (mut browser, state) = stage.started().await;
    let done = browser
        .get(&stage, &stage.callback_url(ENGINES, &state))
        .await;
    let lists = browser.get(&stage, "/connect/lists").await;
    let refused = browser
        .follow_callback(&stage, "/oauth/callback?code=SENTINEL")
        .await;

    assert!(!done.location().contains('?'));
    for answer in [&done, &lists, &refused] {
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(
            answer.headers["strict-transport-security"],
            "max-age=31536000"
        );
        let policy = &answer.headers["content-security-policy"];
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!answer.body.contains("SENTINEL"));
        for foreign in ["http://", "https://", "<script", "<link rel=\"stylesheet\""] {
            assert!(
                !answer
                    .body
                    .replace("http://www.w3.org", "")
                    .contains(foreign),
                "{foreign}"
            );
        }
    }
}

fn status(event: Event) -> Option<ConnectionStatus> {
    match event {
        Event::Connection { status, .. } => Some(status),
        Event::ListGone { .. } | Event::Lead { .. } | Event::Import { .. } => None,
    }
}
