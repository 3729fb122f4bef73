//! Rehearsals: tells a tester what would be done, on request by a header or by web-to-lead's `debug`.

use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::intake::RehearsalOutcome;
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::{Contact, Note};
use leadfeed_shared::domain::lead::LeadState;
use serde::Serialize;

/// Requests a rehearsal, on every endpoint.
const HEADER: &str = "leadfeed-rehearse";

/// Whether a request only asks what would be done. Any value but `false` counts.
pub fn is_requested(request: &Request) -> bool {
    let header = request.headers().get(HEADER);
    header.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"))
}

/// Marks an answer to a rehearsal that shows only in the request's body.
#[derive(Clone)]
struct Mark;

/// Marks an answer as one to a rehearsal.
pub fn marked(mut answer: Response<Body>) -> Response<Body> {
    answer.extensions_mut().insert(Mark);
    answer
}

/// Whether an answer was marked.
pub fn is_marked(answer: &Response<Body>) -> bool {
    answer.extensions().get::<Mark>().is_some()
}

/// What would be done.
#[derive(Serialize)]
pub struct Rehearsal<'a> {
    status: &'static str,
    would_be: &'a LeadState,
    contact: &'a Contact,
    consent: &'a Consent,
    notes: &'a [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<&'a str>,
}

impl<'a> Rehearsal<'a> {
    pub fn of(outcome: &'a RehearsalOutcome, return_url: Option<&'a str>) -> Self {
        let RehearsalOutcome { lead, state } = outcome;
        Self {
            status: "nothing_kept",
            would_be: state,
            contact: &lead.contact,
            consent: &lead.consent,
            notes: &lead.notes,
            return_url,
        }
    }

    /// As human-readable text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("our answers are plain data")
    }
}
