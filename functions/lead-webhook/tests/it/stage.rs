//! A stack in memory, and requests to it.

use jiff::Timestamp;
use lambda_http::http::header::ACCEPT;
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Request, RequestExt as _, Response};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::fakes::{Memory, samples};
use leadfeed_shared::ports::Forms as _;
use leadfeed_shared::web::sanitized;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub const FORM: &str = "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// In the middle of a minute, where no submission claims its content, so that steps can be counted.
pub async fn world() -> (Memory, Form) {
    let minute = Timestamp::now().as_second().div_euclid(60) * 60;
    let memory = Memory::new(Timestamp::from_second(minute + 30).unwrap());
    let form = Form {
        allowed_origins: vec!["https://engines.example".into()],
        return_url: Some("https://engines.example/thanks".into()),
        webhook_generation: 2,
        ..samples::form()
    };
    memory.directory.put_form(&form).await.unwrap();
    (memory, form)
}

pub fn event(json: &str) -> Request {
    let event: LambdaRequest = serde_json::from_str(json).unwrap();
    sanitized(event).into()
}

/// A request of the given kind, as a program sends it.
pub fn request(method: &str, path: &str, kind: &str, body: &str) -> Request {
    let request = lambda_http::http::Request::builder()
        .method(method)
        .uri(format!("https://leads.example{path}"));
    let request = if kind.is_empty() {
        request
    } else {
        request.header("content-type", kind)
    };
    request
        .body(Body::from(body))
        .unwrap()
        .with_raw_http_path(path)
}

/// The same request as sent by a browser.
pub fn from_browser(mut request: Request) -> Request {
    request
        .headers_mut()
        .insert(ACCEPT, "text/html".parse().unwrap());
    request
}

pub fn json(response: &Response<Body>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

pub fn text(response: &Response<Body>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

/// The value of a hidden field of a page.
pub fn hidden_value(page: &str, name: &str) -> String {
    let start = format!(r#"<input type="hidden" name="{name}" value=""#);
    let (_, rest) = page.split_once(&start).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// All hidden fields of a page, as a browser sends them.
pub fn hidden_fields(page: &str) -> String {
    let fields = page.split(r#"<input type="hidden" name=""#).skip(1);
    let pairs = fields.map(|rest| {
        let (name, rest) = rest.split_once(r#"" value=""#).unwrap();
        let (value, _) = rest.split_once('"').unwrap();
        format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC))
    });
    pairs.collect::<Vec<_>>().join("&")
}
