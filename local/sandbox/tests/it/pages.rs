//! Tests of the pages for people.

use futures::StreamExt;

use crate::lab::{LISTS, Lab};

#[tokio::test]
async fn pages_show_accounts_and_contacts_escaped_and_with_a_csp() {
    let lab = Lab::start().await;
    lab.sign_up("a<b>@c.example").await.unwrap();
    lab.sign_up("ada@c.example").await.unwrap();
    let account = lab.account().await;
    let contact = lab.contacts("ada@c.example").await[0]["contact_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let pages = [
        ("/".to_owned(), "Harbor Bakery"),
        (format!("/accounts/{account}"), "ada@c.example"),
        (
            format!("/accounts/{account}/contacts/{contact}"),
            "signed up by form",
        ),
    ];
    for (path, text) in pages {
        let page = lab.get(&path).await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let html = page.text().await.unwrap();
        assert!(html.contains(text), "{path} lacks {text}");
        assert!(
            !html.contains("<b>@"),
            "{path} does not escape what was sent"
        );
    }
    assert_eq!(lab.status("/accounts/none").await, 404);
    for asset in ["/assets/style.css", "/assets/watch.js"] {
        assert_eq!(lab.status(asset).await, 200);
    }
}

#[tokio::test]
async fn live_journal_sends_each_call_when_it_ends() {
    let lab = Lab::start().await;
    let mut live = lab.get("/journal/live").await.unwrap().bytes_stream();
    lab.get(LISTS).await.unwrap();
    let event = live.next().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&event);
    assert!(text.starts_with("data: ") && text.contains(LISTS), "{text}");
}
