//! The `Idempotency-Key` header.

use lambda_http::Request;
use lambda_http::http::StatusCode;
use leadfeed_shared::domain::idempotency::{IdempotencyKey, MalformedKey};
use leadfeed_shared::web::Problem;

/// The key of a request, if it has one.
///
/// # Errors
/// 400 if it is malformed or given twice.
pub fn of(request: &Request) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    let key = match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => text.parse().map(Some),
            Err(_) => Err(MalformedKey),
        },
        (Some(_), Some(_)) => Err(MalformedKey),
    };
    key.map_err(|error| malformed(&error))
}

fn malformed(error: &MalformedKey) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "idempotency_key_malformed",
        format!("The Idempotency-Key is not valid: {error}."),
    )
}
