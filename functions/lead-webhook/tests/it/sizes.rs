//! The largest possible lead still fits into the queue and the table.

use lambda_http::Body;
use lead_webhook::handle;

use crate::stage::{FORM, from_browser, request, text, world};

/// Bytes of an SQS message, by the older and stricter of its limits.
const MESSAGE_LIMIT: usize = 256 * 1024;
/// Bytes of a DynamoDB item.
const ROW_LIMIT: usize = 400 * 1024;
/// Bytes that a form may send.
const BODY_LIMIT: usize = 64 * 1024;

/// A body filled with custom fields: labels of so many of this character, and values of it of up to `most` bytes.
fn filled_body(character: &[u8], label: usize, most: usize) -> Vec<u8> {
    let mut body = b"email=ada%40example.com&consent=yes".to_vec();
    for field in 0..97 {
        let number = format!("{field}]=");
        let label = character.repeat(label);
        let name = [&b"&custom_fields["[..], &label, number.as_bytes()].concat();
        let Some(room) = BODY_LIMIT.checked_sub(body.len() + name.len()) else {
            break;
        };
        body.extend(name);
        body.extend(character.repeat(room.min(most) / character.len()));
    }
    body
}

#[tokio::test]
async fn largest_lead_fits_into_a_message_and_a_row() {
    let form = "application/x-www-form-urlencoded";
    let euro = "application/x-www-form-urlencoded; charset=windows-1252";
    // One value that fills the body, some long ones, and long labels with values that are all cut and noted.
    let shapes = [(0, BODY_LIMIT), (0, 4_000), (80, 560)];
    for (kind, character) in [
        (form, &b"\""[..]),
        (form, b"\\"),
        (form, b"\xf0\x9f\xa6\x80"),
        (euro, b"\x80"),
    ] {
        for (label, most) in shapes {
            let (memory, _) = world().await;
            let mut request = request("POST", &format!("/f/{FORM}"), kind, "");
            *request.body_mut() = Body::Binary(filled_body(character, label, most));

            let answer = handle(&memory.intake(), request).await;

            let case = format!("{character:?} {label} {most}");
            assert_eq!(answer.status(), 202, "{case}");
            let message = serde_json::to_vec(&memory.queue.sent()[0]).unwrap().len();
            let row = serde_json::to_vec(&memory.ledger.all()[0]).unwrap().len();
            assert!(
                message > BODY_LIMIT && message < MESSAGE_LIMIT,
                "{case}: {message}"
            );
            assert!(row < ROW_LIMIT, "{case}: {row}");
        }
    }
}

#[tokio::test]
async fn correction_page_shows_what_was_typed_once() {
    let (memory, _) = world().await;
    let mut body = b"consent=yes".to_vec();
    for (before, after) in (0..9).flat_map(|before| (0..9).map(move |after| (before, after))) {
        let label = ["+".repeat(before), "+".repeat(after)].join("Message");
        body.extend(format!("&custom_fields[{label}]=").into_bytes());
        body.extend(b"\"".repeat(700));
    }
    let form = "application/x-www-form-urlencoded";
    let mut request = from_browser(request("POST", &format!("/f/{FORM}"), form, ""));
    *request.body_mut() = Body::Binary(body);

    let answer = handle(&memory.intake(), request).await;

    assert_eq!(answer.status(), 422);
    let page = text(&answer);
    assert_eq!(page.matches(">Message").count(), 1, "{page}");
    assert_eq!(page.matches("&#34;").count(), 81 * 700);
}

#[tokio::test]
async fn lead_with_one_overlong_value_is_accepted_with_a_note() {
    let long = "x".repeat(4_096);
    for name in ["__VIEWSTATE", "custom_fields[Message]", "first_name"] {
        let (memory, _) = world().await;
        let body = format!("email=ada%40example.com&consent=yes&{name}={long}");
        let kind = "application/x-www-form-urlencoded";
        let request = request("POST", &format!("/f/{FORM}"), kind, &body);

        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), 202, "{name}");
        let lead = memory.ledger.all()[0].lead.clone();
        assert_eq!(lead.notes.len(), 1, "{name}");
        match name {
            "first_name" => assert_eq!(lead.contact.first_name, long),
            "__VIEWSTATE" => assert_eq!(lead.notes[0].field, name),
            _ => assert_eq!(lead.contact.custom_fields["Message"], long),
        }
    }
}

#[tokio::test]
async fn a_hundred_fields_are_accepted_and_one_more_is_refused() {
    for (fields, status) in [(100, 202), (101, 400), (10_000, 413)] {
        let (memory, _) = world().await;
        let more: String = (2..fields).map(|field| format!("&f{field}=1")).collect();
        let body = format!("email=ada%40example.com&consent=yes{more}");
        let kind = "application/x-www-form-urlencoded";
        let request = request("POST", &format!("/f/{FORM}"), kind, &body);

        let answer = handle(&memory.intake(), request).await;

        assert_eq!(answer.status(), status, "{fields}");
    }
}
