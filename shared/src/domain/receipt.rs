//! A consent receipt: what a consent record tells anybody who asks for proof, in the terms of ISO/IEC TS 27560.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::customer::Customer;
use super::form::names_brand;
use super::ids::{CustomerId, FormId, LeadId};
use super::keys::Seal;
use super::lead::Lead;

/// A consent receipt. What the standard has no name for is under `consent_record`. The standard's `privacy_notice` is
/// left out, since nothing tells which one was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    schema_version: &'static str,
    receipt_id: LeadId,
    record_id: LeadId,
    pii_principal_id: String,
    pii_processing: Processing,
    party_identification: Vec<Party>,
    events: Vec<Event>,
    consent_record: Record,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Processing {
    purposes: Vec<Purpose>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Purpose {
    purpose: String,
    purpose_type: &'static str,
    lawful_basis: &'static str,
    pii_information: Vec<Pii>,
    pii_controllers: Vec<CustomerId>,
    collection_method: &'static str,
    recipient_third_parties: Vec<&'static str>,
    withdrawal_method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Pii {
    pii_type: String,
    pii_optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Party {
    party_id: CustomerId,
    party_name: String,
    party_role: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Event {
    event_time: Timestamp,
    event_type: &'static str,
    event_state: &'static str,
    entity_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Record {
    form_id: FormId,
    statement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<String>,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    certificates: BTreeMap<String, String>,
    seal: Seal,
}

impl Receipt {
    /// From a lead whose seal is intact. The brand is the one that was sealed; today's is used only for a consent given
    /// before brands were kept. It is stated only if the statement names it; otherwise the customer appears by its
    /// name, or by its id if it is gone.
    #[must_use]
    pub fn of(lead: &Lead, customer: Option<&Customer>) -> Self {
        let (consent, person) = (&lead.consent, lead.contact.email.as_str().to_owned());
        let today = customer.map(|customer| customer.brand.as_str());
        let brand = consent.brand.as_deref().or(today);
        let brand = brand.filter(|brand| names_brand(&consent.statement, brand));
        let name = customer.map_or(lead.customer.as_str(), |customer| &customer.name);
        Self {
            schema_version: "ISO/IEC TS 27560:2023",
            receipt_id: lead.id.clone(),
            record_id: lead.id.clone(),
            pii_principal_id: person.clone(),
            pii_processing: Processing {
                purposes: vec![Purpose::mailing(lead, brand)],
            },
            party_identification: vec![Party {
                party_id: lead.customer.clone(),
                party_name: brand.unwrap_or(name).to_owned(),
                party_role: "pii_controller",
            }],
            events: vec![Event {
                event_time: consent.given_at,
                event_type: "explicit",
                event_state: "given",
                entity_id: person,
            }],
            consent_record: Record {
                form_id: lead.form.clone(),
                statement: consent.statement.clone(),
                statement_version: consent.version,
                page_url: consent.page_url.clone(),
                received_at: lead.received_at,
                ip: consent.ip.clone(),
                user_agent: consent.user_agent.clone(),
                origin: consent.origin.clone(),
                certificates: consent.certificates.clone(),
                seal: lead.seal.clone(),
            },
        }
    }
}

impl Purpose {
    fn mailing(lead: &Lead, brand: Option<&str>) -> Self {
        let contact = &lead.contact;
        let fields = [
            ("first_name", &contact.first_name),
            ("last_name", &contact.last_name),
            ("job_title", &contact.job_title),
            ("company_name", &contact.company_name),
            ("phone_number", &contact.phone_number),
        ];
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let mut names = vec!["email_address"];
        names.extend(given.map(|(name, _)| *name));
        if !contact.street_address.is_empty() {
            names.push("street_address");
        }
        let own = names.into_iter().map(str::to_owned);
        let all = own.chain(contact.custom_fields.keys().cloned());
        let pii = |pii_type: String| Pii {
            pii_optional: pii_type != "email_address",
            pii_type,
        };
        Self {
            purpose: brand.map_or("e-mail".to_owned(), |brand| format!("e-mail from {brand}")),
            purpose_type: "direct_marketing",
            lawful_basis: "consent",
            pii_information: all.map(pii).collect(),
            pii_controllers: vec![lead.customer.clone()],
            collection_method: "form",
            recipient_third_parties: vec!["Constant Contact"],
            withdrawal_method: "the link in every mail",
        }
    }
}
