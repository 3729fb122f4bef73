//! Query strings and form bodies.

use std::str::FromStr;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::world::Refusal;

/// Decoded name-value pairs in order.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// A query with only these parameters, none of them twice.
    pub fn of_query(query: Option<&str>, names: &[&str]) -> Result<Self, Refusal> {
        let params = Self::parse(query.unwrap_or_default().as_bytes());
        let mut given = params.0.iter().map(|(name, _)| name.as_str());
        match given.find(|name| !names.contains(name) || params.repeats(&[*name])) {
            Some(name) => Err(invalid(name)),
            None => Ok(params),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether any of `names` comes more than once.
    pub fn repeats(&self, names: &[&str]) -> bool {
        let count = |name: &&str| self.0.iter().filter(|(known, _)| known == *name).count();
        names.iter().any(|name| count(name) > 1)
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Encodes the pairs, without `limit` and `cursor`.
    pub fn filters(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        pairs.filter(|(name, _)| !matches!(*name, "limit" | "cursor"))
    }

    pub fn number(&self, name: &str, max: usize, default: usize) -> Result<usize, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(default);
        };
        let value = text.parse().ok().filter(|value| (1..=max).contains(value));
        value.ok_or_else(|| invalid(name))
    }

    pub fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(invalid(name)),
        }
    }

    /// Comma-separated words of a fixed vocabulary.
    pub fn words<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Refusal> {
        let words = self.get(name).into_iter().flat_map(|text| text.split(','));
        let word = |text: &str| serde_json::from_value(Value::from(text.trim()));
        words
            .map(|text| word(text).map_err(|_| invalid(name)))
            .collect()
    }

    /// Comma-separated values that parse, at most `max`.
    pub fn items<T: FromStr>(&self, name: &str, max: usize) -> Result<Vec<T>, Refusal> {
        let items = self.get(name).into_iter().flat_map(|text| text.split(','));
        let parsed = items
            .map(|item| item.trim().parse())
            .collect::<Result<Vec<T>, _>>();
        let parsed = parsed.map_err(|_| invalid(name))?;
        if parsed.len() > max {
            Err(invalid(name))
        } else {
            Ok(parsed)
        }
    }

    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let day = || format!("{text}T00:00:00Z").parse();
        let time = text.parse::<Timestamp>().or_else(|_| day());
        time.map(Some).map_err(|_| invalid(name))
    }
}

pub fn invalid(name: &str) -> Refusal {
    Refusal::Invalid(format!("{name} does not have a valid value"))
}
