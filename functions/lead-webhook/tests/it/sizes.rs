//! The largest lead there can be still fits where leads are kept.

use lambda_http::Body;
use lead_webhook::handle;

use crate::stage::{FORM, request, world};

/// Bytes of a message of SQS, by the older and stricter of its limits.
const MESSAGE: usize = 256 * 1024;
/// Bytes of a row of DynamoDB.
const ROW: usize = 400 * 1024;
/// Bytes that a form may send.
const BODY: usize = 64 * 1024;

/// As much of custom fields as fits into a body, each byte of their values this one.
fn full(byte: &[u8]) -> Vec<u8> {
    let mut body = b"email=ada%40example.com&consent=yes".to_vec();
    for field in 0..97 {
        let name = format!("&custom_fields[{field}]=");
        let room = BODY.saturating_sub(body.len() + name.len());
        body.extend(name.as_bytes());
        body.extend(byte.repeat(room.min(4_000 * byte.len()) / byte.len()));
    }
    body.truncate(BODY);
    body
}

#[tokio::test]
async fn the_largest_lead_fits_into_a_message_and_into_a_row() {
    let form = "application/x-www-form-urlencoded";
    let euro = "application/x-www-form-urlencoded; charset=windows-1252";
    for (kind, byte) in [
        (form, &b"\""[..]),
        (form, b"\\"),
        (form, b"\xf0\x9f\xa6\x80"),
        (euro, b"\x80"),
    ] {
        let (memory, _) = world().await;
        let mut request = request("POST", &format!("/f/{FORM}"), kind, "");
        *request.body_mut() = Body::Binary(full(byte));

        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), 202, "{byte:?}");
        let message = serde_json::to_vec(&memory.queue.sent()[0]).unwrap().len();
        let row = serde_json::to_vec(&memory.ledger.all()[0]).unwrap().len();
        assert!(message > BODY && message < MESSAGE, "{byte:?}: {message}");
        assert!(row < ROW, "{byte:?}: {row}");
    }
}

#[tokio::test]
async fn a_hundred_fields_are_taken_and_one_more_is_not() {
    for (fields, status) in [(100, 202), (101, 400), (10_000, 400)] {
        let (memory, _) = world().await;
        let more: String = (2..fields).map(|field| format!("&f{field}=1")).collect();
        let body = format!("email=ada%40example.com&consent=yes{more}");
        let kind = "application/x-www-form-urlencoded";
        let request = request("POST", &format!("/f/{FORM}"), kind, &body);

        let answer = handle(&memory.intake(), request).await;

        let expected = if body.len() > BODY { 413 } else { status };
        assert_eq!(answer.status(), expected, "{fields}");
    }
}
