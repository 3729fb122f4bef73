//! One contact, its permission and its history.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::contract::{AddressKind, Permission, PhoneKind, Source};
use crate::dice::Dice;

#[derive(Clone, Debug)]
pub struct Contact {
    pub id: Uuid,
    pub email: Option<String>,
    pub sms_address: Option<String>,
    pub permission: Permission,
    pub confirm_status: ConfirmStatus,
    pub opt_in_source: Option<Source>,
    pub opt_in_date: Option<Timestamp>,
    pub opt_out_source: Option<Source>,
    pub opt_out_date: Option<Timestamp>,
    pub opt_out_reason: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub job_title: Option<String>,
    pub company_name: Option<String>,
    pub birthday: Option<(u8, u8)>,
    pub anniversary: Option<String>,
    pub create_source: Source,
    pub update_source: Source,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub fields: Vec<FieldData>,
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
    pub lists: Vec<Uuid>,
    pub tags: Vec<Uuid>,
    pub notes: Vec<(Uuid, Timestamp, String)>,
    /// A resubscribe mail goes out once per unsubscribed contact.
    pub resubscribe_sent: bool,
    pub history: Vec<(Timestamp, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmStatus {
    Off,
    Pending,
    Confirmed,
}

#[derive(Clone, Debug)]
pub struct FieldData {
    pub field: Uuid,
    pub value: Option<String>,
    pub choices: Vec<u64>,
}

#[derive(Clone, Debug)]
pub struct Phone {
    pub id: Uuid,
    pub number: String,
    pub kind: Option<PhoneKind>,
    pub source: Source,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Address {
    pub id: Uuid,
    pub kind: AddressKind,
    pub street: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub created_at: Timestamp,
}

impl Contact {
    /// A contact with nothing but an address; its permission is `not_set`.
    pub fn new(email: Option<&str>, source: Source, now: Timestamp, dice: &mut Dice) -> Self {
        Self {
            id: dice.uuid(),
            email: email.map(str::to_owned),
            sms_address: None,
            permission: Permission::NotSet,
            confirm_status: ConfirmStatus::Off,
            opt_in_source: None,
            opt_in_date: None,
            opt_out_source: None,
            opt_out_date: None,
            opt_out_reason: None,
            first_name: None,
            last_name: None,
            job_title: None,
            company_name: None,
            birthday: None,
            anniversary: None,
            create_source: source,
            update_source: source,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            fields: Vec::new(),
            phones: Vec::new(),
            addresses: Vec::new(),
            lists: Vec::new(),
            tags: Vec::new(),
            notes: Vec::new(),
            resubscribe_sent: false,
            history: vec![(now, "created".into())],
        }
    }

    /// Sets `permission`, ending an opt-out.
    pub fn permit(&mut self, permission: Permission, source: Source, now: Timestamp) {
        self.permission = permission;
        self.confirm_status = match permission {
            Permission::PendingConfirmation => ConfirmStatus::Pending,
            _ => ConfirmStatus::Off,
        };
        let opts_in = matches!(permission, Permission::Explicit | Permission::Implicit);
        self.opt_in_source = opts_in.then_some(source);
        self.opt_in_date = opts_in.then_some(now);
        self.opt_out_source = None;
        self.opt_out_date = None;
        self.opt_out_reason = None;
        self.note(now, format!("permission {permission:?}"));
    }

    /// Opts out; an unsubscribed contact is on no list.
    pub fn unsubscribe(&mut self, source: Source, reason: Option<String>, at: Timestamp) {
        self.permission = Permission::Unsubscribed;
        self.opt_out_source = Some(source);
        self.opt_out_date = Some(at);
        self.opt_out_reason = reason;
        self.lists.clear();
        self.resubscribe_sent = false;
        self.updated_at = at;
        self.note(at, format!("unsubscribed by {source:?}"));
    }

    /// Who ended the mailing and when: by an opt-out, or else by a deletion.
    pub fn opted_out(&self) -> Option<(Source, Timestamp)> {
        let opt_out = self.opt_out_source.zip(self.opt_out_date);
        opt_out.or(self.deleted_at.map(|at| (Source::Account, at)))
    }

    pub fn delete(&mut self, now: Timestamp) {
        self.deleted_at = Some(now);
        self.lists.clear();
        self.updated_at = now;
        self.note(now, "deleted");
    }

    /// The person answered a confirmation mail.
    pub fn confirm(&mut self, now: Timestamp) {
        self.permit(Permission::Explicit, Source::Contact, now);
        self.confirm_status = ConfirmStatus::Confirmed;
        self.updated_at = now;
    }

    /// Whether the account may mail it: neither deleted nor without permission.
    pub fn is_active(&self) -> bool {
        let mailable = matches!(self.permission, Permission::Explicit | Permission::Implicit);
        mailable && self.deleted_at.is_none()
    }

    pub fn join(&mut self, lists: impl IntoIterator<Item = Uuid>) {
        for list in lists {
            if !self.lists.contains(&list) {
                self.lists.push(list);
            }
        }
    }

    pub fn put_field(&mut self, data: FieldData) {
        match self
            .fields
            .iter_mut()
            .find(|known| known.field == data.field)
        {
            Some(known) => *known = data,
            None => self.fields.push(data),
        }
    }

    pub fn note(&mut self, at: Timestamp, what: impl Into<String>) {
        self.history.push((at, what.into()));
    }
}
