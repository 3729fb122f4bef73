//! What a form sends, before any of it is trusted: a bounded list of named texts.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::contact::clean;
use super::names::custom_label;

/// Fields in one submission; a real form has a dozen.
const MAX_FIELDS: usize = 100;
/// The most characters of a field's name. Only the body's size bounds a value, so that a long one costs no lead.
const MAX_NAME: usize = 100;
/// How deep a JSON lead may nest: the lead, its `consent`, nothing below.
const MAX_DEPTH: usize = 2;
/// From this number on, a program may have rounded a number before sending it (2^53, RFC 8259).
const ROUNDED: f64 = 9_007_199_254_740_992.0;
/// What some programs put before a UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body is not a submission at all (400): it could not be read, as opposed to read and found wanting (422).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// No field at all.
    #[error("the body holds no fields")]
    Empty,
    /// The JSON does not parse, or its numbers are out of range.
    #[error("the body is not valid JSON")]
    MalformedJson,
    /// The JSON is not an object, or has a list, an object or a rounded number where text belongs. Only a custom field
    /// may have a list of texts, for a choice of several.
    #[error("the JSON must be an object of texts, as the documentation shows")]
    NotALead,
    /// More than 100 fields, or a name over 100 characters.
    #[error("there are more than 100 fields, or one has a name of more than 100 characters")]
    TooLarge,
}

/// Named texts in the order they came, with flat names: JSON's `consent.given_at` and a form's `consent_given_at` are
/// the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submission(Vec<(String, String)>);

impl Submission {
    /// From the pairs of a form body.
    ///
    /// # Errors
    /// [`SubmissionError::Empty`] and [`SubmissionError::TooLarge`].
    pub fn from_pairs<N, V>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, SubmissionError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut submission = Self::default();
        for (name, value) in pairs {
            submission.add(&name.into(), value.into())?;
        }
        submission.not_empty()
    }

    /// From a JSON lead. Numbers and booleans are read as their text; `null` counts as absent.
    ///
    /// # Errors
    /// Any [`SubmissionError`].
    pub fn from_json(body: &[u8]) -> Result<Self, SubmissionError> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        let lead: Value =
            serde_json::from_slice(body).map_err(|_| SubmissionError::MalformedJson)?;
        let mut submission = Self::default();
        flatten("", &lead, MAX_DEPTH, &mut submission)?;
        submission.not_empty()
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), SubmissionError> {
        if self.0.len() == MAX_FIELDS || is_too_long(name) {
            return Err(SubmissionError::TooLarge);
        }
        self.0.push((name.to_owned(), value));
        Ok(())
    }

    fn not_empty(self) -> Result<Self, SubmissionError> {
        if self.0.is_empty() {
            return Err(SubmissionError::Empty);
        }
        Ok(self)
    }

    /// A field's value: the first that is filled in, if it comes more than once.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let filled = self.all(name).find(|value| !value.trim().is_empty());
        filled.or_else(|| self.all(name).next())
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.iter().filter(move |(known, _)| *known == name);
        named.map(|(_, value)| value)
    }

    /// The values under `custom_fields[Label]`, by label; several of one label, as a multiple choice sends them, are
    /// joined.
    #[must_use]
    pub fn custom_fields(&self) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.iter().filter(|(_, value)| !value.trim().is_empty()) {
            let Some(label) = custom_label(name) else {
                continue;
            };
            fields
                .entry(clean(label))
                .and_modify(|sum| *sum = format!("{sum}; {value}"))
                .or_insert_with(|| value.to_owned());
        }
        fields
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same fields under other names.
    #[must_use]
    pub fn renamed(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        Self(
            self.0
                .into_iter()
                .map(|(name, value)| (rename(&name).unwrap_or(name), value))
                .collect(),
        )
    }
}

fn is_too_long(name: &str) -> bool {
    name.chars().count() > MAX_NAME
}

/// A group's name is part of the name of each of its members, so it is checked before they are looked at.
fn flatten(
    name: &str,
    value: &Value,
    depth: usize,
    into: &mut Submission,
) -> Result<(), SubmissionError> {
    if is_too_long(name) {
        return Err(SubmissionError::TooLarge);
    }
    let text = match value {
        Value::Null => return Ok(()),
        Value::Object(members) if depth > 0 => {
            return members.iter().try_for_each(|(key, value)| {
                flatten(&flat_name(name, key), value, depth - 1, into)
            });
        }
        Value::Array(choices) if custom_label(name).is_some() => {
            return choices.iter().try_for_each(|choice| match choice {
                Value::Array(_) => Err(SubmissionError::NotALead),
                choice => flatten(name, choice, 0, into),
            });
        }
        Value::Object(_) | Value::Array(_) => return Err(SubmissionError::NotALead),
        _ if name.is_empty() => return Err(SubmissionError::NotALead),
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => digits(number).ok_or(SubmissionError::NotALead)?,
    };
    into.add(name, text)
}

/// A number as its sender wrote it, if that can still be determined.
fn digits(number: &Number) -> Option<String> {
    let whole = number.is_u64() || number.is_i64();
    let is_exact = whole || number.as_f64().is_some_and(|value| value.abs() < ROUNDED);
    is_exact.then(|| number.to_string())
}

/// Known groups have flat names too; a member of any other group cannot pass for a field of the lead.
fn flat_name(group: &str, key: &str) -> String {
    match (group, key) {
        ("", key)
        | ("street_address", key @ ("street" | "city" | "state" | "postal_code" | "country"))
        | ("certificates", key @ ("trustedform" | "jornaya")) => key.to_owned(),
        ("consent", "given") => "consent.given".to_owned(),
        ("consent", key) => format!("consent_{key}"),
        ("custom_fields", label) => format!("custom_fields[{label}]"),
        (group, key) => format!("{group}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 64 kB can repeat a name of 32 kB 16,000 times.
    #[test]
    fn overlong_name_is_refused_before_it_is_copied_for_each_value() {
        let name = "x".repeat(32_000);
        let ones = serde_json::json!(vec![1; 16_000]);
        for body in [
            serde_json::json!({ "custom_fields": { &name: ones } }),
            serde_json::json!({ &name: { "a": 1 } }),
            serde_json::json!({ name: { "a": null } }),
        ] {
            let mut fields = Submission::default();

            let result = flatten("", &body, MAX_DEPTH, &mut fields);

            assert_eq!(result, Err(SubmissionError::TooLarge));
            assert_eq!(fields, Submission::default());
        }
    }

    #[test]
    fn no_field_is_read_beyond_the_hundredth() {
        let body = serde_json::json!({ "custom_fields": { "Interests": vec![1; 16_000] } });
        let mut fields = Submission::default();

        let result = flatten("", &body, MAX_DEPTH, &mut fields);

        assert_eq!(result, Err(SubmissionError::TooLarge));
        assert_eq!(fields.iter().count(), MAX_FIELDS);
    }

    #[test]
    fn json_and_form_bodies_yield_the_same_fields() {
        let json = br#"{"email":"ada@example.com","street_address":{"city":"London"},
            "custom_fields":{"Favourite engine":"difference"},"consent":{"given":true,"page_url":"https://example.com/"}}"#;
        let form = [
            ("consent.given", "true"),
            ("consent_page_url", "https://example.com/"),
            ("custom_fields[Favourite engine]", "difference"),
            ("email", "ada@example.com"),
            ("city", "London"),
        ];

        let (json, form) = (
            Submission::from_json(json).unwrap(),
            Submission::from_pairs(form).unwrap(),
        );

        let sorted = |s: &Submission| {
            s.iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        assert_eq!(sorted(&json), sorted(&form));
        assert_eq!(json.custom_fields()["Favourite engine"], "difference");
    }

    #[test]
    fn empty_malformed_and_non_lead_bodies_yield_distinct_errors() {
        let read = |body: &str| Submission::from_json(body.as_bytes());

        assert_eq!(read("{}"), Err(SubmissionError::Empty));
        assert_eq!(read("{\"email\":"), Err(SubmissionError::MalformedJson));
        assert_eq!(read("{\"age\":NaN}"), Err(SubmissionError::MalformedJson));
        assert_eq!(read("{\"age\":1e999}"), Err(SubmissionError::MalformedJson));
        assert_eq!(read("[1]"), Err(SubmissionError::NotALead));
        assert_eq!(read("\"ada\""), Err(SubmissionError::NotALead));
        assert_eq!(read("{\"email\":[\"a\"]}"), Err(SubmissionError::NotALead));
        assert_eq!(
            read("{\"a\":{\"b\":{\"c\":1}}}"),
            Err(SubmissionError::NotALead)
        );
        assert_eq!(read("{\"zip\":12345}").unwrap().get("zip"), Some("12345"));
    }

    #[test]
    fn json_numbers_are_read_exactly_or_rejected() {
        let number = |digits: &str| {
            let fields = Submission::from_json(format!("{{\"n\":{digits}}}").as_bytes());
            fields.map(|fields| fields.get("n").unwrap_or_default().to_owned())
        };

        for exact in ["0", "-7", "2.5", "18446744073709551615"] {
            assert_eq!(number(exact), Ok(exact.to_owned()));
        }
        for rounded in ["18446744073709551616", "1e300", "-9007199254740993.5"] {
            assert_eq!(number(rounded), Err(SubmissionError::NotALead), "{rounded}");
        }
    }

    #[test]
    fn json_list_in_a_custom_field_is_joined_and_nested_values_are_rejected() {
        let read = |choices: &str| {
            let body = format!("{{\"custom_fields\":{{\"Engines\":{choices}}}}}");
            let fields = Submission::from_json(body.as_bytes());
            fields.map(|fields| fields.custom_fields().remove("Engines").unwrap_or_default())
        };

        assert_eq!(
            read("[\"difference\",null,\"analytical\",2]"),
            Ok("difference; analytical; 2".to_owned())
        );
        for nested in ["[[\"difference\"]]", "[{\"a\":1}]"] {
            assert_eq!(read(nested), Err(SubmissionError::NotALead), "{nested}");
        }
    }

    #[test]
    fn fields_in_unknown_json_groups_are_not_read_as_lead_fields() {
        let fields = Submission::from_json(
            br#"{"audit":{"consent":true,"email":"eve@example.com"},"consent":{"given":false},"street_address":{"email":"eve@example.com"}}"#,
        )
        .unwrap();

        assert_eq!(fields.get("consent.given"), Some("false"));
        assert_eq!((fields.get("consent"), fields.get("email")), (None, None));
    }

    #[test]
    fn byte_order_mark_before_json_is_ignored() {
        let fields = Submission::from_json(b"\xef\xbb\xbf{\"city\":\"London\"}").unwrap();

        assert_eq!(fields.get("city"), Some("London"));
    }

    #[test]
    fn repeated_field_uses_its_filled_value_and_multiple_choices_are_joined() {
        let fields = Submission::from_pairs([
            ("phone_number", " "),
            ("phone_number", "555"),
            ("custom_fields[Engine]", "difference"),
            ("custom_fields[Engine]", ""),
            ("custom_fields[Engine]", "analytical"),
        ])
        .unwrap();

        assert_eq!(fields.get("phone_number"), Some("555"));
        assert_eq!(fields.custom_fields()["Engine"], "difference; analytical");
    }

    #[test]
    fn field_count_and_name_length_are_bounded_but_value_length_is_not() {
        let many = (0..=MAX_FIELDS).map(|i| (i.to_string(), ""));
        assert_eq!(Submission::from_pairs(many), Err(SubmissionError::TooLarge));
        let name = "a".repeat(MAX_NAME + 1);
        assert_eq!(
            Submission::from_pairs([(name, "")]),
            Err(SubmissionError::TooLarge)
        );

        let value = "x".repeat(60_000);
        let fields = Submission::from_pairs([("a", value.as_str())]).unwrap();
        assert_eq!(fields.get("a"), Some(value.as_str()));
    }
}
