//! A contact by way of `/contacts`, for addresses longer than `sign_up_form` takes.
//!
//! A replacement empties every property that it leaves out and every collection that it names. So the contact is read
//! first, and what it has is sent along with what the lead brings.

use serde::{Deserialize, Serialize};

use super::sign_up::{Address, Field, KIND, Phone, address, fields, phone};
use crate::domain::ids::RemoteId;
use crate::domain::lead::Permission;
use crate::ports::SignUp;

/// Asked and agreed.
pub(super) const EXPLICIT: &str = "explicit";
/// Added by the account.
pub(super) const IMPLICIT: &str = "implicit";
/// Asked to confirm.
pub(super) const PENDING: &str = "pending_confirmation";

/// Phones, and addresses, of one contact.
const MAX_PLACES: usize = 3;
/// Custom fields of one contact.
const MAX_FIELDS: usize = 25;

/// A contact as it is read, new or replaced: the same properties each time.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    custom_fields: Vec<Field>,
    phone_numbers: Vec<Phone>,
    street_addresses: Vec<Address>,
    list_memberships: Vec<RemoteId>,
    #[serde(skip_serializing)]
    deleted_at: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Email {
    address: String,
    permission_to_send: String,
}

impl Person {
    /// The sub-resources that a read has to ask for.
    pub(super) const INCLUDE: &'static str =
        "custom_fields,list_memberships,phone_numbers,street_addresses";

    /// A new contact.
    pub(super) fn new(sign_up: &SignUp, permission: Permission) -> Self {
        let mut person = Self::default();
        person.email_address.address = sign_up.contact.email.as_str().to_owned();
        person.email_address.permission_to_send = word(permission).to_owned();
        person.take(sign_up);
        person.create_source = Some("Contact");
        person
    }

    /// The replacement of the contact that was read.
    pub(super) fn replacing(mut self, sign_up: &SignUp) -> Self {
        // A deleted contact is brought back by nobody but the account.
        let source = if self.deleted_at.is_some() {
            "Account"
        } else {
            "Contact"
        };
        self.take(sign_up);
        self.update_source = Some(source);
        self
    }

    fn take(&mut self, sign_up: &SignUp) {
        // Who was asked to confirm by mail still has to.
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
        for brought in fields(sign_up) {
            let id = brought.custom_field_id.clone();
            let same = |own: &Field| own.custom_field_id == id;
            put(&mut self.custom_fields, brought, same, MAX_FIELDS);
        }
        let brought = phone(sign_up).filter(|brought| {
            let mut own = self.phone_numbers.iter();
            own.all(|own| own.phone_number != brought.phone_number)
        });
        if let Some(brought) = brought {
            put(&mut self.phone_numbers, brought, |_| false, MAX_PLACES);
        }
        if let Some(brought) = address(sign_up) {
            let same = |own: &Address| own.kind == KIND;
            put(&mut self.street_addresses, brought, same, MAX_PLACES);
        }
        for list in &sign_up.lists {
            if !self.list_memberships.contains(list) {
                self.list_memberships.push(list.clone());
            }
        }
    }
}

fn word(permission: Permission) -> &'static str {
    match permission {
        Permission::Explicit => EXPLICIT,
        Permission::Implicit => IMPLICIT,
        Permission::PendingConfirmation => PENDING,
    }
}

/// Puts an item in the place of the same one, or beside the others while there is room.
fn put<T>(items: &mut Vec<T>, brought: T, same: impl Fn(&T) -> bool, most: usize) {
    match items.iter().position(same) {
        Some(at) => items[at] = brought,
        None if items.len() < most => items.push(brought),
        None => {}
    }
}

/// The contact that a conflict names: the refusal's words end with its id.
pub(super) fn named_in(words: &str) -> Option<RemoteId> {
    let mut parts = words.split(|c: char| !(c.is_ascii_hexdigit() || c == '-'));
    parts.find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contact_of_a_conflict_is_found_in_its_words() {
        let id = "5e7b1a1c-0000-11ee-8c99-0242ac120002";

        for words in [
            format!("Validation failed: Email already exists for contact {id}"),
            format!("Email already exists for contact {id}."),
        ] {
            assert_eq!(named_in(&words), id.parse().ok());
        }
        assert_eq!(named_in("Conflict"), None);
        assert_eq!(named_in(""), None);
    }
}
