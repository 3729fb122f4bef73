use std::collections::BTreeMap;

use jiff::Timestamp;
use leadfeed_shared::app::admin::PersonRecord;
use leadfeed_shared::domain::consent::Consent;
use leadfeed_shared::domain::contact::{Contact, Note, NoteKind, StreetAddress};
use leadfeed_shared::domain::ids::{CustomerId, FormId, LeadId, RemoteId};
use leadfeed_shared::domain::lead::{
    DeliveryAction, LeadRecord, LeadState, OptOutCheck, Permission, QuarantineReason,
    RefusalReason, TimelineEntry, WaitReason,
};
use leadfeed_shared::ports::Page;
use serde::Serialize;

#[derive(Serialize)]
pub struct LeadsView<'a> {
    leads: Vec<LeadView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<&'a str>,
}

#[derive(Serialize)]
pub struct LeadView<'a> {
    lead_id: &'a LeadId,
    customer_id: &'a CustomerId,
    form_id: &'a FormId,
    #[serde(flatten)]
    state: StateView<'a>,
    received_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    exported_at: Option<Timestamp>,
    contact: ContactView<'a>,
    consent: ConsentView<'a>,
    notes: Vec<NoteView<'a>>,
    timeline: Vec<EntryView<'a>>,
}

/// A state with its details; a claim's owner is not shown.
#[derive(Serialize, Default)]
struct StateView<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<&'a RemoteId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<DeliveryAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permission: Option<Permission>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_out_check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_at: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Why {
    Waits(WaitReason),
    Refused(RefusalReason),
    Quarantined(QuarantineReason),
}

#[derive(Serialize)]
struct EntryView<'a> {
    at: Timestamp,
    #[serde(flatten)]
    state: StateView<'a>,
}

#[derive(Serialize)]
struct ContactView<'a> {
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    job_title: &'a str,
    company_name: &'a str,
    phone_number: &'a str,
    street_address: &'a StreetAddress,
    custom_fields: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct ConsentView<'a> {
    statement: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    given_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    certificates: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct NoteView<'a> {
    field: &'a str,
    what: NoteKind,
}

pub fn leads(page: &Page<LeadRecord>) -> LeadsView<'_> {
    LeadsView {
        leads: page.items.iter().map(lead).collect(),
        next_cursor: page.next.as_deref(),
    }
}

#[derive(Serialize)]
pub struct HeldView<'a> {
    suppressed: bool,
    #[serde(flatten)]
    page: LeadsView<'a>,
}

pub fn held(held: &PersonRecord) -> HeldView<'_> {
    HeldView {
        suppressed: held.suppressed,
        page: leads(&held.leads),
    }
}

pub fn lead(record: &LeadRecord) -> LeadView<'_> {
    let lead = &record.lead;
    let waits = matches!(&record.state, LeadState::Waiting { why } if !why.needs_person());
    LeadView {
        lead_id: &lead.id,
        customer_id: &lead.customer,
        form_id: &lead.form,
        state: state(&record.state),
        received_at: lead.received_at,
        next_attempt_at: record.due_at.filter(|_| waits),
        attempts: record.attempts,
        exported_at: record.exported_at,
        contact: contact(&lead.contact),
        consent: consent(&lead.consent),
        notes: record.notes().map(note).collect(),
        timeline: record.timeline.iter().map(entry).collect(),
    }
}

fn state(state: &LeadState) -> StateView<'_> {
    let view = StateView {
        status: state.as_str(),
        ..StateView::default()
    };
    match state {
        LeadState::Received | LeadState::Queued | LeadState::Sending { .. } | LeadState::Erased => {
            view
        }
        LeadState::Delivered {
            contact,
            action,
            permission,
            opt_out_check,
            ..
        } => StateView {
            contact_id: contact.as_ref(),
            action: Some(*action),
            permission: Some(*permission),
            opt_out_check: Some(opt_out_check.as_str()),
            left_at: match opt_out_check {
                OptOutCheck::CameBack { left_at } => Some(*left_at),
                _ => None,
            },
            ..view
        },
        LeadState::Waiting { why } => StateView {
            why: Some(Why::Waits(*why)),
            ..view
        },
        LeadState::Refused { why, detail } => StateView {
            why: Some(Why::Refused(*why)),
            detail: detail.as_deref(),
            ..view
        },
        LeadState::Quarantined { why } => StateView {
            why: Some(Why::Quarantined(*why)),
            ..view
        },
    }
}

fn entry(entry: &TimelineEntry) -> EntryView<'_> {
    EntryView {
        at: entry.at,
        state: state(&entry.state),
    }
}

fn contact(contact: &Contact) -> ContactView<'_> {
    ContactView {
        email: contact.email.as_str(),
        first_name: &contact.first_name,
        last_name: &contact.last_name,
        job_title: &contact.job_title,
        company_name: &contact.company_name,
        phone_number: &contact.phone_number,
        street_address: &contact.street_address,
        custom_fields: &contact.custom_fields,
    }
}

fn consent(consent: &Consent) -> ConsentView<'_> {
    ConsentView {
        statement: &consent.statement,
        version: consent.version,
        given_at: consent.given_at,
        page_url: consent.page_url.as_deref(),
        ip: consent.ip.as_deref(),
        user_agent: consent.user_agent.as_deref(),
        origin: consent.origin.as_deref(),
        certificates: &consent.certificates,
    }
}

fn note(note: &Note) -> NoteView<'_> {
    NoteView {
        field: &note.field,
        what: note.what,
    }
}
