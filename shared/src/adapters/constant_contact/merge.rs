//! Creates or updates a contact through `/contacts`, for addresses too long for `sign_up_form`.
//!
//! A `PUT` empties every property that it leaves out, and replaces a collection that it names. So the contact is read
//! first, and its values are sent along with the lead's; a collection to which the lead adds nothing is not named, and
//! stays.

use serde::{Deserialize, Serialize};

use super::sign_up::{Address, Field, Phone, address, fields, phone};
use crate::domain::connection::MAX_LISTS;
use crate::domain::crm::{CrmError, OptionalField, Refusal};
use crate::domain::ids::RemoteId;
use crate::domain::lead::{MAX_CUSTOM_FIELDS, Permission};
use crate::ports::{LeftOut, SignUp};

/// The person was asked and agreed.
pub(super) const EXPLICIT: &str = "explicit";
/// Added by the account.
pub(super) const IMPLICIT: &str = "implicit";
/// Asked to confirm.
pub(super) const PENDING: &str = "pending_confirmation";

/// Maximum phones, and maximum addresses, of one contact.
const MAX_PLACES: usize = 3;

/// A contact as read, created or replaced: the properties are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Person {
    email_address: Email,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    create_source: Option<&'static str>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    update_source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    company_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birthday_month: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birthday_day: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    anniversary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_fields: Vec<Field>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phone_numbers: Vec<Phone>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    street_addresses: Vec<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list_memberships: Vec<RemoteId>,
    #[serde(skip_serializing)]
    deleted_at: Option<String>,
}

/// A contact to be written, and the parts of a sign-up that it leaves out.
type WithLeftOut = (Person, Vec<LeftOut>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Email {
    address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    permission_to_send: String,
}

impl Person {
    /// The sub-resources that a read has to request.
    pub(super) const INCLUDE: &'static str =
        "custom_fields,list_memberships,phone_numbers,street_addresses";

    /// A new contact, and what it leaves out for lack of room.
    ///
    /// # Errors
    /// The refusal of a sign-up if there are more lists than a contact can be on.
    pub(super) fn new(sign_up: &SignUp, permission: Permission) -> Result<WithLeftOut, CrmError> {
        let mut person = Self::default();
        person.email_address.address = sign_up.contact.email.as_str().to_owned();
        person.email_address.permission_to_send = permission_name(permission).to_owned();
        person.create_source = Some("Contact");
        person.take(sign_up)
    }

    /// The contact that was read, brought back by the account, if it was deleted: only the account can do that, and
    /// only the person can then opt in again.
    pub(super) fn restored(&self) -> Option<Self> {
        let restored = Self {
            update_source: Some("Account"),
            custom_fields: Vec::new(), // not named, so kept
            phone_numbers: Vec::new(),
            street_addresses: Vec::new(),
            list_memberships: Vec::new(),
            ..self.clone()
        };
        self.deleted_at.is_some().then_some(restored)
    }

    /// The replacement of the contact that was read, and what it leaves out.
    ///
    /// # Errors
    /// As above.
    pub(super) fn replacing(mut self, sign_up: &SignUp) -> Result<WithLeftOut, CrmError> {
        self.update_source = Some("Contact");
        self.take(sign_up)
    }

    fn take(mut self, sign_up: &SignUp) -> Result<WithLeftOut, CrmError> {
        // A person who was asked by mail to confirm still has to.
        if self.email_address.permission_to_send != PENDING {
            self.email_address.permission_to_send = EXPLICIT.to_owned();
        }
        let contact = &sign_up.contact;
        for (own, brought) in [
            (&mut self.first_name, &contact.first_name),
            (&mut self.last_name, &contact.last_name),
            (&mut self.job_title, &contact.job_title),
            (&mut self.company_name, &contact.company_name),
        ] {
            if !brought.is_empty() {
                *own = Some(brought.clone());
            }
        }
        let lists = sign_up.lists.iter().cloned();
        let lists = add(&mut self.list_memberships, lists, MAX_LISTS, |_, _| false);
        if !lists.is_empty() {
            let words = format!("list_memberships: a contact is on at most {MAX_LISTS}");
            return Err(CrmError::Invalid(Refusal::of("", &words)));
        }
        let left_out = self.take_optional(sign_up);
        Ok((self, left_out))
    }

    fn take_optional(&mut self, sign_up: &SignUp) -> Vec<LeftOut> {
        let same = |own: &Field, new: &Field| own.custom_field_id == new.custom_field_id;
        let all = fields(sign_up);
        let fields = add(&mut self.custom_fields, all, MAX_CUSTOM_FIELDS, same);
        let new = phone(sign_up).filter(|new| {
            let mut own = self.phone_numbers.iter();
            own.all(|own| own.phone_number != new.phone_number)
        });
        let phones = add(&mut self.phone_numbers, new, MAX_PLACES, |_, _| false);
        let same = |own: &Address, new: &Address| own.kind == new.kind;
        let new = address(sign_up);
        let addresses = add(&mut self.street_addresses, new, MAX_PLACES, same);
        let field = |field: Field| field.custom_field_id.parse().ok().map(LeftOut::Field);
        let mut left_out: Vec<_> = fields.into_iter().filter_map(field).collect();
        let parts = [
            (OptionalField::Phone, !phones.is_empty()),
            (OptionalField::StreetAddress, !addresses.is_empty()),
        ];
        let parts = parts.into_iter().filter(|(_, has_no_room)| *has_no_room);
        left_out.extend(parts.map(|(part, _)| LeftOut::Part(part)));
        left_out
    }
}

fn permission_name(permission: Permission) -> &'static str {
    match permission {
        Permission::Explicit => EXPLICIT,
        Permission::Implicit => IMPLICIT,
        Permission::PendingConfirmation => PENDING,
    }
}

/// Replaces items with their new versions, and appends others while there is room; `own` is empty if nothing changed,
/// so that it is not sent. Returns what there is no room for.
fn add<T: Clone + PartialEq>(
    own: &mut Vec<T>,
    brought: impl IntoIterator<Item = T>,
    most: usize,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<T> {
    let before = std::mem::take(own);
    let new = brought.into_iter().filter(|item| !before.contains(item));
    let new: Vec<_> = new.collect();
    // A collection above the limit would be refused as a whole.
    if before.len() > most {
        return new;
    }
    let (mut all, mut left_out) = (before.clone(), Vec::new());
    for item in new {
        match all.iter().position(|known| same(known, &item)) {
            Some(at) => all[at] = item,
            None if all.len() < most => all.push(item),
            None => left_out.push(item),
        }
    }
    if all != before {
        *own = all;
    }
    left_out
}

/// The contact that a conflict names: the refusal's message ends with its id.
pub(super) fn contact_id_in(words: &str) -> Option<RemoteId> {
    let mut parts = words.rsplit(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    parts.find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contact_id_is_parsed_from_the_message_of_a_conflict() {
        let id = "5e7b1a1c-0000-11ee-8c99-0242ac120002";

        for words in [
            format!("Validation failed: Email already exists for contact {id}"),
            format!("Email already exists for contact {id}."),
            format!(
                "Email 6f1e2b3c-0000-11ee-8c99-0242ac120002@example.com already exists for contact {id}"
            ),
        ] {
            assert_eq!(contact_id_in(&words), id.parse().ok());
        }
        assert_eq!(contact_id_in("Conflict"), None);
        assert_eq!(contact_id_in(""), None);
    }
}
