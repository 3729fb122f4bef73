//! Where the links and buttons of the customer's page lead, each taken from the page itself.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use lambda_http::http::header::LOCATION;
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use leadfeed_shared::domain::tally::TallyChanges;
use leadfeed_shared::ports::{Clock as _, Tallies as _};

use crate::connections::connect;
use crate::csv::CSV;
use crate::stage::{Stage, now};

/// The addresses in an attribute of a page, each with its label: the text in the same tag, or in the next such `tag`.
fn addresses(page: &str, attribute: &str, tag: &str) -> Vec<(String, String)> {
    let tags = page.split(attribute).skip(1);
    let pairs = tags.map(|rest| {
        let (address, rest) = rest.split_once('"').unwrap();
        let (_, rest) = rest.split_once(tag).unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        let (label, _) = rest.split_once('<').unwrap();
        (label.to_owned(), address.replace("&amp;", "&"))
    });
    pairs.collect()
}

fn buttons(page: &str) -> Vec<(String, String)> {
    addresses(page, "<form method=\"post\" action=\"", "<button")
}

/// The page of `engines`, which has a lead that waits for a connection.
async fn with_waiting_lead() -> (Stage, String) {
    let stage = Stage::with_customers().await;
    let form = stage.form().await;
    stage.sign_up(&form, "ada@example.com").await;
    stage.memory.drain_all().await;
    let path = stage.manage_path().await;
    (stage, path)
}

#[tokio::test]
async fn every_button_does_what_it_says_for_each_connection_status() {
    let (reason, since) = (ReconnectReason::InvalidGrant, now());
    let dead = ConnectionStatus::NeedsReconnect { reason, since };
    let reason = LimitedReason::AccountChanged;
    for (status, connect_label, can_disconnect) in [
        (None, "Connect", false),
        (
            Some(ConnectionStatus::Active),
            "Connect again or change lists",
            true,
        ),
        (
            Some(ConnectionStatus::Limited { reason }),
            "Connect again",
            true,
        ),
        (Some(dead), "Connect again", true),
        (Some(ConnectionStatus::Disconnected), "Connect again", false),
    ] {
        let (stage, path) = with_waiting_lead().await;
        if let Some(status) = status {
            connect(&stage, status).await;
        }
        let mut expected = vec![
            (connect_label, "https://leads.example/connect/"),
            ("Connect", "https://leads.example/connect/"), // beside the reason to wait
            ("Erase this person…", "Erase for good</button>"),
            ("Never add this person again…", "Never add again</button>"),
        ];
        if can_disconnect {
            expected.push(("Disconnect", "?done=disconnected"));
        }

        let (_, _, page) = stage.page("GET", &path, "").await;

        let buttons = buttons(&page);
        assert_eq!(buttons.len(), expected.len(), "{buttons:?}");
        for ((label, action), (expected_label, expected_target)) in buttons.iter().zip(expected) {
            let pressed = stage.page("POST", action, "email=ada%40example.com").await;
            let (_, headers, html) = pressed;
            let to = headers.get(LOCATION).map(|to| to.to_str().unwrap());
            assert_eq!(label, expected_label);
            assert!(
                to.unwrap_or(&html).contains(expected_target),
                "{label}: {to:?}"
            );
        }
    }
}

#[tokio::test]
async fn disconnecting_shows_a_notice_and_removes_the_disconnect_button() {
    let (stage, path) = with_waiting_lead().await;
    connect(&stage, ConnectionStatus::Active).await;

    let (status, headers, _) = stage.page("POST", &format!("{path}/disconnect"), "").await;
    let to = headers[LOCATION].to_str().unwrap();
    let (_, _, page) = stage.page("GET", to, "").await;

    assert_eq!(status, 303);
    assert!(
        page.contains("Disconnected. New sign-ups are kept"),
        "{page}"
    );
    assert!(!page.contains("/disconnect\""), "{page}");
    let connection = stage.get("/v1/customers/engines/connection").await;
    assert_eq!(connection.text("status"), "disconnected");
}

#[tokio::test]
async fn every_link_leads_to_what_it_says() {
    let (stage, path) = with_waiting_lead().await;
    stage.get(CSV).await; // so that one lead was exported before
    stage.memory.clock.advance(SignedDuration::from_mins(1));
    let form = stage.form().await;
    stage.sign_up(&form, "bob@example.com").await;
    let (now, mut changes) = (stage.memory.clock.now(), TallyChanges::default());
    let today = now.to_zoned(TimeZone::UTC).date();
    changes.count(today, None, Some("waiting.quota".into()));
    let customer = "engines".parse().unwrap();
    let tallied = stage.memory.directory.tally(&customer, &changes, now);
    tallied.await.unwrap();
    let file = |status: &str, dialect: &str| {
        let dialect = format!(r#"<input type="hidden" name="dialect" value="{dialect}">"#);
        format!(r#"name="status" value="{status}">{dialect}"#)
    };

    let (_, _, page) = stage.page("GET", &path, "").await;

    let links = addresses(&page, &format!("href=\"{path}"), "");
    for (label, expected) in [
        ("Try again…", "<h1>Try again</h1>".to_owned()),
        (
            "Waiting sign-ups, for Constant Contact’s upload",
            file("undelivered", "upload"),
        ),
        (
            "Sign-ups exported before, once more",
            file("exported", "upload"),
        ),
        (
            "All sign-ups, for a spreadsheet",
            file("all", "spreadsheet"),
        ),
    ] {
        let link = links.iter().find(|(text, _)| text == label);
        let (_, address) = link.unwrap_or_else(|| panic!("{label}: {links:?}"));
        let (_, _, html) = stage.page("GET", &format!("{path}{address}"), "").await;
        assert!(html.contains(&expected), "{label}: {html}");
    }
    for (label, address) in &links {
        for method in ["GET", "HEAD"] {
            let (status, ..) = stage.page(method, &format!("{path}{address}"), "").await;
            assert_eq!(status, 200, "{method} {label}");
        }
    }
}

/// A browser may prefetch a link before anybody follows it.
#[tokio::test]
async fn file_preview_never_marks_a_lead_as_exported() {
    let (stage, path) = with_waiting_lead().await;

    for query in ["", "?look=false"] {
        let (status, ..) = stage.page("GET", &format!("{path}/file{query}"), "").await;

        assert_eq!(status, 200, "{query}");
        assert_eq!(stage.memory.ledger.all()[0].exported_at, None, "{query}");
    }
}

#[tokio::test]
async fn form_body_over_4096_bytes_gets_413() {
    let (stage, path) = with_waiting_lead().await;
    for button in ["retry", "erase", "suppress", "leads.csv"] {
        for (length, refused) in [(4_096, false), (4_097, true)] {
            let body = format!("email={}", "a".repeat(length - "email=".len()));

            let (status, ..) = stage.page("POST", &format!("{path}/{button}"), &body).await;

            assert_eq!(status == 413, refused, "{button}: {status}");
        }
    }
}

#[tokio::test]
async fn page_accepts_head_and_answers_other_methods_with_405_and_allow() {
    let (stage, path) = with_waiting_lead().await;

    let (head, ..) = stage.page("HEAD", &path, "").await;
    let (delete, headers, _) = stage.page("DELETE", &path, "").await;

    assert_eq!((head, delete), (200, 405));
    assert_eq!(headers["allow"], "GET, HEAD, POST");
}
