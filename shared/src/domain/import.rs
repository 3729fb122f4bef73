//! Bulk imports: many leads in one call, with weaker permission and no answer per row.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::contact::{Contact, is_phone};
use super::ids::{CustomerId, ImportId, RemoteId};

/// The most rows of one import. Constant Contact accepts 40,000.
pub const MAX_ROWS: usize = 39_000;

/// The most bytes of one import's rows. Constant Contact silently drops what lies beyond 4 MB.
pub const MAX_BYTES: usize = 3_900_000;

/// A group of leads smaller than this is not worth the weaker permission.
pub const MIN_ROWS: usize = 50;

/// How often a submission is tried before its leads are sent singly.
pub const MAX_TRIES: u32 = 5;

/// A contact in the flat format of imports. Only filled-in fields are sent, since an empty value would erase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportRow {
    /// The address.
    pub email: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    job_title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    company_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    phone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    street: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    city: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    zip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    country: String,
    /// Values by `cf:` and the custom field's name.
    #[serde(flatten)]
    custom_fields: BTreeMap<String, String>,
}

impl ImportRow {
    /// The row of a contact that is already within the limits of the API; `name_of` maps a custom field's label to its
    /// name.
    #[must_use]
    pub fn new(contact: Contact, name_of: impl Fn(&str) -> Option<String>) -> Self {
        let address = contact.street_address;
        let custom_fields = contact.custom_fields.into_iter();
        let custom_fields = custom_fields.filter(|(_, value)| !value.is_empty());
        Self {
            email: contact.email.as_str().to_owned(),
            first_name: contact.first_name,
            last_name: contact.last_name,
            job_title: contact.job_title,
            company_name: contact.company_name,
            phone: Some(contact.phone_number)
                .filter(|phone| import_accepts_phone(phone))
                .unwrap_or_default(),
            street: address.street,
            city: address.city,
            state: address.state,
            zip: address.postal_code,
            country: address.country,
            custom_fields: custom_fields
                .filter_map(|(label, value)| Some((format!("cf:{}", name_of(&label)?), value)))
                .collect(),
        }
    }

    /// Bytes of the row in a request, including the comma after it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serde_json::to_string(self).map_or(MAX_BYTES, |row| row.len() + 1)
    }
}

/// Whether imports accept a phone number, or there is none: they do not support international ones.
#[must_use]
pub fn import_accepts_phone(phone: &str) -> bool {
    let digits = phone.chars().filter(char::is_ascii_digit).count();
    let international = phone.starts_with('+') && !phone.starts_with("+1");
    phone.is_empty() || (is_phone(phone) && !international && digits <= 11)
}

/// An import of one customer's leads to one set of lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportJob {
    /// Its id.
    pub id: ImportId,
    /// Whose leads.
    pub customer: CustomerId,
    /// The lists they join.
    pub lists: Vec<RemoteId>,
    /// Where it stands.
    pub stage: Stage,
    /// How many chunks of leads it names.
    pub chunks: u32,
    /// How many leads it names: at least as many as it has.
    pub leads: usize,
    /// Bytes of their rows.
    pub bytes: usize,
    /// The oldest consent among its leads. Without it, as in imports of an earlier version, the leads are sent singly.
    #[serde(default)]
    pub agreed_since: Option<Timestamp>,
    /// How often its submission was tried.
    pub tries: u32,
    /// The activity that was identified as this import, for good: no other import is the same one.
    #[serde(default)]
    pub activity: Option<RemoteId>,
    /// Whether one of its lists was seen to exist after the import ended.
    #[serde(default)]
    pub has_list: bool,
    /// When somebody has to look at it; `None` once it is closed.
    pub due_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    pub revision: u64,
}

/// How far an import has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// It takes leads.
    Gathering,
    /// It has its leads and is to be submitted.
    Ready,
    /// The call is about to be made, was made, or its answer was lost.
    Submitting {
        /// Before the call.
        since: Timestamp,
        /// Rows of the call.
        rows: usize,
    },
    /// Constant Contact is working on it.
    Running {
        /// The activity there.
        activity: RemoteId,
        /// Before the call.
        since: Timestamp,
        /// Rows of the call; 0 if it was made by an earlier version, which did not record them.
        #[serde(default)]
        rows: usize,
    },
    /// Its leads are being given their outcomes.
    Settling {
        /// What is known of them.
        ending: Ending,
        /// Leads taken after this were not in the call.
        since: Timestamp,
        /// Where reading the account's changed contacts continues, once a page of them was read.
        #[serde(default)]
        cursor: Option<String>,
    },
    /// Done.
    Closed,
}

/// How an import ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every row went in.
    All,
    /// Some did not, and the account has to be asked which.
    Some,
    /// None did, as far as is known.
    None,
}

impl ImportJob {
    /// A new one, gathering.
    #[must_use]
    pub fn new(id: ImportId, customer: CustomerId, lists: Vec<RemoteId>, now: Timestamp) -> Self {
        Self {
            id,
            customer,
            lists,
            stage: Stage::Gathering,
            chunks: 0,
            leads: 0,
            bytes: 0,
            agreed_since: None,
            tries: 0,
            activity: None,
            has_list: false,
            due_at: Some(now),
            revision: 1,
        }
    }

    /// The same at its next revision, in another stage and due at another time.
    #[must_use]
    pub fn next(&self, stage: Stage, due_at: Option<Timestamp>) -> Self {
        Self {
            stage,
            due_at,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Whether a row of this many bytes fits.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.leads < MAX_ROWS && self.bytes + bytes <= MAX_BYTES
    }
}

/// When to look again at an activity that has been running since `since`: at growing intervals.
#[must_use]
pub fn next_look(since: Timestamp, now: Timestamp) -> Timestamp {
    let age = now.duration_since(since);
    let pause = age.clamp(SignedDuration::from_mins(1), SignedDuration::from_mins(30));
    now + pause
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact() -> Contact {
        Contact {
            first_name: "Ada \"A\"".into(),
            phone_number: "555 0100".into(),
            custom_fields: BTreeMap::from([
                ("Favourite engine".into(), "difference".into()),
                ("Unknown".into(), "x".into()),
            ]),
            ..Contact::of("ada@example.com".parse().unwrap())
        }
    }

    #[test]
    fn import_row_omits_empty_fields_and_uses_names_of_custom_fields() {
        let name_of =
            |label: &str| (label == "Favourite engine").then(|| "Favourite_engine".to_owned());

        let row = ImportRow::new(contact(), name_of);

        let json = r#"{"email":"ada@example.com","first_name":"Ada \"A\"","phone":"555 0100","cf:Favourite_engine":"difference"}"#;
        assert_eq!(serde_json::to_string(&row).unwrap(), json);
        assert_eq!(row.bytes(), json.len() + 1);
    }

    #[test]
    fn imports_reject_international_phone_numbers() {
        for (number, taken) in [
            ("", true),
            ("+1 555 0100", true),
            ("+49 30 123456", false),
            ("x", false),
        ] {
            assert_eq!(import_accepts_phone(number), taken, "{number}");
        }
    }

    #[test]
    fn ending_is_stored_by_a_word_of_its_own() {
        let stored = |ending: Ending| serde_json::to_value(ending).unwrap();

        assert_eq!(stored(Ending::All), "all");
        assert_eq!(stored(Ending::Some), "some");
        assert_eq!(stored(Ending::None), "none");
    }

    #[test]
    fn import_job_is_full_by_rows_or_by_bytes() {
        let now = Timestamp::UNIX_EPOCH;
        let id = "imp_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let job = ImportJob::new(id, "engines".parse().unwrap(), vec![], now);
        let full = |leads, bytes| ImportJob {
            leads,
            bytes,
            ..job.clone()
        };

        assert!(full(MAX_ROWS - 1, 0).has_room(100));
        assert!(!full(MAX_ROWS, 0).has_room(1));
        assert!(!full(1, MAX_BYTES - 99).has_room(100));
    }
}
