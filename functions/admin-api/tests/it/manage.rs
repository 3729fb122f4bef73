//! The customer's page.

use jiff::SignedDuration;
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, REFERRER_POLICY,
};
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use leadfeed_shared::domain::contact::{Note, NoteKind};
use leadfeed_shared::domain::lead::{
    DeliveryAction, LeadState, OptOutCheck, Permission, RefusalReason,
};
use leadfeed_shared::domain::link::{Link, LinkKind};
use leadfeed_shared::domain::tally::{TallyChanges, label};
use leadfeed_shared::ports::{Clock as _, Connections as _, Tallies as _};

use crate::connections::connect;
use crate::stage::Stage;

#[tokio::test]
async fn the_page_tells_what_waits_and_why_and_shows_nobodys_address() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let path = stage.manage_path().await;

    let (status, headers, html) = stage.page("GET", &path, "").await;

    assert_eq!(status, 200);
    for said in [
        "Not connected yet.",
        "No Constant Contact account is connected",
        "a•••@e•••.com",
        "0 delivered, 1 waiting, 0 not delivered",
        &format!("https://leads.example/f/{form}"),
        "&lt;form", // Askama writes &#60;
    ] {
        let said = said.replace("&lt;", "&#60;");
        assert!(html.contains(&said), "{said}: {html}");
    }
    assert!(!html.contains("ada@example.com") && !html.contains("<script"));
    assert!(!html.contains("style=\""), "the policy allows none");
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn words_of_constant_contact_that_quote_the_address_show_no_more_of_it() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let like = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    let refused = LeadState::Refused {
        why: RefusalReason::CcRefused,
        detail: Some("'ADA@example.com' is not accepted".into()),
    };
    stage.end_like(&like, 1..2, &refused).await;
    let path = stage.manage_path().await;

    let (_, _, html) = stage.page("GET", &path, "").await;

    assert!(
        html.contains("a•••@e•••.com&#39; is not accepted"),
        "{html}"
    );
    assert!(!html.to_lowercase().contains("ada@example.com"), "{html}");
}

fn delivered(permission: Permission) -> LeadState {
    let engine = Note {
        field: "Engine of ada@example.com".into(),
        what: NoteKind::Omitted,
    };
    LeadState::Delivered {
        contact: None,
        action: DeliveryAction::Created,
        permission,
        opt_out_check: OptOutCheck::NotNeeded,
        notes: vec![engine],
    }
}

#[tokio::test]
async fn the_page_tells_who_of_the_delivered_was_asked_to_confirm_and_who_came_by_import() {
    let stage = Stage::with_customers().await;
    let customer = "engines".parse().unwrap();
    let path = stage.manage_path().await;
    let page = async |permissions: &[Permission]| {
        let (now, mut changes) = (stage.memory.clock.now(), TallyChanges::default());
        for permission in permissions {
            let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            changes.count(day, None, label(&delivered(*permission)));
        }
        let directory = &stage.memory.directory;
        directory.tally(&customer, &changes, now).await.unwrap();
        stage.page("GET", &path, "").await.2
    };
    let (asked, imported) = ("asked by Constant Contact", "by bulk import");

    let plain = page(&[Permission::Explicit]).await;
    let asks = page(&[Permission::PendingConfirmation; 2]).await;
    let all = page(&[Permission::Implicit; 3]).await;

    assert!(plain.contains("<dt>Delivered</dt><dd>1</dd>"), "{plain}");
    assert!(!plain.contains(asked) && !plain.contains(imported));
    assert!(asks.contains("<strong>2</strong> sign-ups: Delivered, and asked by Constant Contact"));
    assert!(all.contains("<dt>Delivered</dt><dd>6</dd>"), "{all}");
    assert!(all.contains("<strong>3</strong> sign-ups: Delivered by bulk import"));
    assert!(all.contains("6 delivered, 0 waiting, 0 not delivered"));
    assert!(!all.contains("Erased</dt>") && !all.contains("retry?label=delivered"));
}

#[tokio::test]
async fn a_leads_details_say_its_permission_and_what_was_left_out_and_show_no_address() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let odd = [("email", "ada@example.com"), ("fax", "1")];
    crate::csv::sign_up_with(&stage, &form, &odd).await;
    let path = stage.manage_path().await;
    let waits = stage.page("GET", &path, "").await.2;
    stage.memory.ledger.tamper(|record| {
        record.state = delivered(Permission::PendingConfirmation);
    });

    let html = stage.page("GET", &path, "").await.2;

    for said in [
        "Permission at Constant Contact: Pending when delivered: Constant Contact asked them",
        "Not kept, as your form has no such field: fax.",
        "Left out, as Constant Contact would not accept it: Engine of a•••@e•••.com.",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    assert!(!waits.contains("Permission at") && waits.contains("no such field: fax."));
    assert!(!html.contains("ada@example.com"));
}

#[tokio::test]
async fn a_page_costs_five_reads_however_many_leads_there_are() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for i in 0..60 {
        stage.sign_up(&form, &format!("p{i}@example.com")).await;
        stage.memory.clock.advance(SignedDuration::from_hours(11));
    }
    let path = stage.manage_path().await;
    let before = stage.memory.faults.steps();

    stage.page("GET", &path, "").await;

    assert_eq!(stage.memory.faults.steps() - before, 5);
}

#[tokio::test]
async fn only_a_live_manage_link_opens_the_page() {
    let stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    let connect = stage
        .post("/v1/customers/engines/connect-links", serde_json::json!({}))
        .await
        .text("url");
    let other_kind = connect.replace("https://leads.example/connect/", "/manage/");
    let (token, forged) = (&path["/manage/".len()..], format!("{}A", &path));

    for (path, expected) in [
        (other_kind.as_str(), 403),
        (forged.as_str(), 403),
        ("/manage/", 403),
        ("/manage/x.y", 403),
        (&format!("/manage/{}", &token[1..]), 403),
    ] {
        let (status, _, html) = stage.page("GET", path, "").await;
        assert_eq!(status, expected, "{path}");
        assert!(!html.contains("Analytical"), "{path}");
    }
    let (status, ..) = stage.page("GET", &format!("{path}/elsewhere"), "").await;
    assert_eq!(status, 404);

    stage.memory.clock.advance(SignedDuration::from_hours(24));
    let (status, _, html) = stage.page("GET", &path, "").await;
    assert_eq!(status, 410);
    assert!(html.contains("has expired"), "{html}");
}

#[tokio::test]
async fn the_page_of_a_deleted_customer_says_no_more_than_a_forged_link() {
    let stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    stage.delete("/v1/customers/engines").await;
    let other = serde_json::json!({"name": "Others", "brand": "Others"});
    stage.put("/v1/customers/engines", other).await;

    assert_eq!(stage.page("GET", &path, "").await.0, 403);
    let file = stage.page("POST", &format!("{path}/leads.csv"), "").await;
    assert_eq!(file.0, 404);
}

#[tokio::test]
async fn connecting_leads_on_to_a_link_that_works_once() {
    let stage = Stage::with_customers().await;
    let path = stage.manage_path().await;

    let (status, headers, _) = stage.page("POST", &format!("{path}/connect"), "").await;

    assert_eq!(status, 303);
    let location = headers[LOCATION].to_str().unwrap();
    let token = location
        .strip_prefix("https://leads.example/connect/")
        .unwrap();
    let now = stage.memory.clock.now();
    let link = Link::verify(token, LinkKind::Connect, &stage.api.admin.keys, now).unwrap();
    assert_eq!(
        link.expires_at - now.as_second(),
        600,
        "it is followed at once"
    );
}

#[tokio::test]
async fn the_page_says_of_every_connection_what_is_in_its_way_and_nothing_else() {
    let stage = Stage::with_customers().await;
    let limited = |reason| ConnectionStatus::Limited { reason };
    let dead = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::InvalidGrant,
        since: stage.memory.clock.now(),
    };
    let powerless = limited(LimitedReason::MissingPrivilege);
    let not_allowed = "Constant Contact does not let this service add contacts.";
    let cases = [
        (ConnectionStatus::Active, "Connected."),
        (powerless, "This user cannot add contacts."),
        (
            limited(LimitedReason::AccountChanged),
            "A different account is connected.",
        ),
        (limited(LimitedReason::AppDeactivated), not_allowed),
        (limited(LimitedReason::MissingScope), not_allowed),
        (dead, "The connection has ended."),
        (ConnectionStatus::Disconnected, "Disconnected."),
        (ConnectionStatus::Active, "No list is chosen."),
    ];
    let path = stage.manage_path().await;
    for (number, (status, said)) in cases.iter().enumerate() {
        connect(&stage, status.clone()).await;
        if number == cases.len() - 1 {
            let customer = "engines".parse().unwrap();
            let row = stage.memory.directory.look(&customer).unwrap();
            let gone = stage.memory.directory.list_gone(&customer, &row.lists[0]);
            assert!(gone.await.unwrap());
        }

        let (_, _, html) = stage.page("GET", &path, "").await;

        for (_, words) in &cases {
            let stands = html.contains(&format!("<strong>{words}</strong>"));
            assert_eq!(stands, words == said, "{words}, {status:?}");
        }
    }
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    let before = stage.memory.faults.steps();
    for site in ["cross-site", "same-site"] {
        let mut event = crate::stage::event("POST", &format!("{path}/connect"), None);
        event["headers"]["sec-fetch-site"] = site.into();
        event["headers"]["accept"] = "text/html".into();

        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let response = admin_api::handle(&stage.api, request).await;

        assert_eq!(response.status(), 403, "{site}");
    }
    assert_eq!(stage.memory.faults.steps(), before, "nothing was even read");
}

#[tokio::test]
async fn the_page_goes_by_the_name_that_customers_know_the_service_by() {
    let mut stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    let (_, _, ours) = stage.page("GET", &path, "").await;
    stage.api.service = "LeadsRUs".to_owned();

    let file = format!("{path}/file");
    for path in [path.as_str(), &file, "/manage/x", &format!("{path}/x")] {
        let (_, _, html) = stage.page("GET", path, "").await;

        assert!(html.contains(" · LeadsRUs</title>"), "{html}");
        assert!(html.contains("<span>LeadsRUs</span>") && !html.contains("Leadfeed"));
    }
    assert!(ours.contains("<span>Leadfeed</span>") && ours.contains("class=\"mark\""));
}
