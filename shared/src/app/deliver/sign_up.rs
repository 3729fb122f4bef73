//! What a call says.

use super::batch;
use super::take::Ready;
use crate::domain::connection::Connection;
use crate::domain::contact::{Contact, Note, NoteKind};
use crate::domain::crm::OptionalField;
use crate::domain::ids::RemoteId;
use crate::domain::lead::{LeadRecord, WaitReason};
use crate::ports::SignUp;

/// The call's content beside what is `there` already, or what the leads wait for.
pub(super) fn sign_up(
    ready: &Ready,
    leads: &[LeadRecord],
    there: &[LeadRecord],
) -> Result<SignUp, WaitReason> {
    let lists = lists_of_all(ready, leads)?;
    let contact = batch::merged(leads, there).ok_or(WaitReason::NoList)?;
    let (contact, _) = contact.for_remote();
    Ok(SignUp {
        custom_fields: known_fields(&contact, &ready.connection),
        contact,
        lists,
    })
}

/// The lists that leads join together, or what they wait for.
pub(super) fn lists_of_all(
    ready: &Ready,
    leads: &[LeadRecord],
) -> Result<Vec<RemoteId>, WaitReason> {
    let mut lists = Vec::new();
    for lead in leads {
        lists.extend(ready.lists_of(lead)?);
    }
    lists.sort_unstable();
    lists.dedup();
    Ok(lists)
}

/// The values whose label is a custom field of the account; others stay in the ledger.
fn known_fields(contact: &Contact, connection: &Connection) -> Vec<(RemoteId, String)> {
    let fields = &connection.catalog.custom_fields;
    let of_label = |label: &str| {
        fields
            .iter()
            .find(|field| field.label.eq_ignore_ascii_case(label))
    };
    contact
        .custom_fields
        .iter()
        .filter_map(|(label, value)| Some((of_label(label)?.id.clone(), value.clone())))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

/// Leaves fields out, with a note of each that was there; says whether there was one.
pub(super) fn leave_out(
    sign_up: &mut SignUp,
    fields: &[OptionalField],
    notes: &mut Vec<Note>,
) -> bool {
    let before = notes.len();
    let there = fields.iter().filter(|field| drop_field(sign_up, **field));
    notes.extend(there.map(|field| Note {
        field: field.name().to_owned(),
        what: NoteKind::Omitted,
    }));
    notes.len() > before
}

fn drop_field(sign_up: &mut SignUp, field: OptionalField) -> bool {
    match field {
        OptionalField::Phone => !std::mem::take(&mut sign_up.contact.phone_number).is_empty(),
        OptionalField::CustomFields => !std::mem::take(&mut sign_up.custom_fields).is_empty(),
        OptionalField::Address => !std::mem::take(&mut sign_up.contact.street_address).is_empty(),
    }
}
