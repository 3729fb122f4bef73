//! Lists, tags and the activities that work on many contacts at once.

use serde::Deserialize;

use super::{Bounded, Id, Text, non_null};

/// `POST /contact_lists` and `PUT /contact_lists/{list_id}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    pub name: Text<255>,
    #[serde(default, deserialize_with = "non_null")]
    pub favorite: Option<bool>,
    #[serde(default, deserialize_with = "non_null")]
    pub description: Option<Text<255>>,
}

/// `POST /contact_tags`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTag {
    pub name: Text<255>,
    #[serde(default, deserialize_with = "non_null")]
    pub tag_source: Option<Text<255>>,
}

/// `POST /activities/contacts_taggings_add`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddTags {
    pub source: Selection,
    #[serde(default, deserialize_with = "non_null")]
    pub exclude: Option<Exclusion>,
    pub tag_ids: Bounded<Id, 1, 50>,
}

/// `POST /activities/add_list_memberships`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddMemberships {
    pub source: Selection,
    #[serde(default, deserialize_with = "non_null")]
    pub exclude: Option<Exclusion>,
    pub list_ids: Bounded<Id, 1, 50>,
}

/// The contacts; exactly one way of naming them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    ContactIds(Bounded<Id, 1, 500>),
    ListIds(Bounded<Id, 1, 50>),
    TagIds(Bounded<Id, 1, 50>),
    AllActiveContacts(bool),
}

impl Selection {
    /// Whether some of the chosen contacts may be excluded.
    pub fn allows_exclusion(&self) -> bool {
        matches!(self, Self::AllActiveContacts(_) | Self::ListIds(_))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    pub contact_ids: Bounded<Id, 0, 500>,
}
