//! Pages that visitors see bear the brand of the form's statement, never the product's name.

use lambda_http::http::header::{ACCEPT, CONTENT_SECURITY_POLICY};
use lambda_http::{Body, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::fakes::{Fault, Memory};
use leadfeed_shared::ports::Forms as _;

use crate::stage::{FORM, request, text, world};

async fn browse(memory: &Memory, method: &str, path: &str, body: &str) -> Response<Body> {
    let kind = "application/x-www-form-urlencoded";
    let mut request = request(method, path, kind, body);
    let accept = "text/html".parse().unwrap();
    request.headers_mut().insert(ACCEPT, accept);
    handle(&memory.intake(), request).await
}

fn title(page: &str) -> &str {
    let (_, rest) = page.split_once("<title>").unwrap();
    rest.split_once("</title>").unwrap().0
}

#[tokio::test]
async fn visitor_pages_show_the_brand_but_not_the_product_or_the_form_name() {
    let (memory, form) = world().await;
    let closed = Form {
        id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAA".parse().unwrap(),
        open: false,
        ..form.clone()
    };
    memory.directory.put_form(&closed).await.unwrap();
    let (open, closed) = (format!("/f/{FORM}"), format!("/f/{}", closed.id));
    let web_to_lead = "/servlet/servlet.WebToLead";
    let rehearsal = format!("oid={FORM}&debug=1&email=ada%40example.com&consent=on");
    let to_closed = format!("oid={}&email=ada%40example.com", form_id_of(&closed));

    for (method, path, body, status, shown) in [
        ("GET", open.as_str(), "", 200, "Sign up"),
        ("GET", &format!("{open}/thanks"), "", 200, "Thank you"),
        ("GET", &format!("{closed}/thanks"), "", 200, "Thank you"),
        ("POST", &open, "email=ada", 422, "Sign up"),
        ("POST", &open, "", 400, "That cannot be done"),
        ("GET", &closed, "", 410, "That cannot be done"),
        ("POST", &closed, "email=ada", 410, "That cannot be done"),
        (
            "GET",
            &format!("{closed}/time"),
            "",
            410,
            "That cannot be done",
        ),
        ("POST", web_to_lead, &rehearsal, 200, "Nothing was kept"),
        ("POST", web_to_lead, &to_closed, 410, "That cannot be done"),
    ] {
        let answer = browse(&memory, method, path, body).await;

        let page = text(&answer);
        assert_eq!(answer.status(), status, "{method} {path}");
        assert_eq!(title(&page), format!("{shown} · Analytical Engines"));
        assert!(page.contains("<span>Analytical Engines</span>"), "{page}");
        assert!(page.contains(&format!("<h1>{shown}</h1>")), "{page}");
        assert!(!page.contains("Leadfeed") && !page.contains("class=\"mark\""));
        assert!(!page.contains(&form.name), "{page}");
    }
}

fn form_id_of(path: &str) -> &str {
    path.trim_start_matches("/f/")
}

#[tokio::test]
async fn page_without_a_known_brand_shows_no_name() {
    let (memory, mut form) = world().await;
    let unknown_form = "/f/frm_01ARZ3NDEKTSV4RRFFQ69G5FAB";
    let without_brand = format!("/f/{FORM}");
    for statement in &mut form.statements {
        statement.brand = None;
    }
    memory.directory.put_form(&form).await.unwrap();

    for (path, status, shown) in [
        (unknown_form, 404, "There is nothing here"),
        (&format!("{unknown_form}/thanks"), 200, "Thank you"),
        ("/f/%3Cscript%3E/thanks", 200, "Thank you"),
        (&without_brand, 200, "Sign up"),
    ] {
        let answer = browse(&memory, "GET", path, "").await;

        let page = text(&answer);
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(title(&page), shown);
        assert!(!page.contains("<header") && !page.contains("Leadfeed"));
    }
}

/// Website editors may put a form into a frame, where its answers are then shown.
#[tokio::test]
async fn every_answer_of_a_form_may_be_framed() {
    let (memory, mut form) = world().await;
    form.screening.rates.per_minute = 2;
    memory.directory.put_form(&form).await.unwrap();
    let path = format!("/f/{FORM}");
    let (ada, eve) = (
        "email=ada%40example.com&consent=yes",
        "email=eve%40example.com&consent=yes",
    );
    let fail_next_read = || {
        let read = memory.faults.steps() + 1;
        memory.faults.at(read, Fault::FailBefore);
    };

    for (method, path, body, status, is_down) in [
        ("GET", path.as_str(), "", 200, false),
        ("GET", &format!("{path}/thanks"), "", 200, false),
        ("POST", &path, "email=ada", 422, false),
        ("POST", &path, ada, 303, false),
        ("POST", &path, eve, 429, false),
        ("POST", &path, eve, 503, true),
        ("POST", &path, "", 400, false),
        ("PUT", &path, "", 405, false),
        ("GET", "/f/nobodys", "", 404, false),
    ] {
        if is_down {
            fail_next_read();
        }
        let answer = browse(&memory, method, path, body).await;

        let policy = &answer.headers()[CONTENT_SECURITY_POLICY];
        let policy = policy.to_str().unwrap();
        assert_eq!(answer.status(), status, "{method} {path} {body}");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("frame-ancestors"), "{policy}");
    }
}

#[tokio::test]
async fn thank_you_page_is_shown_while_the_table_is_down() {
    let (memory, _) = world().await;
    let read = memory.faults.steps() + 1;
    memory.faults.at(read, Fault::FailBefore);

    let answer = browse(&memory, "GET", &format!("/f/{FORM}/thanks"), "").await;

    assert_eq!(answer.status(), 200);
    assert_eq!(title(&text(&answer)), "Thank you");
}

#[tokio::test]
async fn privacy_policy_is_linked_only_if_the_form_has_one() {
    let (memory, mut form) = world().await;
    let without = browse(&memory, "GET", &format!("/f/{FORM}"), "").await;
    form.privacy_url = Some("https://engines.example/privacy?a=1&b=2".into());
    memory.directory.put_form(&form).await.unwrap();

    let with = browse(&memory, "GET", &format!("/f/{FORM}"), "").await;

    assert!(!text(&without).contains("Privacy policy"));
    let link = r#"<a href="https://engines.example/privacy?a=1&#38;b=2" target="_blank" rel="noopener">Privacy policy</a>"#;
    assert!(text(&with).contains(link), "{}", text(&with));
}
