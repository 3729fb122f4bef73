//! `POST /contact_custom_fields`.

use serde::{Deserialize, Serialize};

use super::{Bounded, Text, non_null};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewField {
    pub label: Text<50>,
    #[serde(rename = "type")]
    pub kind: FieldType,
    #[serde(default, deserialize_with = "non_null")]
    pub metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "non_null")]
    pub choices: Option<Bounded<ChoiceInput, 0, 100>>,
    #[serde(default, deserialize_with = "non_null")]
    pub version: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    String,
    Date,
    Datetime,
    Number,
    Currency,
    Boolean,
    TextArea,
    SingleSelect,
    MultiSelect,
}

impl FieldType {
    pub fn has_choices(self) -> bool {
        matches!(self, Self::SingleSelect | Self::MultiSelect)
    }
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Metadata {
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub display_type: Option<String>,
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub allow_negative: Option<bool>,
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub decimal_places: Option<u8>,
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub currency_code: Option<String>,
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub integer: Option<bool>,
    #[serde(deserialize_with = "non_null", skip_serializing_if = "Option::is_none")]
    pub display_format: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceInput {
    pub choice_label: Text<255>,
    #[serde(default, deserialize_with = "non_null")]
    pub display_order: Option<i64>,
}
