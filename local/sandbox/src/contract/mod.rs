//! The API's request bodies as our own written contract: one type per body.
//!
//! A body that parses into its type is within every length, count and vocabulary the API
//! describes; anything else, an unknown property included, is a validation error naming the field.

mod contact;
mod fields;
mod import;
mod lists;
mod sign_up;
mod text;

pub use contact::{
    ChoiceId, FieldInput, NewContact, NewEmail, NoteInput, Permission, PhoneInput, Resubscribe,
    SmsInput, UpdatedContact, UpdatedEmail,
};
pub use fields::{ChoiceInput, FieldType, Metadata, NewField};
pub use import::{ContactRow, IMPORT_CUT, JsonImport, address_kind};
pub use lists::{AddMemberships, AddTags, Exclusion, ListInput, NewTag, Selection};
pub use sign_up::{SignUp, SignUpField, SmsChannel};
pub use text::{Anniversary, Bounded, Email, Id, Text, birthday};

use serde::Deserialize;

/// Why a body breaks the contract: its answer's `error_message`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// Reads one JSON body; the error names the offending field.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Violation> {
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Err(Violation("The JSON in the request is malformed.".into()));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(describe)
}

/// Checks a body against the operation it is sent to, by the stricter reading if there are two.
pub fn check_request(method: &str, path: &str, body: &[u8]) -> Result<(), Violation> {
    let operation = path.strip_prefix("/v3/").unwrap_or(path);
    match (method, operation) {
        ("POST", "contacts/sign_up_form") => {
            let sign_up: SignUp = parse(body)?;
            let fields = sign_up.custom_fields.map(Bounded::into_vec);
            Bounded::<_, 0, 25>::parse(fields.unwrap_or_default())?;
            birthday(sign_up.birthday_month, sign_up.birthday_day)?;
            let email = sign_up.email_address.unwrap_or_default();
            Email::parse(&email, 50).map(drop)
        }
        ("POST", "contacts") => {
            let new: NewContact = parse(body)?;
            birthday(new.birthday_month, new.birthday_day).map(drop)
        }
        ("POST", "contact_lists") => parse::<ListInput>(body).map(drop),
        ("POST", "contact_custom_fields") => parse::<NewField>(body).map(drop),
        ("POST", "activities/contacts_json_import") => check_import(body),
        ("PUT", path) if path.starts_with("contacts/resubscribe/") => {
            parse::<Resubscribe>(body).map(drop)
        }
        ("PUT", path) if path.starts_with("contacts/") => {
            let updated: UpdatedContact = parse(body)?;
            birthday(updated.birthday_month, updated.birthday_day).map(drop)
        }
        _ if body.is_empty() => Ok(()),
        _ => Err(Violation(format!("{method} {path} takes no JSON"))),
    }
}

/// Data beyond 4 MB would be dropped, and a row's bad birthday found only much later.
fn check_import(body: &[u8]) -> Result<(), Violation> {
    if body.len() > IMPORT_CUT {
        return Err(Violation("the body exceeds 4 MB".into()));
    }
    let import = JsonImport::parse(body, usize::MAX)?;
    let mut rows = import.rows.iter();
    rows.try_for_each(|row| birthday(row.birthday_month, row.birthday_day).map(drop))
}

fn describe(error: serde_path_to_error::Error<serde_json::Error>) -> Violation {
    let path = error.path().to_string();
    let cause = error.inner();
    let text = cause.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let missing = text.strip_prefix("missing field `");
    let text = match missing.and_then(|name| name.strip_suffix('`')) {
        Some(name) => format!("{name} is missing, {name} does not have a valid value"),
        None => text.to_owned(),
    };
    match path.as_str() {
        "." => Violation(text),
        _ => Violation(format!("{path}: {text}")),
    }
}

/// For optional properties that may be left out but, when sent, may not be null.
fn non_null<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Who acted: the person themselves or the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum Source {
    Contact,
    Account,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AddressKind {
    Home,
    Work,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneKind {
    Home,
    Work,
    Mobile,
    Other,
}

/// A postal address, the same on every contact body.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreetAddress {
    pub kind: AddressKind,
    #[serde(default, deserialize_with = "non_null")]
    pub street: Option<Text<255>>,
    #[serde(default, deserialize_with = "non_null")]
    pub city: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub state: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub postal_code: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    pub country: Option<Text<50>>,
}

#[cfg(test)]
mod tests;
