//! What is thrown at the public door, by the fuzzer without end and by `cargo test` for a moment.

use futures_util::FutureExt as _;
use jiff::Timestamp;
use lambda_http::http::{HeaderName, HeaderValue, Method};
use lambda_http::{Body, Request, RequestExt as _};
use lead_webhook::handle;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::screening::{Rates, Screening};
use leadfeed_shared::fakes::{Memory, samples};
use leadfeed_shared::ports::Forms as _;

const FORM: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Types that the parsers know, and some that they do not.
const TYPES: [&str; 8] = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=iso-2022-jp",
    "application/json",
    "multipart/form-data; boundary=x",
    "multipart/form-data; boundary=\"",
    "text/plain;charset=utf-8",
    "",
    "text/html",
];

/// A new one for each request, so that nothing piles up.
fn world() -> Memory {
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
            },
            ..Screening::default()
        },
        ..samples::form()
    };
    wait(memory.directory.put_form(&form)).expect("memory takes a form");
    memory
}

/// A body of any kind, at a form, a webhook and a web-to-lead address: the first byte chooses.
pub fn body(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let paths = [
        format!("/f/{FORM}"),
        "/servlet/servlet.WebToLead".to_owned(),
    ];
    let kind = TYPES[usize::from(*choice) % TYPES.len()];
    let path = &paths[usize::from(*choice >> 7)];
    ask(
        Method::POST,
        path,
        &[("content-type", kind.as_bytes())],
        body,
    );
}

/// Every header that is read, one line of the data each.
pub fn headers(data: &[u8]) {
    const READ: [&str; 11] = [
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
    ];
    let lines = data.split(|byte| *byte == b'\n');
    let given: Vec<_> = READ.into_iter().zip(lines).collect();
    let lead = b"email=ada%40example.com&consent=yes&last_name=L";
    ask(Method::POST, &format!("/f/{FORM}"), &given, lead);
    ask(Method::POST, &format!("/hooks/{FORM}"), &given, b"{}");
    ask(Method::GET, &format!("/f/{FORM}"), &given, b"");
    ask(Method::OPTIONS, &format!("/f/{FORM}"), &given, b"");
}

/// A path and a query, at a hosted form and in the address of a web-to-lead form.
pub fn query(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('?').unwrap_or((&text, ""));
    let form = format!("/f/{FORM}");
    let lead = format!("oid={FORM}&email=ada%40example.com&consent=on&last_name=%E9");
    for (method, path, name, body) in [
        (Method::GET, path, "email", ""),
        (Method::GET, form.as_str(), "email", ""),
        (
            Method::POST,
            "/servlet/servlet.WebToLead",
            "encoding",
            lead.as_str(),
        ),
    ] {
        let request = lambda_http::http::Request::builder()
            .method(method)
            .uri("https://leads.example/")
            .header("content-type", TYPES[0])
            .body(Body::from(body))
            .expect("a plain request")
            .with_raw_http_path(path)
            .with_query_string_parameters(std::collections::HashMap::from([(
                name.to_owned(),
                vec![query.to_owned()],
            )]));
        answered(request, query);
    }
}

fn ask(method: Method, path: &str, headers: &[(&'static str, &[u8])], body: &[u8]) {
    let request = lambda_http::http::Request::builder()
        .method(method)
        .uri(format!("https://leads.example{path}"))
        .body(Body::Binary(body.to_vec()));
    let mut request = request.expect("a plain request").with_raw_http_path(path);
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    answered(request, "");
}

/// Whatever came, the answer is one: no fault of ours, of bounded length, and silent about the query.
fn answered(request: Request, query: &str) {
    let answer = wait(handle(&world().intake(), request));
    assert!(answer.status().as_u16() < 500, "{}", answer.status());
    let text = answer.body().to_vec();
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
    let needle = query.as_bytes();
    let told = needle.len() > 12 && text.windows(needle.len()).any(|window| window == needle);
    assert!(!told, "the query is told again");
}

/// Ports in memory never wait for anything but their turn.
fn wait<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        if let Some(done) = work.as_mut().now_or_never() {
            return done;
        }
    }
}
