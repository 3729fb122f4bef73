//! `POST /contact_custom_fields`.

use serde::{Deserialize, Serialize};

use super::{Bounded, Text};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewField {
    pub label: Text<50>,
    #[serde(rename = "type")]
    pub kind: FieldType,
    pub metadata: Option<Metadata>,
    pub choices: Option<Bounded<ChoiceInput, 0, 100>>,
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
#[serde(deny_unknown_fields)]
pub struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_negative: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal_places: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integer: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_format: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceInput {
    pub choice_label: Text<255>,
    pub display_order: Option<i64>,
}
