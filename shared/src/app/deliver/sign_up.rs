//! The content of a call.

use super::same_address::SameAddress;
use super::take::Ready;
use crate::domain::connection::CustomFieldValues;
use crate::domain::contact::{Note, NoteKind};
use crate::domain::crm::{CrmError, OptionalField};
use crate::domain::ids::RemoteId;
use crate::domain::lead::{LeadRecord, WaitReason};
use crate::ports::{LeftOut, SignUp};

/// What a call says about a person, and what it leaves out.
pub(super) struct Content {
    pub(super) sign_up: SignUp,
    /// What was left out, and what was cut without a note on the leads themselves.
    pub(super) notes: Vec<Note>,
    /// The labels of the custom fields, as the leads have them.
    labels: Vec<(RemoteId, String)>,
}

impl Content {
    /// The content of a call for leads, given those `delivered_since` of the same person, or what the leads wait for.
    pub(super) fn new(
        ready: &Ready,
        leads: &SameAddress,
        delivered_since: &[LeadRecord],
    ) -> Result<Self, WaitReason> {
        let lists = lists_of_all(ready, leads)?;
        let (contact, mut notes) = leads.merged(delivered_since).for_remote();
        notes.retain(|note| {
            let mut records = leads.iter();
            !records.any(|record| record.lead.notes.contains(note))
        });
        let values = CustomFieldValues::of(&contact, ready.fields());
        notes.extend(values.notes);
        let fields = values.fields.into_iter();
        let fields = fields.map(|(field, label, value)| {
            let id = || field.id.clone();
            ((id(), value.to_owned()), (id(), label.to_owned()))
        });
        let (custom_fields, labels) = fields.unzip();
        Ok(Self {
            sign_up: SignUp {
                contact,
                custom_fields,
                lists,
            },
            notes,
            labels,
        })
    }

    /// Leaves out the fields that a refusal blames; of the custom ones, only those that it names if it does. Says
    /// whether there were any.
    pub(super) fn leave_out_blamed(&mut self, fields: &[OptionalField], error: &CrmError) -> bool {
        let custom = OptionalField::CustomFields;
        let named = fields.contains(&custom) && self.leave_out_named(error);
        let others = fields.iter().copied();
        let others: Vec<_> = others.filter(|field| !named || *field != custom).collect();
        self.leave_out(&others) || named
    }

    /// Leaves out the custom fields that a refusal names by their ids; says whether there were any. Only the first
    /// refusal is followed so closely: an address that signs up often in a day is held back.
    fn leave_out_named(&mut self, error: &CrmError) -> bool {
        let CrmError::Invalid(refusal) = error else {
            return false;
        };
        let messages = refusal.messages.join(" ").to_lowercase();
        let is_named = |id: &RemoteId| messages.contains(&id.as_str().to_lowercase());
        let fields = &mut self.sign_up.custom_fields;
        let before = fields.len();
        if before < self.labels.len() {
            return false;
        }
        fields.retain(|(id, _)| !is_named(id));
        let named = self.labels.iter().filter(|(id, _)| is_named(id));
        let notes = named.map(|(_, label)| Note::new(label, NoteKind::Omitted));
        self.notes.extend(notes);
        self.sign_up.custom_fields.len() < before
    }

    /// Notes what the contact had no room for.
    pub(super) fn note_left_out(&mut self, parts: &[LeftOut]) {
        for part in parts {
            let label = match part {
                LeftOut::Part(field) => Some(field.name()),
                LeftOut::Field(id) => {
                    let mut labels = self.labels.iter();
                    let own = labels.find(|(known, _)| known == id);
                    own.map(|(_, label)| label.as_str())
                }
            };
            let note = label.map(|label| Note::new(label, NoteKind::Omitted));
            self.notes.extend(note);
        }
    }

    /// Leaves fields out, with a note for each that had a value; says whether there were any.
    pub(super) fn leave_out(&mut self, fields: &[OptionalField]) -> bool {
        let before = self.notes.len();
        for field in fields {
            if drop_field(&mut self.sign_up, *field) {
                self.notes.push(Note::new(field.name(), NoteKind::Omitted));
            }
        }
        self.notes.len() > before
    }
}

/// The lists that leads join together, or what they wait for.
pub(super) fn lists_of_all(
    ready: &Ready,
    leads: &SameAddress,
) -> Result<Vec<RemoteId>, WaitReason> {
    let mut lists = Vec::new();
    for record in leads.iter() {
        lists.extend(ready.lists_of(record)?);
    }
    lists.sort_unstable();
    lists.dedup();
    Ok(lists)
}

fn drop_field(sign_up: &mut SignUp, field: OptionalField) -> bool {
    match field {
        OptionalField::Phone => !std::mem::take(&mut sign_up.contact.phone_number).is_empty(),
        OptionalField::CustomFields => !std::mem::take(&mut sign_up.custom_fields).is_empty(),
        OptionalField::StreetAddress => {
            !std::mem::take(&mut sign_up.contact.street_address).is_empty()
        }
    }
}
