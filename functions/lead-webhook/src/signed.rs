//! Signatures of server-to-server leads: Standard Webhooks 1.0.

use lambda_http::Request;
use lambda_http::http::StatusCode;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::idempotency::IdempotencyKey;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::web::Problem;
use secrecy::ExposeSecret as _;
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_TIMESTAMP, Webhook};

/// Believes a request whose signature over the raw body is by the form's secret, or by the one before it while
/// the sender changes over. Says nothing of what was wrong: a caller that has the secret can find out by itself.
/// Gives the message's id, under which it may be sent again.
///
/// # Errors
/// 401.
pub fn verify(
    keys: &SigningKeys,
    form: &Form,
    request: &Request,
) -> Result<IdempotencyKey, Problem> {
    let newest = form.webhook_generation;
    let is_signed = |generation: u32| {
        let secret = keys.webhook_secret(&form.id, generation);
        Webhook::new(secret.expose_secret())
            .is_ok_and(|hook| hook.verify(request.body(), request.headers()).is_ok())
    };
    let good = has_sane_time(request)
        && [newest, newest.saturating_sub(1)]
            .into_iter()
            .any(|generation| generation > 0 && is_signed(generation));
    let id = header(request, HEADER_WEBHOOK_ID).and_then(|id| id.parse().ok());
    id.filter(|_| good).ok_or_else(|| {
        let detail = "The request is not signed with this form's secret, or its time is off by more than five minutes.";
        Problem::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail)
    })
}

/// The library takes the difference of any two times, which for the far ends of its type there is none.
fn has_sane_time(request: &Request) -> bool {
    header(request, HEADER_WEBHOOK_TIMESTAMP).is_some_and(|time| time.parse::<u32>().is_ok())
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok()
}
