//! What a call says.

use super::batch;
use super::take::{Ready, lists_of};
use crate::domain::connection::Connection;
use crate::domain::contact::Contact;
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
    let mut lists: Vec<RemoteId> = Vec::new();
    for lead in leads {
        lists.extend(lists_of(&ready.connection, &ready.forms, lead)?);
    }
    lists.sort_unstable();
    lists.dedup();
    let contact = batch::merged(leads, there).ok_or(WaitReason::NoList)?;
    let (contact, _) = contact.for_remote();
    Ok(SignUp {
        custom_fields: known_fields(&contact, &ready.connection),
        contact,
        lists,
    })
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

/// Leaves a field out; says whether it was there.
pub(super) fn drop_field(sign_up: &mut SignUp, field: OptionalField) -> bool {
    match field {
        OptionalField::Phone => !std::mem::take(&mut sign_up.contact.phone_number).is_empty(),
        OptionalField::CustomFields => !std::mem::take(&mut sign_up.custom_fields).is_empty(),
        OptionalField::Address => !std::mem::take(&mut sign_up.contact.street_address).is_empty(),
    }
}
