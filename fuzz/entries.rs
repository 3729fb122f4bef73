//! The input of the public endpoints, for the fuzzer without end and for `cargo test` in a short run.

use jiff::Timestamp;
use lambda_http::http::{HeaderName, HeaderValue, Method, StatusCode};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Request, RequestExt as _, Response};
use lead_webhook::{handle, signature};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::screening::{Rates, Screening};
use leadfeed_shared::fakes::{Memory, run_ready, samples};
use leadfeed_shared::ports::Forms as _;
use leadfeed_shared::web::sanitized;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

const FORM_ID: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Types that the parsers know, and some that they do not.
const CONTENT_TYPES: [&str; 8] = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=iso-2022-jp",
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\"",
    "text/plain;charset=utf-8",
    "",
    "text/html",
];

/// New for each request, so that nothing accumulates.
fn memory_with_form() -> Memory {
    let memory = Memory::new(Timestamp::UNIX_EPOCH);
    let form = Form {
        required: vec!["last_name".into()],
        mapped: [("mail".into(), "email".into())].into(),
        allowed_origins: vec!["https://engines.example".into()],
        return_hosts: vec!["engines.example".into()],
        screening: Screening {
            rates: Rates {
                per_minute: u32::MAX,
                per_origin: u32::MAX,
                per_day: u32::MAX,
                per_address: u32::MAX,
            },
            ..Screening::default()
        },
        ..samples::form()
    };
    run_ready(memory.directory.put_form(&form)).expect("memory takes a form");
    memory
}

/// A body of any content type, at a form, a signed webhook and a web-to-lead address: the first byte chooses.
pub fn body(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let content_type = CONTENT_TYPES[usize::from(*choice) % CONTENT_TYPES.len()];
    let content_type = ("content-type", content_type.as_bytes());
    match *choice >> 6 {
        0 => post(&format!("/f/{FORM_ID}"), &[content_type], body),
        1 => {
            let form = FORM_ID.parse().expect("an id");
            let secret = memory_with_form().keys().webhook_secret(&form, 1);
            let signature = signature(secret.expose_secret(), "msg_1", 0, body).expect("a secret");
            let signed = [
                content_type,
                ("webhook-id", &b"msg_1"[..]),
                ("webhook-timestamp", &b"0"[..]),
                ("webhook-signature", signature.as_bytes()),
            ];
            let status = post(&format!("/hooks/{FORM_ID}"), &signed, body);
            assert_ne!(status, 401);
            status
        }
        _ => post("/servlet/servlet.WebToLead", &[content_type], body),
    };
}

/// Every header that is read, one line of the data each.
pub fn headers(data: &[u8]) {
    const NAMES: [&str; 12] = [
        "content-type",
        "accept",
        "idempotency-key",
        "origin",
        "referer",
        "user-agent",
        "host",
        "x-forwarded-proto",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "leadfeed-rehearse",
    ];
    let lines = data.split(|byte| *byte == b'\n');
    let given: Vec<_> = NAMES.into_iter().zip(lines).collect();
    let form = format!("/f/{FORM_ID}");
    let lead = "email=ada%40example.com&consent=yes&last_name=L";
    for (method, path, body) in [
        ("POST", form.clone(), lead),
        ("POST", format!("/hooks/{FORM_ID}"), "{}"),
        ("GET", form.clone(), ""),
        ("OPTIONS", form, ""),
    ] {
        if let Some(request) = gateway_request(method, &path, "", &given, body) {
            answer_to(request);
        }
    }
}

/// Ends every query; occurs in no page, and in a path only if the fuzzer has learned it.
const MARKER: &str = "whatAQuerySays";

/// A path and a query, at a hosted form and in the address of a web-to-lead form.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if text.contains(MARKER) {
        return;
    }
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let query = format!("{query}{MARKER}");
    let lead = format!("oid={FORM_ID}&email=ada%40example.com&consent=on&last_name=%E9");
    let encoding = format!("encoding={query}");
    for (method, path, query, body) in [
        ("GET", format!("/{path}"), query.as_str(), ""),
        ("GET", format!("/f/{FORM_ID}"), query.as_str(), ""),
        (
            "POST",
            "/servlet/servlet.WebToLead".to_owned(),
            encoding.as_str(),
            lead.as_str(),
        ),
    ] {
        let content_type = ("content-type", CONTENT_TYPES[0].as_bytes());
        if let Some(request) = gateway_request(method, &path, query, &[content_type], body) {
            let answer = String::from_utf8_lossy(answer_to(request).body()).into_owned();
            assert!(!answer.contains(MARKER), "the answer echoes the query");
        }
    }
}

/// Most bytes of a request's line and headers that the gateway lets through.
const MAX_HEAD_LENGTH: usize = 10_240;

/// A request as the gateway passes it on; `None` if the gateway would not.
fn gateway_request(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&'static str, &[u8])],
    body: &str,
) -> Option<Request> {
    let sent = headers
        .iter()
        .filter(|(_, value)| HeaderValue::from_bytes(value).is_ok())
        .map(|(name, value)| ((*name).to_owned(), String::from_utf8_lossy(value).into()));
    let headers: Map<String, Value> = sent.collect();
    let long = headers.values().filter_map(Value::as_str).map(str::len);
    if path.len() + query.len() + long.sum::<usize>() > MAX_HEAD_LENGTH {
        return None;
    }
    let http = json!({
        "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7", "userAgent": "",
    });
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers, "body": body,
        "isBase64Encoded": false,
        "requestContext": {"http": http, "stage": "$default", "domainName": "leads.example", "timeEpoch": 0},
    });
    let event: LambdaRequest = serde_json::from_str(&event.to_string()).expect("an event");
    Some(sanitized(event).into())
}

/// Posts bytes as they are.
fn post(path: &str, headers: &[(&'static str, &[u8])], body: &[u8]) -> StatusCode {
    let request = lambda_http::http::Request::builder()
        .method(Method::POST)
        .uri(format!("https://leads.example{path}"))
        .body(Body::Binary(body.to_vec()));
    let mut request = request.expect("a plain request").with_raw_http_path(path);
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).expect("a valid header");
        request
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    answer_to(request).status()
}

/// The answer to a request, which must not be a 5xx and must have a bounded length.
fn answer_to(request: Request) -> Response<Body> {
    let answer = run_ready(handle(&memory_with_form().intake(), request));
    assert!(answer.status().as_u16() < 500, "{}", answer.status());
    let length = answer.body().len();
    assert!(length < 1_000_000, "{length} bytes");
    answer
}
