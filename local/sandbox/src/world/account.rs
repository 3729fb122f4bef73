//! Constant Contact accounts, their users, lists and tags.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::activity::{Activity, ActivityState};
use super::contact::Contact;
use super::fields::CustomField;
use crate::dice::Dice;

#[derive(Debug)]
pub struct Account {
    pub encoded_id: String,
    pub organization: String,
    pub contact_email: String,
    pub website: String,
    /// New sign-ups must confirm by mail first.
    pub confirmed_opt_in: bool,
    pub users: Vec<User>,
    pub lists: Vec<List>,
    pub fields: Vec<CustomField>,
    pub tags: Vec<Tag>,
    pub activities: Vec<Activity>,
    /// How the next imports end, if not `completed`.
    pub import_endings: VecDeque<ActivityState>,
    /// Every contact ever; nothing is hard-deleted, so positions are stable.
    pub(super) contacts: Vec<Contact>,
    pub(super) by_id: HashMap<Uuid, usize>,
    pub(super) by_email: HashMap<String, usize>,
}

/// One user of one account, by position; neither is ever removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seat {
    pub account: usize,
    pub user: usize,
}

#[derive(Debug)]
pub struct User {
    pub login: String,
    pub id: Uuid,
    pub platform_user_id: Uuid,
    pub role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Owner,
    Manager,
    CampaignCreator,
}

impl Role {
    /// The privileges the API reports, with their ids.
    pub fn privileges(self) -> &'static [(u32, &'static str)] {
        const CREATOR: &[(u32, &str)] = &[
            (7, "contacts:lists:read"),
            (30, "campaign:create"),
            (31, "campaign:read"),
            (32, "campaign:write"),
        ];
        const FULL: &[(u32, &str)] = &[
            (1, "account:read"),
            (2, "account:update"),
            (5, "contacts:read"),
            (6, "contacts:write"),
            (7, "contacts:lists:read"),
            (8, "contacts:lists:write"),
            (30, "campaign:create"),
            (31, "campaign:read"),
            (32, "campaign:write"),
            (33, "campaign:send"),
        ];
        match self {
            Self::Owner | Self::Manager => FULL,
            Self::CampaignCreator => CREATOR,
        }
    }

    pub fn has(self, privilege: &str) -> bool {
        self.privileges().iter().any(|(_, name)| *name == privilege)
    }
}

#[derive(Debug)]
pub struct List {
    pub id: Uuid,
    pub name: String,
    pub description: Option<String>,
    pub favorite: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

#[derive(Debug)]
pub struct Tag {
    pub id: Uuid,
    pub name: String,
    pub source: Option<String>,
    pub created_at: Timestamp,
}

impl Account {
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    pub fn contact(&self, id: Uuid) -> Option<&Contact> {
        self.by_id.get(&id).map(|at| &self.contacts[*at])
    }

    pub fn contact_mut(&mut self, id: Uuid) -> Option<&mut Contact> {
        let at = *self.by_id.get(&id)?;
        Some(&mut self.contacts[at])
    }

    pub fn contact_by_email(&self, key: &str) -> Option<&Contact> {
        self.by_email.get(key).map(|at| &self.contacts[*at])
    }

    pub fn list(&self, id: Uuid) -> Option<&List> {
        self.lists.iter().find(|list| list.id == id)
    }

    /// Adds a manager, unless there is a user with this login.
    pub fn add_manager(&mut self, login: &str, dice: &mut Dice) {
        if self.users.iter().all(|user| user.login != login) {
            self.users.push(User {
                login: login.to_owned(),
                id: dice.uuid(),
                platform_user_id: dice.uuid(),
                role: Role::Manager,
            });
        }
    }

    /// Adds a contact and returns its position.
    pub(super) fn add_contact(&mut self, contact: Contact) -> usize {
        let at = self.contacts.len();
        self.by_id.insert(contact.id, at);
        if let Some(email) = &contact.email {
            self.by_email.insert(email.to_ascii_lowercase(), at);
        }
        self.contacts.push(contact);
        at
    }
}
