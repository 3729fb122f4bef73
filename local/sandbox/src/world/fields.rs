//! Custom fields and the values they accept.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Account, Context, Refusal};
use crate::contract::{Anniversary, FieldType, Metadata, NewField};

const MAX_FIELDS: usize = 100;

#[derive(Clone, Debug)]
pub struct CustomField {
    pub id: Uuid,
    pub label: String,
    pub name: String,
    pub kind: FieldType,
    pub metadata: Metadata,
    pub version: Option<i64>,
    pub choices: Vec<Choice>,
    pub created_at: Timestamp,
}

#[derive(Clone, Debug)]
pub struct Choice {
    pub choice_id: u64,
    pub choice_label: String,
    pub display_order: i64,
}

impl CustomField {
    pub fn new(label: &str, kind: FieldType, id: Uuid, now: Timestamp) -> Self {
        Self {
            id,
            label: label.to_owned(),
            name: label.replace(char::is_whitespace, "_"),
            kind,
            metadata: Metadata::default(),
            version: None,
            choices: Vec::new(),
            created_at: now,
        }
    }

    /// Whether this field can store `value`; choices are never given as text.
    fn accepts(&self, value: &str) -> bool {
        match self.kind {
            FieldType::String | FieldType::TextArea => true,
            FieldType::Date => value.parse::<Anniversary>().is_ok(),
            FieldType::Datetime => value.parse::<Timestamp>().is_ok(),
            FieldType::Number | FieldType::Currency => self.accepts_number(value),
            FieldType::Boolean => matches!(value, "true" | "false"),
            FieldType::SingleSelect | FieldType::MultiSelect => false,
        }
    }

    fn accepts_number(&self, value: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let negative = value.starts_with('-');
        let number = value.strip_prefix('-').unwrap_or(value);
        let (whole, decimals) = match number.split_once('.') {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (number, None),
        };
        let places = match self.metadata.integer {
            Some(true) => Some(0),
            _ => self.metadata.decimal_places,
        };
        let fits = |decimals: &str| places.is_none_or(|max| decimals.len() <= usize::from(max));
        let may_be_negative =
            self.kind == FieldType::Currency || self.metadata.allow_negative == Some(true);
        digits(whole)
            && decimals.is_none_or(|decimals| digits(decimals) && fits(decimals))
            && (may_be_negative || !negative)
    }
}

impl Account {
    pub fn field(&self, id: Uuid) -> Option<&CustomField> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub fn field_named(&self, name: &str) -> Option<&CustomField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Refuses an unknown field and a value that its type does not accept.
    pub(super) fn check_value(&self, field: Uuid, value: &str) -> Result<(), Refusal> {
        let known = self
            .field(field)
            .ok_or_else(|| Refusal::Invalid(format!("custom_field_id {field} does not exist")))?;
        if known.accepts(value) {
            return Ok(());
        }
        Err(Refusal::Invalid(format!(
            "value of custom_field_id {field} is not valid for its type"
        )))
    }

    /// Refuses unknown choices, several for a single choice, and choices for a field without any.
    pub(super) fn check_choices(&self, field: Uuid, choices: &[u64]) -> Result<(), Refusal> {
        let known = self
            .field(field)
            .ok_or_else(|| Refusal::Invalid(format!("custom_field_id {field} does not exist")))?;
        let offered = |id: &u64| known.choices.iter().any(|choice| choice.choice_id == *id);
        let too_many = known.kind == FieldType::SingleSelect && choices.len() > 1;
        if known.kind.has_choices() && choices.iter().all(offered) && !too_many {
            return Ok(());
        }
        Err(Refusal::Invalid(format!(
            "choice_ids of custom_field_id {field} does not have a valid value"
        )))
    }

    pub fn create_field(
        &mut self,
        input: NewField,
        context: &mut Context<'_>,
    ) -> Result<&CustomField, Refusal> {
        let label = input.label.as_str().trim();
        if label.is_empty() {
            return Err(Refusal::Invalid("label is missing".into()));
        }
        let mut field = CustomField::new(label, input.kind, context.dice.uuid(), context.now);
        if self.field_named(&field.name).is_some() {
            return Err(Refusal::Conflict(
                "Validation failed: a custom field with this label already exists".into(),
            ));
        }
        if self.fields.len() >= MAX_FIELDS {
            return Err(Refusal::Invalid(format!(
                "An account has at most {MAX_FIELDS} custom fields"
            )));
        }
        field.metadata = input.metadata.unwrap_or_default();
        check_metadata(&field.metadata)?;
        let choices = input.choices.map(|choices| choices.into_vec());
        let given = choices.as_ref().map_or(0, Vec::len);
        if input.kind.has_choices() != (given > 0) || given > max_choices(&field.metadata) {
            return Err(invalid("choices"));
        }
        field.version = input.version;
        field.choices = (1..)
            .zip(choices.unwrap_or_default())
            .map(|(order, choice)| Choice {
                choice_id: order,
                choice_label: choice.choice_label.into_string(),
                display_order: choice.display_order.unwrap_or(order as i64),
            })
            .collect();
        self.fields.push(field);
        Ok(&self.fields[self.fields.len() - 1])
    }
}

/// Radio buttons and checkboxes may have fewer choices than dropdowns.
fn max_choices(metadata: &Metadata) -> usize {
    match metadata.display_type.as_deref() {
        Some("radio" | "checkbox") => 20,
        _ => 100,
    }
}

fn check_metadata(metadata: &Metadata) -> Result<(), Refusal> {
    let malformed =
        |code: &String| code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase());
    if metadata.currency_code.as_ref().is_some_and(malformed) {
        return Err(invalid("currency_code"));
    }
    let within = metadata
        .decimal_places
        .is_some_and(|places| (1..=4).contains(&places));
    if metadata.integer == Some(false) && !within {
        return Err(invalid("decimal_places"));
    }
    Ok(())
}

fn invalid(name: &str) -> Refusal {
    Refusal::Invalid(format!("{name} does not have a valid value"))
}
