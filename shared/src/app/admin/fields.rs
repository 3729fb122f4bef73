//! Which fields a form may use: ours by their names, the account's own by their labels.

use std::collections::BTreeMap;

use serde_json::Value;

use super::properties::Fault;
use super::values::{list, members, table, text};
use crate::domain::captcha::CaptchaProvider;
use crate::domain::names::{CONTACT, is_contact, is_internal_field};

/// Which fields a form requires, and what it calls them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldRules {
    pub(super) required: Vec<String>,
    pub(super) mapped: BTreeMap<String, String>,
}

/// Reads `{"required": [ours], "mapped": {theirs: ours}}`.
pub(super) fn rules(value: &Value) -> Result<FieldRules, Fault> {
    let [required, mapped] = members(value, ["required", "mapped"])?;
    let required = match required {
        Value::Null => Vec::new(),
        names => list(20, field)(names).map_err(|fault| fault.within(".required"))?,
    };
    let mapped = match mapped {
        Value::Null => BTreeMap::new(),
        names => table(50, text(100), field)(names).map_err(|fault| fault.within(".mapped"))?,
    };
    Ok(FieldRules { required, mapped })
}

/// Reads the values that every lead of a form carries. Neither the address nor the opt-in can be one: both have to come
/// from the person.
pub(super) fn constants(value: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let name = |value: &Value| match field(value)?.as_str() {
        "email" => Err(Fault::new(
            "not_permitted",
            "an address cannot be the same for all",
        )),
        name => Ok(name.to_owned()),
    };
    table(25, name, text(255))(value)
}

/// Reads the name of the opt-in box.
pub(super) fn consent_field(value: &Value) -> Result<String, Fault> {
    let name = text(100)(value)?;
    if is_internal_field(&name) || is_contact(&name) || CaptchaProvider::is_field(&name) {
        return Err(Fault::new("not_permitted", "this name has another meaning"));
    }
    Ok(name)
}

/// Reads the name of a field that people do not see.
pub(super) fn hidden_field(value: &Value) -> Result<String, Fault> {
    consent_field(value)
}

fn field(value: &Value) -> Result<String, Fault> {
    let name = text(100)(value)?;
    if is_contact(&name) {
        return Ok(name);
    }
    let message = format!(
        "one of {} or custom_fields[Label] is needed",
        CONTACT.map(|field| field.name).join(", ")
    );
    Err(Fault::new("unknown_field", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn field_rules_accept_only_known_fields() {
        let good = json!({"required": ["last_name"], "mapped": {"q1": "custom_fields[Engine]"}});

        assert_eq!(rules(&good).unwrap().mapped["q1"], "custom_fields[Engine]");
        assert_eq!(rules(&json!({})).unwrap(), FieldRules::default());
        for (bad, at) in [
            (json!({"required": ["surname"]}), ".required[0]"),
            (json!({"mapped": {"a": "custom_fields[]"}}), ".mapped.a"),
            (json!({"requires": []}), ".requires"),
        ] {
            assert_eq!(rules(&bad).unwrap_err().at, at);
        }
    }

    #[test]
    fn constants_reject_consent_and_email_and_consent_field_rejects_taken_names() {
        assert!(constants(&json!({"company_name": "Fair 2026"})).is_ok());
        assert!(constants(&json!({"consent": "yes"})).is_err());
        assert!(constants(&json!({"email": "ada@example.com"})).is_err());
        assert!(consent_field(&json!("newsletter")).is_ok());
        for bad in [
            "email",
            "consent_statement",
            "custom_fields[A]",
            "h-captcha-response",
        ] {
            assert!(consent_field(&json!(bad)).is_err(), "{bad}");
        }
    }
}
