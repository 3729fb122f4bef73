//! The page that asks for a correction: what it keeps, and what it still refuses.

use lambda_http::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, REFERER};
use lambda_http::{Body, Response};
use lead_webhook::handle;
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::fakes::Memory;
use leadfeed_shared::ports::Forms as _;

use crate::stage::{FORM, from_browser, hidden_fields, request, text, world};

const FORM_TYPE: &str = "application/x-www-form-urlencoded";

async fn post(memory: &Memory, path: &str, body: &str) -> Response<Body> {
    let mut request = request("POST", path, FORM_TYPE, body);
    let headers = request.headers_mut();
    headers.insert(ACCEPT, "text/html".parse().unwrap());
    handle(&memory.intake(), request).await
}

/// Submits the page once more, with its hidden fields, these visible ones and the box ticked.
async fn resubmit(memory: &Memory, page: &str, typed: &str) -> Response<Body> {
    let body = format!("{}&{typed}&consent=yes", hidden_fields(page));
    post(memory, &format!("/f/{FORM}"), &body).await
}

#[tokio::test]
async fn unticked_consent_box_is_marked_invalid_with_its_error() {
    let (memory, _) = world().await;

    let page = text(&post(&memory, &format!("/f/{FORM}"), "email=ada%40example.com").await);

    let invalid_box = r#"name="consent" value="yes" required aria-invalid="true" aria-describedby="error-consent">"#;
    assert!(page.contains(invalid_box), "{page}");
    assert!(page.contains(r#"<label class="option top-aligned at-fault">"#));
    assert!(page.contains(r#"id="error-consent">please tick the box"#));
    assert_eq!(page.matches(" aria-invalid=").count(), 1);
    assert!(page.contains("marked below and tick the box"), "{page}");
}

#[tokio::test]
async fn refused_source_stays_refused_when_the_page_is_resubmitted() {
    for (source, mapped) in [
        ("consent_source=purchased", None),
        ("source=web&source=rented", None),
        ("lead_source=Purchased+List", None),
        ("lead_source=Purchased+List", Some("custom_fields[Source]")),
    ] {
        let (memory, mut form) = world().await;
        let mapped = mapped.map(|field| ("lead_source".to_owned(), field.to_owned()));
        form.mapped = mapped.into_iter().collect();
        memory.directory.put_form(&form).await.unwrap();
        let ada = "email=ada%40example.com";

        let unticked = post(&memory, &format!("/f/{FORM}"), &format!("{ada}&{source}")).await;
        let page = text(&unticked);
        let ticked = resubmit(&memory, &page, ada).await;
        let ticked_again = resubmit(&memory, &text(&ticked), ada).await;

        assert_eq!(unticked.status(), 422, "{source}");
        assert_eq!(
            (ticked.status(), ticked_again.status()),
            (422.try_into().unwrap(), 422.try_into().unwrap()),
            "{source}"
        );
        assert!(
            !page.contains("custom_fields[Source]"),
            "a source is not a visible field"
        );
        assert!(memory.ledger.all().is_empty());
    }
}

/// As a snippet sends it if nobody has filled in the page's address.
#[tokio::test]
async fn empty_page_url_is_replaced_by_the_referer_even_after_a_correction() {
    let (memory, _) = world().await;
    let body = "email=ada&consent=yes&consent_page_url=";
    let mut request = from_browser(request("POST", &format!("/f/{FORM}"), FORM_TYPE, body));
    let origin = "https://www.engines.example/";
    request
        .headers_mut()
        .insert(REFERER, origin.parse().unwrap());

    let page = text(&handle(&memory.intake(), request).await);
    let corrected = resubmit(&memory, &page, "email=ada%40example.com").await;

    assert_eq!(corrected.status(), 303);
    let consent = memory.ledger.all()[0].lead.consent.clone();
    assert_eq!(consent.page_url.as_deref(), Some(origin));
}

#[tokio::test]
async fn correction_page_keeps_line_breaks_and_multiple_choices() {
    let (memory, _) = world().await;
    let body = "email=ada&consent=yes&street=1+Main+St%0D%0AApt+4&custom_fields[Engine]=a&custom_fields[Engine]=b";

    let page = text(&post(&memory, &format!("/f/{FORM}"), body).await);

    assert!(page.contains("<textarea name=\"street\""), "{page}");
    assert!(page.contains("1 Main St\r\nApt 4</textarea>"), "{page}");
    assert!(
        page.contains(r#"name="custom_fields[Engine]" value="a; b""#),
        "{page}"
    );
}

#[tokio::test]
async fn required_field_is_asked_for_even_if_a_mapped_source_could_fill_it() {
    let (memory, mut form) = world().await;
    let field = "custom_fields[Lead source]";
    form.required = vec![field.to_owned()];
    form.mapped = [("lead_source".to_owned(), field.to_owned())].into();
    memory.directory.put_form(&form).await.unwrap();
    let (path, ada) = (format!("/f/{FORM}"), "email=ada%40example.com&consent=yes");

    let without = post(&memory, &path, &format!("{ada}&lead_source=")).await;
    let page = text(&without);
    let fields = "email=ada%40example.com&custom_fields[Lead source]=web";
    let with = resubmit(&memory, &page, fields).await;

    assert_eq!(without.status(), 422);
    assert!(page.contains(&format!("name=\"{field}\"")), "{page}");
    assert!(page.contains("marked below"), "{page}");
    assert_eq!(with.status(), 303, "{}", text(&with));
    let contact = &memory.ledger.all()[0].lead.contact;
    assert_eq!(contact.custom_fields["Lead source"], "web");
}

#[tokio::test]
async fn required_field_with_a_constant_value_is_not_asked_for() {
    let (memory, mut form) = world().await;
    form.required = vec!["city".to_owned()];
    form.constants = [("city".to_owned(), "London".to_owned())].into();
    memory.directory.put_form(&form).await.unwrap();

    let page = text(&post(&memory, &format!("/f/{FORM}"), "email=ada").await);

    assert!(!page.contains("name=\"city\""), "{page}");
}

#[tokio::test]
async fn error_in_a_field_not_on_the_page_is_shown_above_the_form() {
    let (memory, _) = world().await;
    let body = "email=ada%40example.com&consent=yes&consent_given_at=11%2F23%2F2026";

    let answer = post(&memory, &format!("/f/{FORM}"), body).await;

    let page = text(&answer);
    assert_eq!(answer.status(), 422);
    assert!(page.contains("We could not accept it:"), "{page}");
    assert!(page.contains("please tick the box and send"), "{page}");
    assert!(!page.contains("marked below"), "{page}");
}

#[tokio::test]
async fn web_to_lead_applies_the_forms_mapping_and_honeypot() {
    let (memory, mut form) = world().await;
    form.mapped = [("title".to_owned(), "custom_fields[Salutation]".to_owned())].into();
    form.screening.honeypot = Some("company".into());
    memory.directory.put_form(&form).await.unwrap();
    let body =
        |email: &str, more: &str| format!("oid={FORM}&email={email}&consent=yes&title=Dr{more}");
    let path = "/servlet/servlet.WebToLead";

    post(&memory, path, &body("ada%40example.com", "")).await;
    post(&memory, path, &body("robot%40example.com", "&company=x")).await;

    let leads = memory.ledger.all();
    let record_of = |email: &str| {
        leads
            .iter()
            .find(|record| record.lead.contact.email.as_str() == email)
            .unwrap()
    };
    let ada = &record_of("ada@example.com").lead.contact;
    assert_eq!(
        (
            ada.custom_fields["Salutation"].as_str(),
            ada.job_title.as_str()
        ),
        ("Dr", "")
    );
    assert!(matches!(
        record_of("robot@example.com").state,
        LeadState::Quarantined { .. }
    ));
}

#[tokio::test]
async fn invisible_characters_in_labels_are_removed_and_empty_labels_dropped() {
    let (memory, _) = world().await;
    let body = "email=ada%40example.com&consent=yes&custom_fields[%00]=x&custom_fields[%E2%80%AE]=y\
                &custom_fields[En%00gine]=a&custom_fields[Engine]=b";

    post(&memory, &format!("/f/{FORM}"), body).await;

    let fields = &memory.ledger.all()[0].lead.contact.custom_fields;
    assert_eq!(fields.len(), 1, "{fields:?}");
    assert_eq!(fields["Engine"], "a; b");
}

#[tokio::test]
async fn wrong_method_gets_browsers_a_page_and_an_allow_header() {
    let (memory, _) = world().await;
    let mut request = request("GET", "/servlet/servlet.WebToLead", "", "");
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 405);
    assert_eq!(answer.headers()[ALLOW], "POST");
    assert!(
        answer.headers()[CONTENT_TYPE]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}
