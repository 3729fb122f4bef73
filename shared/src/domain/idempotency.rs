//! The key by which a caller marks a request as one that it has sent before.

use std::fmt;
use std::str::FromStr;

/// The longest key, in characters.
const MAX_CHARS: usize = 255;

/// The value of an `Idempotency-Key` header, or the id of a signed webhook. `Debug` does not show it: callers put
/// addresses and order numbers into such keys.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Why a text is not a key. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is 1 to 255 visible ASCII characters, in quotes or without")]
pub struct MalformedKey;

impl IdempotencyKey {
    /// The key as text, without the header's quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = MalformedKey;

    /// Reads a String of RFC 9651 (structured fields), which the header is, or the bare key that many clients send.
    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let text = text.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquoted(rest).ok_or(MalformedKey)?,
            None => text.to_owned(),
        };
        let quoted = text.starts_with('"');
        let fits = |c: char| c.is_ascii_graphic() || (quoted && c == ' ');
        let good = (1..=MAX_CHARS).contains(&key.len()) && key.chars().all(fits);
        good.then_some(Self(key)).ok_or(MalformedKey)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// What precedes the closing quote, which has to be the end.
fn unquoted(text: &str) -> Option<String> {
    let mut key = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return chars.next().is_none().then_some(key),
            '\\' => key.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            other => key.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, MalformedKey> {
        text.parse::<IdempotencyKey>().map(|key| key.0)
    }

    #[test]
    fn key_is_accepted_with_and_without_quotes() {
        assert_eq!(key("\"8e03978e\""), Ok("8e03978e".into()));
        assert_eq!(key(" 8e03978e\t"), Ok("8e03978e".into()));
        assert_eq!(key(r#""a \"b\" \\ c""#), Ok(r#"a "b" \ c"#.into()));
        assert_eq!(key(&"k".repeat(255)), Ok("k".repeat(255)));
    }

    #[test]
    fn malformed_and_overlong_keys_are_rejected() {
        for bad in [
            "",
            "\"\"",
            "\"open",
            "\"a\"b",
            r#""a\n""#,
            "two words",
            "a\u{0}b",
            "\"a\u{7f}b\"",
            "schlüssel",
            &"k".repeat(256),
        ] {
            assert_eq!(key(bad), Err(MalformedKey), "{bad}");
        }
    }
}
