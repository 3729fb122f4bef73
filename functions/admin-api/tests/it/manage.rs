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
use leadfeed_shared::domain::tally::{Label, TallyChanges};
use leadfeed_shared::ports::{Clock as _, Connections as _, Tallies as _};

use crate::connections::connect;
use crate::stage::Stage;

#[tokio::test]
async fn page_shows_waiting_leads_and_reasons_but_no_full_address() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let path = stage.manage_path().await;

    let (status, headers, html) = stage.page("GET", &path, "").await;

    assert_eq!(status, 200);
    for text in [
        "Not connected yet.",
        "No Constant Contact account is connected",
        "a•••@e•••.com",
        "0 delivered, 1 waiting, 0 not delivered",
        &format!("https://leads.example/f/{form}"),
        "&lt;form", // Askama writes &#60;
    ] {
        let text = text.replace("&lt;", "&#60;");
        assert!(html.contains(&text), "{text}: {html}");
    }
    assert!(!html.contains("ada@example.com") && !html.contains("<script"));
    assert!(
        !html.contains("style=\""),
        "the policy allows no inline styles"
    );
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
}

#[tokio::test]
async fn addresses_quoted_by_constant_contact_are_masked_on_the_page() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let template = stage.lead(&stage.sign_up(&form, "ada@example.com").await);
    let refused = LeadState::Refused {
        why: RefusalReason::CcRefused,
        detail: Some("'ADA@example.com' is not accepted".into()),
    };
    stage.settle_copies(&template, 1..2, &refused).await;
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
async fn page_counts_delivered_leads_awaiting_confirmation_and_imported_ones() {
    let stage = Stage::with_customers().await;
    let customer = "engines".parse().unwrap();
    let path = stage.manage_path().await;
    let page = async |permissions: &[Permission]| {
        let (now, mut changes) = (stage.memory.clock.now(), TallyChanges::default());
        for permission in permissions {
            let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            changes.count(day, None, Label::of(&delivered(*permission)));
        }
        let directory = &stage.memory.directory;
        directory.tally(&customer, &changes, now).await.unwrap();
        stage.page("GET", &path, "").await.2
    };
    let (confirmation_text, import_text) = ("asked by Constant Contact", "by bulk import");

    let plain = page(&[Permission::Explicit]).await;
    let pending = page(&[Permission::PendingConfirmation; 2]).await;
    let all = page(&[Permission::Implicit; 3]).await;

    assert!(plain.contains("<dt>Delivered</dt><dd>1</dd>"), "{plain}");
    assert!(!plain.contains(confirmation_text) && !plain.contains(import_text));
    assert!(
        pending.contains("<strong>2</strong> sign-ups: Delivered, and asked by Constant Contact")
    );
    assert!(all.contains("<dt>Delivered</dt><dd>6</dd>"), "{all}");
    assert!(all.contains("<strong>3</strong> sign-ups: Delivered by bulk import"));
    assert!(all.contains("6 delivered, 0 waiting, 0 not delivered"));
    assert!(!all.contains("Erased</dt>") && !all.contains("retry?label=delivered"));
}

#[tokio::test]
async fn lead_details_show_permission_and_omitted_fields_but_no_address() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    let fields = [("email", "ada@example.com"), ("fax", "1")];
    crate::csv::sign_up_with(&stage, &form, &fields).await;
    let path = stage.manage_path().await;
    let waiting = stage.page("GET", &path, "").await.2;
    stage.memory.ledger.tamper(|record| {
        record.state = delivered(Permission::PendingConfirmation);
    });

    let html = stage.page("GET", &path, "").await.2;

    for text in [
        "Permission at Constant Contact: Pending when delivered: Constant Contact asked them",
        "Not kept, as your form has no such field: fax.",
        "Left out, as Constant Contact would not accept it: Engine of a•••@e•••.com.",
    ] {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(!waiting.contains("Permission at") && waiting.contains("no such field: fax."));
    assert!(!html.contains("ada@example.com"));
}

#[tokio::test]
async fn page_takes_six_reads_regardless_of_the_number_of_leads() {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    for i in 0..60 {
        stage.sign_up(&form, &format!("p{i}@example.com")).await;
        stage.memory.clock.advance(SignedDuration::from_hours(11));
    }
    let path = stage.manage_path().await;
    let before = stage.memory.faults.steps();

    stage.page("GET", &path, "").await;

    assert_eq!(stage.memory.faults.steps() - before, 6);
}

#[tokio::test]
async fn page_opens_only_with_a_valid_unexpired_manage_link() {
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
async fn manage_link_of_a_deleted_customer_opens_no_page_and_no_file() {
    let stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    stage.delete("/v1/customers/engines").await;

    assert_eq!(stage.page("GET", &path, "").await.0, 403);
    let file = stage.page("POST", &format!("{path}/leads.csv"), "").await;
    assert_eq!(file.0, 403);
}

#[tokio::test]
async fn connect_button_redirects_to_a_connect_link_valid_for_ten_minutes() {
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
        "short, as it is followed at once"
    );
}

#[tokio::test]
async fn page_shows_only_the_notice_for_the_connections_status() {
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
    for (number, (status, expected)) in cases.iter().enumerate() {
        connect(&stage, status.clone()).await;
        if number == cases.len() - 1 {
            let customer = "engines".parse().unwrap();
            let row = stage.memory.directory.peek(&customer).unwrap();
            let gone = stage
                .memory
                .directory
                .mark_list_gone(&customer, &row.lists[0]);
            assert!(gone.await.unwrap());
        }

        let (_, _, html) = stage.page("GET", &path, "").await;

        for (_, notice) in &cases {
            let is_shown = html.contains(&format!("<strong>{notice}</strong>"));
            assert_eq!(is_shown, notice == expected, "{notice}, {status:?}");
        }
    }
}

#[tokio::test]
async fn post_from_another_site_is_rejected_before_anything_is_read() {
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
    assert_eq!(stage.memory.faults.steps(), before, "nothing was read");
}

#[tokio::test]
async fn page_shows_the_configured_service_name() {
    let mut stage = Stage::with_customers().await;
    let path = stage.manage_path().await;
    let (_, _, default) = stage.page("GET", &path, "").await;
    stage.api.service = "LeadsRUs".to_owned();

    let file = format!("{path}/file");
    for path in [path.as_str(), &file, "/manage/x", &format!("{path}/x")] {
        let (_, _, html) = stage.page("GET", path, "").await;

        assert!(html.contains(" · LeadsRUs</title>"), "{html}");
        assert!(html.contains("<span>LeadsRUs</span>") && !html.contains("Leadfeed"));
    }
    assert!(default.contains("<span>Leadfeed</span>") && default.contains("class=\"mark\""));
}
