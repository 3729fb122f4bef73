use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// Where a part of a file begins, and as of when. Whoever comes back to it finds the same people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// When the file was first looked at, in whole milliseconds. Leads are marked with it.
    pub at: Timestamp,
    /// Counts the parts from 1.
    pub number: u32,
    /// The last lead of the part before.
    pub after: Option<String>,
}

impl Place {
    pub(super) fn first(now: Timestamp) -> Self {
        Self {
            at: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            number: 1,
            after: None,
        }
    }

    /// The next part, behind the lead `after`.
    pub(super) fn next(&self, after: String) -> Self {
        Self {
            at: self.at,
            number: self.number + 1,
            after: Some(after),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.as_deref().unwrap_or_default();
        write!(f, "{}:{}:{after}", self.at.as_millisecond(), self.number)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(());
        let at = part()?.parse().map_err(|_| ())?;
        Ok(Self {
            at: Timestamp::from_millisecond(at).map_err(|_| ())?,
            number: part()?.parse().map_err(|_| ())?,
            after: Some(part()?.to_owned()).filter(|after| !after.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let first = Place::first("2026-11-23T09:30:00.123456Z".parse().unwrap());
        let second = first.next("lead_1:a".to_owned());

        for place in [first, second] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for none in ["", "2:lead_1", "x:1:", "1:x:"] {
            assert_eq!(none.parse::<Place>(), Err(()), "{none}");
        }
    }
}
