//! The small types that every body is made of.

use std::str::FromStr;

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use uuid::Uuid;

use super::Violation;

/// Text of at most `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    pub fn parse(text: String) -> Result<Self, Violation> {
        if text.chars().count() > MAX {
            return Err(Violation(format!("exceeds {MAX} characters")));
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Between `MIN` and `MAX` items.
#[derive(Clone, Debug)]
pub struct Bounded<T, const MIN: usize, const MAX: usize>(Vec<T>);

impl<T, const MIN: usize, const MAX: usize> Bounded<T, MIN, MAX> {
    pub fn parse(items: Vec<T>) -> Result<Self, Violation> {
        if items.len() < MIN || items.len() > MAX {
            return Err(Violation(format!("must have {MIN} to {MAX} items")));
        }
        Ok(Self(items))
    }

    pub fn items(&self) -> &[T] {
        &self.0
    }

    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: Deserialize<'de>, const MIN: usize, const MAX: usize> Deserialize<'de>
    for Bounded<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An id as the API writes it: a hyphenated UUID in no other spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(pub Uuid);

impl FromStr for Id {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let hyphenated = text.len() == 36;
        match Uuid::try_parse(text) {
            Ok(id) if hyphenated => Ok(Self(id)),
            _ => Err(Violation("is in an invalid format.".into())),
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// An address that the API stores: plain ASCII, one `@`, a dotted domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    pub fn parse(text: &str, max_chars: usize) -> Result<Self, Violation> {
        if text.chars().count() > max_chars {
            return Err(Violation(format!(
                "email_address exceeds {max_chars} characters"
            )));
        }
        let options = Options::default()
            .with_minimum_sub_domains(2)
            .without_domain_literal()
            .without_display_text();
        let plain = text.is_ascii() && !text.contains('"');
        match EmailAddress::parse_with_options(text, options) {
            Ok(_) if plain => Ok(Self(text.to_owned())),
            _ => Err(Violation("email_address: invalid email address".into())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key by which addresses are compared: case does not matter.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// A date in one of the eight numeric forms that the API reads, kept as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anniversary(String);

impl Anniversary {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Anniversary {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        let refused = || Violation("anniversary does not have a valid value".into());
        let slashes = text.contains('/');
        let parts: Vec<&str> = text.split(if slashes { '/' } else { '-' }).collect();
        let [first, second, third] = parts[..] else {
            return Err(refused());
        };
        let (year, month, day) = if first.len() == 4 {
            (first, second, third)
        } else {
            (third, first, second)
        };
        let number = |part: &str, max_len| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            (digits && part.len() <= max_len).then(|| part.parse::<i16>().ok())?
        };
        let date = number(year, 4)
            .filter(|_| year.len() == 4)
            .zip(number(month, 2).zip(number(day, 2)));
        let (year, (month, day)) = date.ok_or_else(refused)?;
        let narrow = |part| i8::try_from(part).map_err(|_| refused());
        jiff::civil::Date::new(year, narrow(month)?, narrow(day)?).map_err(|_| refused())?;
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Anniversary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// A birthday has both parts or neither.
pub fn birthday(month: Option<i64>, day: Option<i64>) -> Result<Option<(u8, u8)>, Violation> {
    let within = |value: i64, max: u8| u8::try_from(value).ok().filter(|v| (1..=max).contains(v));
    match (month, day) {
        (None, None) => Ok(None),
        (Some(month), Some(day)) => {
            let month = within(month, 12)
                .ok_or_else(|| Violation("birthday_month does not have a valid value".into()))?;
            let day = within(day, 31)
                .ok_or_else(|| Violation("birthday_day does not have a valid value".into()))?;
            Ok(Some((month, day)))
        }
        _ => Err(Violation(
            "birthday_month and birthday_day must be used together".into(),
        )),
    }
}
