//! The sub-resources of a contact body.

use super::contact::{Address, FieldData, Phone};
use super::{Account, Contact, Context, Refusal};
use crate::contract::{ChoiceId, FieldInput, Id, NoteInput, PhoneInput, Source, StreetAddress};

/// An omitted one stays as it is.
pub(super) struct Parts<'a> {
    pub(super) fields: Option<&'a [FieldInput]>,
    pub(super) phones: Option<&'a [PhoneInput]>,
    pub(super) addresses: Option<&'a [StreetAddress]>,
    pub(super) lists: Option<&'a [Id]>,
    pub(super) tags: Option<&'a [Id]>,
    pub(super) notes: Option<&'a [NoteInput]>,
}

macro_rules! parts {
    ($input:expr) => {
        $crate::world::parts::Parts {
            fields: $input.custom_fields.as_ref().map(|items| items.items()),
            phones: $input.phone_numbers.as_ref().map(|items| items.items()),
            addresses: $input.street_addresses.as_ref().map(|items| items.items()),
            lists: $input.list_memberships.as_ref().map(|items| items.items()),
            tags: $input.taggings.as_ref().map(|items| items.items()),
            notes: $input.notes.as_ref().map(|items| items.items()),
        }
    };
}

pub(super) use parts;

impl Account {
    pub(super) fn check(&self, parts: &Parts<'_>, context: &Context<'_>) -> Result<(), Refusal> {
        self.check_lists(parts.lists.unwrap_or_default(), context)?;
        for input in parts.fields.unwrap_or_default() {
            let field = input.custom_field_id.0;
            match (&input.value, &input.choice_ids) {
                (Some(value), None) => self.check_value(field, value.as_str())?,
                (None, Some(choices)) => self.check_choices(field, &numbers(choices)?)?,
                _ => {
                    return Err(Refusal::Invalid(
                        "custom_fields needs either value or choice_ids".into(),
                    ));
                }
            }
        }
        let known = |id: &&Id| self.tags.iter().any(|tag| tag.id == id.0);
        match parts.tags.unwrap_or_default().iter().find(|id| !known(id)) {
            Some(id) => Err(Refusal::Invalid(format!("tag_id {} does not exist", id.0))),
            None => Ok(()),
        }
    }
}

fn numbers(choices: &[ChoiceId]) -> Result<Vec<u64>, Refusal> {
    let numbers = choices.iter().map(ChoiceId::number).collect::<Option<_>>();
    numbers.ok_or_else(|| Refusal::Invalid("choice_ids does not have a valid value".into()))
}

impl Parts<'_> {
    /// A collection that is sent replaces the present one.
    pub(super) fn apply(&self, contact: &mut Contact, source: Source, context: &mut Context<'_>) {
        let now = context.now;
        if let Some(fields) = self.fields {
            contact.fields.clear();
            for input in fields {
                contact.put_field(data(input));
            }
        }
        if let Some(phones) = self.phones {
            let phone = |input: &PhoneInput| Phone {
                id: context.dice.uuid(),
                number: input.phone_number.as_str().to_owned(),
                kind: input.kind,
                source,
                created_at: now,
            };
            contact.phones = phones.iter().map(phone).collect();
        }
        if let Some(addresses) = self.addresses {
            let address = |input| Address::from_input(input, context);
            contact.addresses = addresses.iter().map(address).collect();
        }
        if let Some(lists) = self.lists {
            contact.lists = Vec::new();
            contact.join(lists.iter().map(|id| id.0));
        }
        if let Some(tags) = self.tags {
            contact.tags = tags.iter().map(|id| id.0).collect();
        }
        if let Some(notes) = self.notes {
            let note =
                |input: &NoteInput| (context.dice.uuid(), now, input.content.as_str().to_owned());
            contact.notes = notes.iter().map(note).collect();
        }
    }
}

fn data(input: &FieldInput) -> FieldData {
    let choices = input.choice_ids.iter().flatten();
    FieldData {
        field: input.custom_field_id.0,
        value: input.value.as_ref().map(|value| value.as_str().to_owned()),
        choices: choices.filter_map(ChoiceId::number).collect(),
    }
}
