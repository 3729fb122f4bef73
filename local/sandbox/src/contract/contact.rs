//! `POST /contacts`, `PUT /contacts/{contact_id}` and `PUT /contacts/resubscribe/{contact_id}`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Anniversary, Bounded, Id, PhoneKind, Source, StreetAddress, Text, non_null};

macro_rules! contact {
    ($name:ident, $email:ident, $source:ident) => {
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            #[serde(default, deserialize_with = "non_null")]
            pub email_address: Option<$email>,
            pub $source: Source,
            #[serde(default, deserialize_with = "non_null")]
            pub first_name: Option<Text<50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub last_name: Option<Text<50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub job_title: Option<Text<50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub company_name: Option<Text<50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub birthday_month: Option<i64>,
            #[serde(default, deserialize_with = "non_null")]
            pub birthday_day: Option<i64>,
            #[serde(default, deserialize_with = "non_null")]
            pub anniversary: Option<Anniversary>,
            #[serde(default, deserialize_with = "non_null")]
            pub custom_fields: Option<Bounded<FieldInput, 0, 25>>,
            #[serde(default, deserialize_with = "non_null")]
            pub phone_numbers: Option<Bounded<PhoneInput, 0, 3>>,
            #[serde(default, deserialize_with = "non_null")]
            pub street_addresses: Option<Bounded<StreetAddress, 0, 3>>,
            #[serde(default, deserialize_with = "non_null")]
            pub list_memberships: Option<Bounded<Id, 0, 50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub taggings: Option<Bounded<Id, 0, 50>>,
            #[serde(default, deserialize_with = "non_null")]
            pub notes: Option<Bounded<NoteInput, 0, 150>>,
            #[serde(default, deserialize_with = "non_null")]
            pub sms_channel: Option<SmsInput>,
        }
    };
}

contact!(NewContact, NewEmail, create_source);
contact!(UpdatedContact, UpdatedEmail, update_source);

/// The address of a new contact.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewEmail {
    pub address: Text<80>,
    #[serde(default, deserialize_with = "non_null")]
    pub permission_to_send: Option<Permission>,
}

/// The address of an update; read-only properties are accepted and ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdatedEmail {
    pub address: Text<80>,
    #[serde(default, deserialize_with = "non_null")]
    pub permission_to_send: Option<Permission>,
    #[serde(default, deserialize_with = "non_null")]
    pub opt_out_reason: Option<Text<255>>,
    #[serde(default, rename = "created_at", deserialize_with = "non_null")]
    _created_at: Option<Timestamp>,
    #[serde(default, rename = "updated_at", deserialize_with = "non_null")]
    _updated_at: Option<Timestamp>,
    #[serde(default, rename = "opt_in_date", deserialize_with = "non_null")]
    _opt_in_date: Option<Timestamp>,
    #[serde(default, rename = "opt_out_source", deserialize_with = "non_null")]
    _opt_out_source: Option<Source>,
    #[serde(default, rename = "opt_out_date", deserialize_with = "non_null")]
    _opt_out_date: Option<Timestamp>,
    #[serde(default, rename = "confirm_status", deserialize_with = "non_null")]
    _confirm_status: Option<Text<20>>,
}

/// What the account may send to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Explicit,
    Implicit,
    PendingConfirmation,
    Unsubscribed,
    NotSet,
    TempHold,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldInput {
    pub custom_field_id: Id,
    #[serde(default, deserialize_with = "non_null")]
    pub value: Option<Text<255>>,
    #[serde(default, deserialize_with = "non_null")]
    pub choice_ids: Option<Vec<ChoiceId>>,
}

/// A choice's id: a number as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct ChoiceId(Text<20>);

impl ChoiceId {
    pub fn number(&self) -> Option<u64> {
        self.0.as_str().parse().ok()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneInput {
    pub phone_number: Text<25>,
    #[serde(default, deserialize_with = "non_null")]
    pub kind: Option<PhoneKind>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteInput {
    #[serde(default, rename = "note_id", deserialize_with = "non_null")]
    _note_id: Option<Id>,
    #[serde(default, rename = "created_at", deserialize_with = "non_null")]
    _created_at: Option<Timestamp>,
    pub content: Text<2000>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsInput {
    pub full_sms_address: Text<25>,
    pub sms_channel_consents: Vec<SmsConsentInput>,
}

/// Parsed for its shape only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "checked by being parsed; nothing reads it afterwards"
)]
pub struct SmsConsentInput {
    sms_consent_permission: Text<50>,
    consent_type: Text<50>,
    #[serde(default, deserialize_with = "non_null")]
    consent_medium_details: Option<Text<2000>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resubscribe {
    pub list_ids: Bounded<Id, 1, 50>,
}
