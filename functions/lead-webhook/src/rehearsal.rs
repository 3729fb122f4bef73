//! What a form's maker sees with `debug`.

use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::{Contact, Note};
use leadfeed_shared::domain::lead::ParsedLead;
use serde::Serialize;

/// What would be done.
#[derive(Serialize)]
pub struct Rehearsal<'a> {
    status: &'static str,
    contact: &'a Contact,
    consent: &'a Consent,
    notes: &'a [Note],
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<&'a str>,
}

impl<'a> Rehearsal<'a> {
    pub fn of(lead: &'a ParsedLead, return_url: Option<&'a str>) -> Self {
        Self {
            status: "nothing_kept",
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
