//! `POST /contacts`, `PUT /contacts/{contact_id}` and `PUT /contacts/resubscribe/{contact_id}`.

use serde::{Deserialize, Serialize};

use super::{Anniversary, Bounded, Id, PhoneKind, Source, StreetAddress, Text};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewContact {
    pub email_address: Option<EmailInput>,
    pub create_source: Source,
    pub first_name: Option<Text<50>>,
    pub last_name: Option<Text<50>>,
    pub job_title: Option<Text<50>>,
    pub company_name: Option<Text<50>>,
    pub birthday_month: Option<i64>,
    pub birthday_day: Option<i64>,
    pub anniversary: Option<Anniversary>,
    pub custom_fields: Option<Bounded<FieldInput, 0, 25>>,
    pub phone_numbers: Option<Bounded<PhoneInput, 0, 3>>,
    pub street_addresses: Option<Bounded<StreetAddress, 0, 3>>,
    pub list_memberships: Option<Bounded<Id, 0, 50>>,
    pub taggings: Option<Bounded<Id, 0, 50>>,
    pub notes: Option<Bounded<NoteInput, 0, 150>>,
    pub sms_channel: Option<SmsInput>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdatedContact {
    pub email_address: Option<EmailInput>,
    pub update_source: Source,
    pub first_name: Option<Text<50>>,
    pub last_name: Option<Text<50>>,
    pub job_title: Option<Text<50>>,
    pub company_name: Option<Text<50>>,
    pub birthday_month: Option<i64>,
    pub birthday_day: Option<i64>,
    pub anniversary: Option<Anniversary>,
    pub custom_fields: Option<Bounded<FieldInput, 0, 25>>,
    pub phone_numbers: Option<Bounded<PhoneInput, 0, 3>>,
    pub street_addresses: Option<Bounded<StreetAddress, 0, 3>>,
    pub list_memberships: Option<Bounded<Id, 0, 50>>,
    pub taggings: Option<Bounded<Id, 0, 50>>,
    pub notes: Option<Bounded<NoteInput, 0, 150>>,
    pub sms_channel: Option<SmsInput>,
}

/// The nested address; read-only properties may come back in an update and are not used.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailInput {
    pub address: Text<80>,
    pub permission_to_send: Option<Permission>,
    #[serde(rename = "created_at")]
    _created_at: Option<serde::de::IgnoredAny>,
    #[serde(rename = "updated_at")]
    _updated_at: Option<serde::de::IgnoredAny>,
    #[serde(rename = "opt_in_date")]
    _opt_in_date: Option<serde::de::IgnoredAny>,
    #[serde(rename = "opt_in_source")]
    _opt_in_source: Option<serde::de::IgnoredAny>,
    #[serde(rename = "opt_out_source")]
    _opt_out_source: Option<serde::de::IgnoredAny>,
    #[serde(rename = "opt_out_date")]
    _opt_out_date: Option<serde::de::IgnoredAny>,
    pub opt_out_reason: Option<Text<255>>,
    #[serde(rename = "confirm_status")]
    _confirm_status: Option<serde::de::IgnoredAny>,
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
    pub value: Option<Text<255>>,
    pub choice_ids: Option<Vec<ChoiceId>>,
}

/// A choice's id: a number, or the same number as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ChoiceId {
    Number(u64),
    Text(Text<20>),
}

impl ChoiceId {
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.as_str().parse().ok(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhoneInput {
    pub phone_number: Text<25>,
    pub kind: Option<PhoneKind>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteInput {
    #[serde(rename = "note_id")]
    _note_id: Option<Id>,
    #[serde(rename = "created_at")]
    _created_at: Option<serde::de::IgnoredAny>,
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
    consent_medium_details: Option<Text<2000>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resubscribe {
    pub list_ids: Bounded<Id, 1, 50>,
}
