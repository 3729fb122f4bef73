//! The operator's input, property by property. All faults are found in one pass and named by their property, which
//! serde's derived readers, stopping at the first, cannot do.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::domain::lead::FieldError;

/// A JSON object that is not validated yet. Use cases take it apart with readers of [`values`](super::values); what is
/// left over is a fault too.
#[derive(Clone)]
pub struct Properties {
    left: Map<String, Value>,
    faults: Vec<FieldError>,
}

/// The body is not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body has to be one JSON object")]
pub struct NotAnObject;

/// Invalid properties: every one of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("properties are at fault")]
pub struct Invalid {
    /// At least one.
    pub errors: Vec<FieldError>,
}

/// What is wrong with a value. Never carries the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the value, as in `[2]` or `.mapped`; empty for the value itself.
    pub at: String,
    /// A stable word.
    pub code: &'static str,
    /// A sentence for a person.
    pub message: String,
}

/// What a change does to one property (RFC 7396: absent keeps, `null` clears).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// Leave it as it is.
    Keep,
    /// Back to its default.
    Clear,
    /// Set it to this.
    Set(T),
}

impl<T> Change<T> {
    /// Applies the change to `target`; cleared, it becomes `default`.
    pub fn apply(self, target: &mut T, default: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *target = default,
            Self::Set(value) => *target = value,
        }
    }
}

impl Fault {
    /// A fault of the value itself.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            at: String::new(),
            code,
            message: message.into(),
        }
    }

    /// The same fault, of a part of the value.
    #[must_use]
    pub fn within(self, part: &str) -> Self {
        Self {
            at: format!("{part}{}", self.at),
            ..self
        }
    }
}

impl Properties {
    /// From a body. An empty body counts as `{}`.
    ///
    /// # Errors
    /// [`NotAnObject`].
    pub fn parse(body: &[u8]) -> Result<Self, NotAnObject> {
        if body.is_empty() {
            return Ok(Self::from(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self::from(object)),
            _ => Err(NotAnObject),
        }
    }

    /// From the parameters of a query: every value is a text; of several, the last counts.
    #[must_use]
    pub fn from_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pairs: BTreeMap<_, _> = pairs.into_iter().collect();
        let object: Map<_, _> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect();
        Self::from(object)
    }

    /// A property that may be absent or `null`.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        match self.change(name, read) {
            Change::Set(value) => Some(value),
            Change::Keep | Change::Clear => None,
        }
    }

    /// A property that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.left.remove(name);
            self.refuse(name, Fault::new("required", "this is needed"));
            return None;
        }
        self.optional(name, read)
    }

    /// A property in a change. One at fault is left as it is; the whole change will be refused.
    pub(super) fn change<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Change<T> {
        match self.left.remove(name) {
            None => Change::Keep,
            Some(Value::Null) => Change::Clear,
            Some(value) => match read(&value) {
                Ok(value) => Change::Set(value),
                Err(fault) => {
                    self.refuse(name, fault);
                    Change::Keep
                }
            },
        }
    }

    /// A property in a change that may be absent but cannot be cleared.
    pub(super) fn replacement<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, Fault>,
    ) -> Option<T> {
        self.left
            .contains_key(name)
            .then(|| self.required(name, read))?
    }

    /// Adds a fault that only shows in combination with other things.
    pub(super) fn refuse(&mut self, name: &str, fault: Fault) {
        self.faults.push(FieldError {
            field: format!("{name}{}", fault.at),
            code: fault.code,
            message: fault.message,
        });
    }

    /// Makes sure that there are no properties.
    ///
    /// # Errors
    /// [`Invalid`] naming every one.
    pub fn expect_empty(self) -> Result<(), Invalid> {
        self.finish(Some(()))
    }

    /// The value made from the properties, if all of them were understood and accepted.
    ///
    /// # Errors
    /// [`Invalid`] with all faults, unknown properties among them.
    pub(super) fn finish<T>(mut self, made: Option<T>) -> Result<T, Invalid> {
        for name in std::mem::take(&mut self.left)
            .into_iter()
            .map(|(name, _)| name)
        {
            let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
            self.refuse(&name, unknown());
        }
        match made {
            Some(made) if self.faults.is_empty() => Ok(made),
            _ => Err(Invalid {
                errors: self.faults,
            }),
        }
    }
}

impl From<Map<String, Value>> for Properties {
    fn from(left: Map<String, Value>) -> Self {
        Self {
            left,
            faults: Vec::new(),
        }
    }
}

/// The fault for an unknown property: a typing error that would otherwise go unnoticed.
pub(super) fn unknown() -> Fault {
    Fault::new("unknown_property", "there is no such property")
}

#[cfg(test)]
mod tests {
    use super::super::values::{flag, text};
    use super::*;

    type Read = Result<(String, Option<bool>), Vec<(String, &'static str)>>;

    fn read(body: &str) -> Read {
        let mut properties = Properties::parse(body.as_bytes()).unwrap();
        let name = properties.required("name", text(3));
        let open = properties.optional("open", flag);
        let made = name.map(|name| (name, open));
        properties.finish(made).map_err(|invalid| {
            let errors = invalid.errors.into_iter();
            errors.map(|error| (error.field, error.code)).collect()
        })
    }

    #[test]
    fn all_invalid_properties_are_reported_at_once() {
        assert_eq!(
            read(r#"{"open":"yes","nmae":"x"}"#),
            Err(vec![
                ("name".into(), "required"),
                ("open".into(), "wrong_type"),
                ("nmae".into(), "unknown_property"),
            ])
        );
        assert_eq!(
            read(r#"{"name":"ada","open":null}"#),
            Ok(("ada".into(), None))
        );
        assert_eq!(
            read(r#"{"name":null}"#),
            Err(vec![("name".into(), "required")])
        );
    }

    #[test]
    fn body_must_be_a_single_json_object_or_empty() {
        for bad in [
            "[]",
            "1",
            "\"a\"",
            "{",
            "{}{}",
            "{\"a\":1e999}",
            "\u{feff}{}",
        ] {
            assert!(Properties::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Properties::parse(b"\xff").is_err());
        assert!(Properties::parse(b"").is_ok());
    }

    #[test]
    fn absent_property_is_kept_null_clears_it_and_a_value_sets_it() {
        let mut properties = Properties::parse(br#"{"a":null,"b":true}"#).unwrap();

        assert_eq!(properties.change("a", flag), Change::Clear);
        assert_eq!(properties.change("b", flag), Change::Set(true));
        assert_eq!(properties.change("c", flag), Change::Keep);
    }
}
