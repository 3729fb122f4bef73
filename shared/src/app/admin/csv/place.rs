use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::ids::LeadId;

/// Where a part of a file begins, and as of when. Coming back to it gives the same people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// When the file was first looked at, in whole milliseconds. Leads are marked with this time.
    pub at: Timestamp,
    /// Counts the parts from 1.
    pub number: u32,
    /// The last lead of the part before.
    pub after: Option<String>,
    /// The last lead of this part, once it was looked at: it ends there however long it takes.
    pub to: Option<LeadId>,
}

impl Place {
    pub(super) fn first(now: Timestamp) -> Self {
        Self {
            at: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            number: 1,
            after: None,
            to: None,
        }
    }

    /// The next part, after the lead `after`.
    pub(super) fn next(&self, after: String) -> Self {
        Self {
            at: self.at,
            number: self.number + 1,
            after: Some(after),
            to: None,
        }
    }

    /// The same part with an end: the lead `last`, unless it had one.
    pub(super) fn ending(self, last: Option<LeadId>) -> Self {
        Self {
            to: self.to.or(last),
            ..self
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_deref().unwrap_or_default();
        let to = self.to.as_ref().map_or("", |to| to.as_str());
        let at = self.at.as_millisecond();
        write!(f, "{at}:{}:{after}:{to}", self.number)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split(':');
        let mut part = || parts.next().ok_or(());
        let at = part()?.parse().map_err(|_| ())?;
        Ok(Self {
            at: Timestamp::from_millisecond(at).map_err(|_| ())?,
            number: part()?.parse().map_err(|_| ())?,
            after: Some(part()?.to_owned()).filter(|after| !after.is_empty()),
            to: match part() {
                Err(()) | Ok("") => None, // an earlier version wrote no end
                Ok(to) => Some(to.parse().map_err(|_| ())?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_round_trips_as_text_and_the_older_format_is_still_read() {
        let first = Place::first("2026-11-23T09:30:00.123456Z".parse().unwrap());
        let second = first.next("lead_1".to_owned());
        let looked_at = Place {
            to: Some("lead_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap()),
            ..second.clone()
        };

        for place in [first, second, looked_at] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        let older: Place = "1763890200123:2:lead_1".parse().unwrap();
        assert_eq!((older.number, older.to), (2, None));
        for malformed in ["", "2:lead_1", "x:1::", "1:x::", "1:1::x"] {
            assert_eq!(malformed.parse::<Place>(), Err(()), "{malformed}");
        }
    }
}
