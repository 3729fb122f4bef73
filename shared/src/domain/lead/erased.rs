use std::collections::BTreeMap;

use super::Lead;
use crate::domain::consent::Consent;
use crate::domain::contact::Contact;

/// Stands in place of an address; the domain cannot exist (RFC 2606).
const ERASED_ADDRESS: &str = "erased@erased.invalid";

impl Lead {
    /// What is left of a lead whose person asked to be forgotten: its id, when it came, the form's own words and the
    /// seal, which proves the consent to anybody who still has its text and tells nobody else anything.
    #[must_use]
    pub fn without_person(&self) -> Self {
        let consent = &self.consent;
        let own_words = consent.version.map(|_| consent.statement.clone());
        Self {
            contact: Contact::of(ERASED_ADDRESS.parse().expect("an address")),
            consent: Consent {
                statement: own_words.unwrap_or_default(),
                version: consent.version,
                given_at: consent.given_at,
                page_url: None,
                ip: None,
                user_agent: None,
                origin: None,
                certificates: BTreeMap::new(),
                brand: consent.brand.clone(),
            },
            notes: Vec::new(),
            ..self.clone()
        }
    }
}
