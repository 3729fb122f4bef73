//! Forms made for other systems: salesforce.com's, in old charsets, with field names of their own.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::http::header::{ACCEPT, LOCATION};
use lambda_http::{Body, Request, RequestExt as _};
use lead_webhook::handle;
use leadfeed_shared::ports::Forms as _;

use crate::stage::{FORM, hidden_value, json, request, text, world};

const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// As a browser posts a form whose address ends in `?encoding=…`.
fn web_to_lead(encoding: &str, body: &str) -> Request {
    let body = format!("oid={FORM}&consent=on&email=ada%40example.com&{body}");
    let query = HashMap::from([("encoding".to_owned(), vec![encoding.to_owned()])]);
    let mut request = request("POST", "/servlet/servlet.WebToLead", FORM_TYPE, &body)
        .with_query_string_parameters(query);
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());
    request
}

#[tokio::test]
async fn salesforce_form_is_decoded_in_the_charset_its_url_names() {
    let (memory, _) = world().await;

    let latin = web_to_lead("ISO-8859-1", "first_name=Andr%E9&last_name=%26%23321%3Buk");
    let unicode = web_to_lead("UTF-8", "first_name=Andr%C3%A9&last_name=Luk");
    let answers = [
        handle(&memory.intake(), latin).await,
        handle(&memory.intake(), unicode).await,
    ];

    let leads = memory.ledger.all();
    assert_eq!(leads.len(), answers.len());
    for (answer, lead) in answers.iter().zip(&leads) {
        assert_eq!(answer.status(), 303);
        assert_eq!(lead.lead.contact.first_name, "André");
    }
    let names: Vec<_> = leads
        .into_iter()
        .map(|record| record.lead.contact.last_name)
        .collect();
    assert!(names.contains(&"Łuk".to_owned()), "{names:?}");
}

#[tokio::test]
async fn salesforce_alternative_fields_are_used_if_the_usual_ones_are_empty() {
    let (memory, _) = world().await;
    let body = "phone=&mobile=555&state_code=MA&country_code=US&state=&recordType=x&submit=Go";

    handle(&memory.intake(), web_to_lead("UTF-8", body)).await;

    let lead = memory.ledger.all()[0].lead.clone();
    assert_eq!(lead.contact.phone_number, "555");
    assert_eq!(lead.contact.street_address.state, "MA");
    assert_eq!(lead.contact.street_address.country, "US");
    assert_eq!(lead.notes, []);
}

#[tokio::test]
async fn second_state_or_country_is_noted_and_a_mapped_mobile_is_kept() {
    let (memory, mut form) = world().await;
    let mobile = "custom_fields[Mobile]".to_owned();
    form.mapped = [("mobile".to_owned(), mobile)].into();
    memory.directory.put_form(&form).await.unwrap();
    let body = "phone=555&mobile=777&state=Ohio&state_code=OH&country=Italy&country_code=IT";

    handle(&memory.intake(), web_to_lead("UTF-8", body)).await;

    let lead = memory.ledger.all()[0].lead.clone();
    assert_eq!(lead.contact.phone_number, "555");
    assert_eq!(lead.contact.custom_fields["Mobile"], "777");
    assert_eq!(lead.contact.street_address.state, "Ohio");
    let noted: Vec<_> = lead.notes.iter().map(|note| note.field.as_str()).collect();
    assert_eq!(noted, ["country_code", "state_code"]);
}

#[tokio::test]
async fn salesforce_opt_out_overrides_a_ticked_consent_box() {
    let (memory, _) = world().await;

    let answer = handle(&memory.intake(), web_to_lead("UTF-8", "emailOptOut=1")).await;

    assert_eq!(answer.status(), 422);
    assert!(memory.ledger.all().is_empty());
}

#[tokio::test]
async fn correcting_a_salesforce_form_keeps_its_return_url_and_lead_source() {
    let (memory, _) = world().await;
    let opted_out = "retURL=https%3A%2F%2Fengines.example%2Fok&emailOptOut=1&lead_source=Web";

    let page = text(&handle(&memory.intake(), web_to_lead("UTF-8", opted_out)).await);
    let return_url = hidden_value(&page, "return_url");
    let body = format!("email=ada%40example.com&consent=yes&return_url={return_url}");
    let mut corrected = request("POST", &format!("/f/{FORM}"), FORM_TYPE, &body);
    corrected
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());
    let answer = handle(&memory.intake(), corrected).await;

    assert_eq!(hidden_value(&page, "lead_source"), "Web");
    assert_eq!(answer.headers()[LOCATION], "https://engines.example/ok");
}

#[tokio::test]
async fn correction_page_refills_mapped_fields_under_our_names() {
    let (memory, mut form) = world().await;
    form.mapped = [
        ("mail".to_owned(), "email".to_owned()),
        ("q1".to_owned(), "custom_fields[Engine]".to_owned()),
    ]
    .into();
    memory.directory.put_form(&form).await.unwrap();
    let body = "mail=ada%40&q1=difference&utm_source=fair&consent=yes";
    let mut incomplete = request("POST", &format!("/f/{FORM}"), FORM_TYPE, body);
    incomplete
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());

    let page = text(&handle(&memory.intake(), incomplete).await);

    assert!(page.contains(r#"name="email" value="ada@""#), "{page}");
    assert!(page.contains(r#"name="custom_fields[Engine]" value="difference""#));
    assert!(page.contains("this does not look like an email address"));
    for name in ["mail", "q1", "utm_source"] {
        assert!(!page.contains(&format!(r#"name="{name}""#)), "{name}");
    }
}

#[tokio::test]
async fn renamed_consent_field_replaces_the_default_one_but_not_json_consent() {
    let (memory, mut form) = world().await;
    form.consent_field = "newsletter".into();
    memory.directory.put_form(&form).await.unwrap();
    let post = async |body: &str| {
        let path = format!("/f/{FORM}");
        let answer = handle(
            &memory.intake(),
            request("POST", &path, "application/json", body),
        )
        .await;
        answer.status().as_u16()
    };

    let object = post(r#"{"email":"a@example.com","consent":{"given":true}}"#).await;
    let renamed = post(r#"{"email":"b@example.com","newsletter":"yes"}"#).await;
    let default_name = post(r#"{"email":"c@example.com","consent":"yes"}"#).await;
    let withdrawn =
        post(r#"{"email":"d@example.com","newsletter":"yes","consent":{"given":false}}"#).await;
    let nested = post(r#"{"email":"e@example.com","x":{"newsletter":"yes"}}"#).await;

    assert_eq!([object, renamed], [202, 202]);
    assert_eq!([default_name, withdrawn, nested], [422, 422, 422]);
}

#[tokio::test]
async fn base64_body_is_decoded() {
    let (memory, _) = world().await;
    let event = include_str!("../../../../events/lead-form-post.json");
    let mut event: serde_json::Value = serde_json::from_str(event).unwrap();
    let body = b"email=ada%40example.com&consent=yes&first_name=\xc3\x84da";
    event["body"] = STANDARD.encode(body).into();
    event["isBase64Encoded"] = true.into();
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert!(matches!(request.body(), Body::Binary(_)));

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 303);
    assert_eq!(memory.ledger.all()[0].lead.contact.first_name, "Äda");
}

#[tokio::test]
async fn client_ip_is_the_gateways_whatever_the_headers_claim() {
    let (memory, _) = world().await;
    let event = include_str!("../../../../events/lead-form-post.json");
    let mut event: serde_json::Value = serde_json::from_str(event).unwrap();
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "cf-connecting-ip",
    ] {
        event["headers"][name] = "for=198.51.100.9".into();
    }
    event["headers"]["user-agent"] = "Bröwser/1".into();
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();

    handle(&memory.intake(), request).await;

    let consent = memory.ledger.all()[0].lead.consent.clone();
    assert_eq!(consent.ip.as_deref(), Some("192.0.2.7"));
    assert_eq!(consent.user_agent.as_deref(), Some("Bröwser/1"));
}

#[tokio::test]
async fn rehearsal_notes_unknown_fields() {
    let (memory, _) = world().await;
    let mut rehearsal = web_to_lead("UTF-8", "debug=1&00N50000001abcd=difference");
    rehearsal.headers_mut().remove(ACCEPT);

    let answer = json(&handle(&memory.intake(), rehearsal).await);

    assert_eq!(answer["notes"][0]["field"], "00N50000001abcd");
    assert_eq!(answer["notes"][0]["what"], "unknown");
}
