//! `POST /contacts/sign_up_form`.

use serde::Deserialize;

use super::{Anniversary, Bounded, Id, StreetAddress, Text, non_null};

/// The whole body; its address and custom-field count depend on a reading and are checked later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    #[serde(default, deserialize_with = "non_null")]
    pub email_address: Option<String>,
    #[serde(default, deserialize_with = "non_null")]
    pub first_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub last_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub job_title: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub company_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub phone_number: Option<Text<25>>,
    pub list_memberships: Bounded<Id, 1, 50>,
    #[serde(default, deserialize_with = "non_null")]
    pub custom_fields: Option<Bounded<SignUpField, 0, 50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub anniversary: Option<Anniversary>,
    #[serde(default, deserialize_with = "non_null")]
    pub birthday_month: Option<i64>,
    #[serde(default, deserialize_with = "non_null")]
    pub birthday_day: Option<i64>,
    #[serde(default, deserialize_with = "non_null")]
    pub street_address: Option<StreetAddress>,
    #[serde(default, deserialize_with = "non_null")]
    pub sms_channel: Option<SmsChannel>,
}

/// One value; this endpoint has no `choice_ids`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUpField {
    pub custom_field_id: Id,
    pub value: Text<255>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsChannel {
    pub sms_address: Text<25>,
    pub dial_code: Text<5>,
    pub country_code: Text<2>,
    #[serde(rename = "sms_channel_consents")]
    pub consents: Bounded<SmsConsent, 1, 10>,
}

/// Parsed for its shape only: text messages are outside this sandbox's world.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "checked by being parsed; nothing reads it afterwards"
)]
pub struct SmsConsent {
    sms_consent_permission: Text<50>,
    consent_type: SmsConsentType,
    consent_medium_type: Text<255>,
    consent_medium_url: Text<2000>,
    consent_medium_details: Text<2000>,
    #[serde(default, deserialize_with = "non_null")]
    advertised_frequency: Option<i64>,
    #[serde(default, deserialize_with = "non_null")]
    advertised_interval: Option<Text<50>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmsConsentType {
    PromotionalSms,
}
