//! Signatures of server-to-server leads: Standard Webhooks 1.0.

use lambda_http::Request;
use lambda_http::http::StatusCode;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::web::Problem;
use secrecy::ExposeSecret as _;
use standardwebhooks::Webhook;

/// Believes a request whose signature over the raw body is by the form's secret, or by the one before it while
/// the sender changes over. Says nothing of what was wrong: a caller that has the secret can find out by itself.
///
/// # Errors
/// 401.
pub fn verify(keys: &SigningKeys, form: &Form, request: &Request) -> Result<(), Problem> {
    let newest = form.webhook_generation;
    let good = [newest, newest.saturating_sub(1)]
        .into_iter()
        .filter(|generation| *generation > 0)
        .any(|generation| {
            let secret = keys.webhook_secret(&form.id, generation);
            Webhook::new(secret.expose_secret())
                .is_ok_and(|hook| hook.verify(request.body(), request.headers()).is_ok())
        });
    let detail = "The request is not signed with this form's secret, or its time is off by more than five minutes.";
    good.then_some(())
        .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail))
}
