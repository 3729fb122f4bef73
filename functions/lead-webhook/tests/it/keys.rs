use lambda_http::http::HeaderValue;
use lambda_http::http::header::RETRY_AFTER;
use lambda_http::{Body, Response};
use lead_webhook::handle;
use leadfeed_shared::fakes::{Fault, Memory};

use crate::stage::{FORM, json, request, world};

const ADA: &str = r#"{"email":"ada@example.com","consent":true}"#;
const EVE: &str = r#"{"email":"eve@example.com","consent":true}"#;

async fn post(memory: &Memory, keys: &[&[u8]], body: &str) -> Response<Body> {
    let mut request = request("POST", &format!("/f/{FORM}"), "application/json", body);
    for key in keys {
        let key = HeaderValue::from_bytes(key).unwrap();
        request.headers_mut().append("idempotency-key", key);
    }
    handle(&memory.intake(), request).await
}

#[tokio::test]
async fn repeated_key_and_body_get_the_same_answer() {
    let (memory, _) = world().await;

    let first = post(&memory, &[b"\"order-7\""], ADA).await;
    let again = post(&memory, &[b"order-7"], ADA).await;

    assert_eq!(first.status(), 202);
    assert_eq!(again.status(), 202);
    assert_eq!(json(&again), json(&first));
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn reusing_a_key_with_another_body_is_refused() {
    let (memory, _) = world().await;
    post(&memory, &[b"order-7"], ADA).await;

    let other = post(&memory, &[b"order-7"], EVE).await;

    assert_eq!(other.status(), 422);
    assert_eq!(json(&other)["code"], "idempotency_key_reused");
    assert_eq!(memory.ledger.all().len(), 1);
}

#[tokio::test]
async fn key_in_flight_is_answered_409_with_retry_after() {
    let (memory, _) = world().await;
    // The first request crashes after it has read the form, looked for an earlier lead and claimed its key.
    memory
        .faults
        .at(memory.faults.steps() + 3, Fault::CrashAfter);
    memory
        .faults
        .until_crash(post(&memory, &[b"order-7"], ADA))
        .await;

    let second = post(&memory, &[b"order-7"], ADA).await;

    assert_eq!(second.status(), 409);
    assert_eq!(json(&second)["code"], "idempotency_key_in_flight");
    let wait: u32 = second.headers()[RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    assert!(memory.ledger.all().is_empty());
}

#[tokio::test]
async fn overlong_unprintable_empty_or_repeated_key_is_refused() {
    let (memory, _) = world().await;
    let long = [b'k'; 256];
    let bad: [&[&[u8]]; 5] = [&[&long], &[b"a\tb"], &[b"\xff"], &[b""], &[b"a", b"b"]];
    for keys in bad {
        let answer = post(&memory, keys, ADA).await;

        assert_eq!(answer.status(), 400, "{keys:?}");
        assert_eq!(json(&answer)["code"], "idempotency_key_malformed");
    }
    assert!(memory.ledger.all().is_empty());
}
