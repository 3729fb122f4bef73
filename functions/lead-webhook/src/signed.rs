//! Signatures of server-to-server leads: Standard Webhooks 1.0.
//!
//! Implemented here because Standard Webhooks' own library signs only UTF-8: a form in Latin-1 and a multipart body are
//! signed too. The tests compare the signatures with that library's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use lambda_http::Request;
use lambda_http::http::{HeaderMap, StatusCode};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::idempotency::{IdempotencyKey, MalformedKey};
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::web::Problem;
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Seconds by which a message's time may differ from now.
const TOLERANCE: u64 = 5 * 60;

/// Accepts a request whose signature over the raw body is by the form's secret, or by the previous one while the sender
/// changes over. Does not say what was wrong: a caller that has the secret can find out by itself. Returns the
/// message's id, under which it may be sent again.
///
/// # Errors
/// 401; 400 for a correctly signed message with an invalid id.
pub fn verify(
    keys: &SigningKeys,
    form: &Form,
    request: &Request,
    now: Timestamp,
) -> Result<IdempotencyKey, Problem> {
    let newest = form.webhook_generation;
    let good = [newest, newest.saturating_sub(1)]
        .into_iter()
        .filter(|generation| *generation > 0)
        .any(|generation| {
            let secret = keys.webhook_secret(&form.id, generation);
            is_signed(
                secret.expose_secret(),
                request.headers(),
                request.body(),
                now,
            )
        });
    if !good {
        let detail = "The request is not signed with this form's secret, or its time is off by more than five minutes.";
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "invalid_signature",
            detail,
        ));
    }
    let id = header(request.headers(), ID).unwrap_or_default();
    id.parse().map_err(|error: MalformedKey| {
        let detail = format!("The webhook-id is not valid: {error}.");
        Problem::new(StatusCode::BAD_REQUEST, "webhook_id_malformed", detail)
    })
}

/// The signature of a message by a secret (`whsec_…`), as its sender makes it; `None` if the secret is invalid.
#[must_use]
pub fn signature(secret: &str, id: &str, at: i64, body: &[u8]) -> Option<String> {
    let key = secret.strip_prefix("whsec_").unwrap_or(secret);
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).ok()?).ok()?;
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    let digest = STANDARD.encode(mac.finalize().into_bytes());
    Some(format!("v1,{digest}"))
}

/// Whether one of the signatures is ours.
fn is_signed(secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let signed = || {
        let id = header(headers, ID)?;
        let at: i64 = header(headers, TIMESTAMP)?.parse().ok()?;
        let signatures = header(headers, SIGNATURE)?;
        if now.as_second().abs_diff(at) > TOLERANCE {
            return None;
        }
        let ours = signature(secret, id, at, body)?;
        let mut theirs = signatures.split(' ');
        Some(theirs.any(|theirs| theirs.as_bytes().ct_eq(ours.as_bytes()).into()))
    };
    signed().unwrap_or_default()
}

fn header<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published by the specification and its libraries: secret, id, time, body, signature.
    const VECTORS: [[&str; 5]; 2] = [
        [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ],
        [
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            "1649367553",
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ],
    ];

    fn is_valid([secret, id, time, body, signature]: [&str; 5], seconds_later: i64) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [(ID, id), (TIMESTAMP, time), (SIGNATURE, signature)] {
            if value != "absent" {
                headers.insert(name, value.parse().unwrap());
            }
        }
        let at = time.parse().unwrap_or(1_614_265_330);
        let now = Timestamp::from_second(at + seconds_later);
        is_signed(
            secret,
            &headers,
            body.as_bytes(),
            now.unwrap_or(Timestamp::UNIX_EPOCH),
        )
    }

    #[test]
    fn reference_vectors_are_valid_for_five_minutes_before_and_after() {
        for vector in VECTORS {
            for later in [-300, -1, 0, 300] {
                assert!(is_valid(vector, later), "{later}");
            }
            for later in [-301, 301, 86_400] {
                assert!(!is_valid(vector, later), "{later}");
            }
        }
    }

    #[test]
    fn vector_with_any_part_changed_or_missing_is_invalid() {
        let [good, other] = VECTORS;
        let (digest, without_padding) = (&good[4][3..], &good[4][..good[4].len() - 1]);
        let bad = [
            (0, other[0].to_owned()),
            (1, "absent".to_owned()),
            (1, String::new()),
            (1, format!("{}.", good[1])),
            (2, "absent".to_owned()),
            (2, "1614265331".to_owned()),
            (2, "2021-02-25T15:02:10Z".to_owned()),
            (2, "1e9".to_owned()),
            (2, i64::MIN.to_string()),
            (2, i64::MAX.to_string()),
            (2, u64::MAX.to_string()),
            (3, good[3].replace(' ', "")),
            (3, format!("{}\n", good[3])),
            (4, "absent".to_owned()),
            (4, String::new()),
            (4, digest.to_owned()),
            (4, format!("v2,{digest}")),
            (4, format!("v1a,{digest}")),
            (4, "v1,".to_owned()),
            (4, without_padding.to_owned()),
            (4, good[4].to_lowercase()),
            (4, other[4].to_owned()),
        ];
        for (place, value) in &bad {
            let mut vector = good;
            vector[*place] = value;
            assert!(!is_valid(vector, 0), "{place} {value}");
        }
    }

    #[test]
    fn signature_covers_a_body_that_is_not_utf_8() {
        let [secret, id, time, ..] = VECTORS[0];
        let body = b"first_name=Andr\xe9";
        let at = time.parse().unwrap();
        let signed = signature(secret, id, at, body).unwrap();
        let headers = [(ID, id), (TIMESTAMP, time), (SIGNATURE, signed.as_str())];
        let headers: HeaderMap = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let now = Timestamp::from_second(at).unwrap();

        assert!(is_signed(secret, &headers, body, now));
        assert!(!is_signed(secret, &headers, b"first_name=Andr\xe8", now));
    }

    #[test]
    fn one_valid_signature_among_others_is_enough() {
        let several = format!("v1,AAAA {} v2,BBBB", VECTORS[0][4]);
        let mut vector = VECTORS[0];
        vector[4] = &several;

        assert!(is_valid(vector, 0));
    }
}
