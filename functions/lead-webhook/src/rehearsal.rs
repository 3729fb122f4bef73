//! What a form's maker sees with `debug`.

use leadfeed_shared::app::intake::Rehearsed;
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::{Contact, Note};
use leadfeed_shared::domain::lead::LeadState;
use serde::Serialize;

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
    pub fn of(told: &'a Rehearsed, return_url: Option<&'a str>) -> Self {
        let Rehearsed { lead, state } = told;
        Self {
            status: "nothing_kept",
            would_be: state,
            contact: &lead.contact,
            consent: &lead.consent,
            notes: &lead.notes,
            return_url,
        }
    }

    /// As text to read.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).expect("our answers are plain data")
    }
}
