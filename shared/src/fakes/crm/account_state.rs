use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::bulk::QueuedImport;
use super::contract::assert_sign_up_valid;
use crate::domain::connection::{Account, Catalog, ContactList, CustomField, FieldKind};
use crate::domain::contact::Contact;
use crate::domain::crm::{CrmError, Refusal};
use crate::domain::email::EmailAddress;
use crate::domain::ids::RemoteId;
use crate::domain::lead::{DeliveryAction, MAX_CUSTOM_FIELDS, Permission};
use crate::ports::{Found, LeftOut, OptOuts, SignUp, SignedUp};

/// An account and everything in it.
#[derive(Debug)]
pub(super) struct AccountState {
    pub(super) account: Account,
    pub(super) privileges: Vec<String>,
    /// Whether sign-ups are forbidden whatever the user's privileges are.
    pub(super) forbids_writes: bool,
    pub(super) confirmed_opt_in: bool,
    /// Whether a contact made with explicit permission, other than by a sign-up, skips the confirmation.
    pub(super) skips_confirmation_without_sign_up: bool,
    /// Whether refusals have no message.
    pub(super) refuses_without_message: bool,
    /// Whether a success names no contact.
    pub(super) omits_contact_ids: bool,
    pub(super) catalog: Catalog,
    contacts: BTreeMap<String, RemoteContact>,
    /// Addresses that are called invalid for now, by their keys.
    pub(super) held_back: BTreeSet<String>,
    pub(super) imports: Vec<QueuedImport>,
    pub(super) imports_fail: usize,
    pub(super) import_accepts_phone: Option<SignedDuration>,
    pub(super) imports_cut: Option<usize>,
}

/// A contact in the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteContact {
    /// Its id.
    pub id: RemoteId,
    /// The newest value of everything that sign-ups said about the person.
    pub contact: Contact,
    /// Custom fields of all sign-ups, by id.
    pub custom_fields: BTreeMap<RemoteId, String>,
    /// Lists of all sign-ups.
    pub lists: BTreeSet<RemoteId>,
    /// Whether it may be mailed.
    pub permission: RemotePermission,
    /// When the person left, if they are gone now.
    pub opted_out_at: Option<Timestamp>,
    /// When the account deleted it, if it is deleted now.
    pub deleted_at: Option<Timestamp>,
    /// When a sign-up brought a person back who had left.
    pub resubscribed_at: Option<Timestamp>,
    /// How many sign-ups made or changed it.
    pub sign_ups: u32,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
}

impl From<&RemoteContact> for Found {
    fn from(contact: &RemoteContact) -> Self {
        Self {
            contact: contact.id.clone(),
            opted_out_at: contact.gone_at(),
            permission: match contact.permission {
                RemotePermission::Explicit => Some(Permission::Explicit),
                RemotePermission::Implicit => Some(Permission::Implicit),
                RemotePermission::PendingConfirmation => Some(Permission::PendingConfirmation),
                RemotePermission::Unsubscribed => None,
            },
            lists: contact.lists.iter().cloned().collect(),
            first_name: contact.contact.first_name.clone(),
            last_name: contact.contact.last_name.clone(),
            job_title: contact.contact.job_title.clone(),
            company_name: contact.contact.company_name.clone(),
        }
    }
}

/// The permission to mail a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemotePermission {
    /// Asked and agreed.
    Explicit,
    /// Has to confirm first.
    PendingConfirmation,
    /// Imported by the account.
    Implicit,
    /// Has opted out.
    Unsubscribed,
}

impl AccountState {
    pub(super) fn new(account: &str, name: &str) -> Self {
        const OWNER: [&str; 4] = [
            "contacts:read",
            "contacts:write",
            "contacts:lists:read",
            "contacts:lists:write",
        ];
        Self {
            account: Account {
                id: account.to_owned(),
                name: name.to_owned(),
            },
            privileges: OWNER.map(str::to_owned).to_vec(),
            forbids_writes: false,
            confirmed_opt_in: false,
            skips_confirmation_without_sign_up: false,
            refuses_without_message: false,
            omits_contact_ids: false,
            catalog: Catalog::default(),
            contacts: BTreeMap::new(),
            held_back: BTreeSet::new(),
            imports: Vec::new(),
            imports_fail: 0,
            import_accepts_phone: None,
            imports_cut: None,
        }
    }

    pub(super) fn allows(&self, privilege: Option<&str>) -> Result<(), CrmError> {
        let has = |name: &str| {
            let forbidden = self.forbids_writes && name == "contacts:write";
            !forbidden && self.privileges.iter().any(|own| own == name)
        };
        if privilege.is_none_or(has) {
            Ok(())
        } else {
            Err(CrmError::Forbidden)
        }
    }

    pub(super) fn add_list(&mut self, id: RemoteId, name: &str) -> ContactList {
        let name = name.to_owned();
        let list = ContactList { id, name };
        self.catalog.lists.push(list.clone());
        list
    }

    pub(super) fn remove_list(&mut self, id: &RemoteId) {
        self.catalog.lists.retain(|list| list.id != *id);
    }

    pub(super) fn add_custom_field(&mut self, id: RemoteId, label: &str) {
        self.catalog.custom_fields.push(CustomField {
            id,
            label: label.to_owned(),
            name: label.replace(' ', "_"),
            kind: Some(FieldKind::Text),
        });
    }

    pub(super) fn remove_custom_field(&mut self, id: &RemoteId) {
        self.catalog.custom_fields.retain(|field| field.id != *id);
    }

    pub(super) fn contact(&self, email: &EmailAddress) -> Option<&RemoteContact> {
        self.contacts.get(&email.key())
    }

    pub(super) fn contacts(&self) -> Vec<RemoteContact> {
        self.contacts.values().cloned().collect()
    }

    pub(super) fn opt_outs_since(&self, since: Timestamp) -> OptOuts {
        let gone = |(key, contact): (&String, &RemoteContact)| {
            let at = contact.gone_at().filter(|at| *at >= since)?;
            Some((key.clone(), at))
        };
        self.contacts.iter().filter_map(gone).collect()
    }

    /// Deletes a contact, if there is one, and takes it off all lists.
    pub(super) fn delete_contact(&mut self, email: &EmailAddress, now: Timestamp) {
        if let Some(contact) = self.contacts.get_mut(&email.key()) {
            contact.updated_at = now;
            contact.deleted_at = Some(now);
            contact.lists.clear();
        }
    }

    /// The contact of an address, added by the account if there is none.
    pub(super) fn known_or_new(
        &mut self,
        email: &EmailAddress,
        id: RemoteId,
        now: Timestamp,
    ) -> &mut RemoteContact {
        let contact = self.contacts.entry(email.key());
        contact.or_insert_with(|| RemoteContact {
            permission: RemotePermission::Implicit,
            ..RemoteContact::unknown(email, id, now)
        })
    }

    pub(super) fn opt_out(&mut self, email: &EmailAddress, id: RemoteId, now: Timestamp) {
        let contact = self.contacts.entry(email.key());
        let contact = contact.or_insert_with(|| RemoteContact::unknown(email, id, now));
        contact.updated_at = now;
        contact.permission = RemotePermission::Unsubscribed;
        contact.opted_out_at = Some(now);
    }

    /// Accepts a sign-up as the real API does: an unknown list or field refuses all of it, omitted values stay, lists
    /// and fields are added to the existing ones, and a person who had left is back.
    pub(super) fn sign_up(
        &mut self,
        sign_up: &SignUp,
        id: RemoteId,
        now: Timestamp,
    ) -> Result<SignedUp, CrmError> {
        assert_sign_up_valid(sign_up);
        self.check(sign_up).map_err(|error| match error {
            CrmError::Invalid(_) | CrmError::NotFound(_) if self.refuses_without_message => {
                CrmError::Invalid(Refusal::default())
            }
            error => error,
        })?;
        let email = &sign_up.contact.email;
        let known = self.contacts.contains_key(&email.key());
        let contact = self.contacts.entry(email.key());
        let contact = contact.or_insert_with(|| RemoteContact::unknown(email, id, now));
        contact.updated_at = now;
        contact.deleted_at = None;
        update(&mut contact.contact, &sign_up.contact);
        contact.lists.extend(sign_up.lists.iter().cloned());
        contact
            .custom_fields
            .extend(sign_up.custom_fields.iter().cloned());
        contact.sign_ups += 1;
        if contact.opted_out_at.take().is_some() {
            contact.resubscribed_at = Some(now);
        }
        contact.permission = match contact.permission {
            RemotePermission::PendingConfirmation if known => RemotePermission::PendingConfirmation,
            _ if !known && self.confirmed_opt_in => RemotePermission::PendingConfirmation,
            _ => RemotePermission::Explicit,
        };
        let action = if known {
            DeliveryAction::Updated
        } else {
            DeliveryAction::Created
        };
        Ok(SignedUp {
            contact: Some(contact.id.clone()).filter(|_| !self.omits_contact_ids),
            action,
            left_out: vec![],
        })
    }

    /// Adds a new contact, with the permission requested.
    pub(super) fn make(
        &mut self,
        sign_up: &SignUp,
        permission: Permission,
        id: RemoteId,
        now: Timestamp,
    ) -> Result<SignedUp, CrmError> {
        let made = self.sign_up(sign_up, id, now)?;
        let contact = self.contacts.get_mut(&sign_up.contact.email.key());
        let contact = contact.expect("the contact was just made");
        contact.permission = match permission {
            Permission::PendingConfirmation => RemotePermission::PendingConfirmation,
            _ if self.skips_confirmation_without_sign_up => RemotePermission::Explicit,
            _ => contact.permission,
        };
        Ok(made)
    }

    /// The parts of a sign-up that an existing contact has room for, and the rest.
    pub(super) fn fitting(&self, sign_up: &SignUp) -> (SignUp, Vec<LeftOut>) {
        let (mut fitting, mut left_out) = (sign_up.clone(), Vec::new());
        let known = self.contact(&sign_up.contact.email);
        let has = |id: &RemoteId| known.is_some_and(|known| known.custom_fields.contains_key(id));
        let held = known.map_or(0, |known| known.custom_fields.len());
        let mut room = MAX_CUSTOM_FIELDS.saturating_sub(held);
        fitting.custom_fields.retain(|(id, _)| {
            let fits = has(id) || room > 0;
            room -= usize::from(fits && !has(id));
            if !fits {
                left_out.push(LeftOut::Field(id.clone()));
            }
            fits
        });
        (fitting, left_out)
    }

    fn check(&self, sign_up: &SignUp) -> Result<(), CrmError> {
        if self.held_back.contains(&sign_up.contact.email.key()) {
            return Err(invalid("email_address is not a valid email address"));
        }
        if sign_up.lists.is_empty() || sign_up.lists.len() > 50 {
            return Err(invalid("list_memberships has to have 1 to 50 items"));
        }
        let known = |id: &RemoteId| self.catalog.lists.iter().any(|list| list.id == *id);
        if !sign_up.lists.iter().all(known) {
            let refusal = Refusal::of("contacts.api.not_found", "a list was not found");
            return Err(CrmError::NotFound(refusal));
        }
        let fields = &self.catalog.custom_fields;
        let known = |id: &RemoteId| fields.iter().any(|field| field.id == *id);
        if !sign_up.custom_fields.iter().all(|(id, _)| known(id)) {
            return Err(invalid("custom_field_id does not exist"));
        }
        Ok(())
    }
}

/// Updates only what a sign-up says about a person.
fn update(known: &mut Contact, new: &Contact) {
    for (known, new) in [
        (&mut known.first_name, &new.first_name),
        (&mut known.last_name, &new.last_name),
        (&mut known.job_title, &new.job_title),
        (&mut known.company_name, &new.company_name),
        (&mut known.phone_number, &new.phone_number),
    ] {
        if !new.is_empty() {
            known.clone_from(new);
        }
    }
    if !new.street_address.is_empty() {
        known.street_address = new.street_address.clone();
    }
    known.email = new.email.clone();
    known.custom_fields.extend(new.custom_fields.clone());
}

pub(super) fn invalid(message: &str) -> CrmError {
    CrmError::Invalid(Refusal::of("contacts.api.validation.error", message))
}

impl RemoteContact {
    /// When the person left or the account deleted it, whichever came last.
    fn gone_at(&self) -> Option<Timestamp> {
        self.opted_out_at.max(self.deleted_at)
    }

    fn unknown(email: &EmailAddress, id: RemoteId, now: Timestamp) -> Self {
        Self {
            id,
            contact: Contact::of(email.clone()),
            custom_fields: BTreeMap::new(),
            lists: BTreeSet::new(),
            permission: RemotePermission::Explicit,
            opted_out_at: None,
            deleted_at: None,
            resubscribed_at: None,
            sign_ups: 0,
            updated_at: now,
        }
    }
}
