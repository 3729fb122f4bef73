//! Decodes bytes to text, in the charset that a sender declares.

use encoding_rs::{Encoding, UTF_8};

/// A name and a value, as received.
pub struct Raw {
    pub name: Vec<u8>,
    pub value: Vec<u8>,
    /// The charset that the value's own header declares.
    pub charset: Option<String>,
}

/// Declarations of a whole body's charset, strongest first.
#[derive(Clone, Copy, Default)]
pub struct Declared<'a> {
    /// `charset` of the `Content-Type`.
    pub by_type: Option<&'a str>,
    /// `encoding` in the URL, as in salesforce.com's forms.
    pub by_address: Option<&'a str>,
}

/// The bytes are not in the declared charset, or there is no such charset.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Decodes the pairs: in the charset of the `Content-Type`, else of the browser (`_charset_`), the form (`encoding`) or
/// its URL; UTF-8 if none declares one. An unknown label in a field or a URL is ignored: the field may be meant for
/// something else.
pub fn texts(raw: &[Raw], declared: Declared<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let named = |name: &[u8]| {
        let mut pairs = raw.iter().filter(|pair| pair.name == name);
        pairs.find_map(|pair| Encoding::for_label(&pair.value))
    };
    let whole = match declared.by_type {
        Some(label) => Encoding::for_label(label.as_bytes()).ok_or(Malformed)?,
        None => named(b"_charset_")
            .or_else(|| named(b"encoding"))
            .or_else(|| Encoding::for_label(declared.by_address?.as_bytes()))
            .unwrap_or(UTF_8),
    };
    raw.iter()
        .map(|pair| {
            let own = match &pair.charset {
                Some(label) => Encoding::for_label(label.as_bytes()).ok_or(Malformed)?,
                None => whole,
            };
            Ok((text(&pair.name, whole)?, text(&pair.value, own)?))
        })
        .collect()
}

fn text(bytes: &[u8], encoding: &'static Encoding) -> Result<String, Malformed> {
    // Browsers send UTF-8 if the page's charset cannot be sent.
    let encoding = encoding.output_encoding();
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or(Malformed)?;
    Ok(match encoding == UTF_8 {
        true => text.into_owned(),
        false => restored(&text, encoding),
    })
}

/// Restores characters that a charset lacks, which browsers send as references: `&#321;` for Ł in a Latin-1 form.
fn restored(text: &str, encoding: &'static Encoding) -> String {
    let mut parts = text.split("&#");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match reference(part).filter(|(character, _)| is_unmappable(*character, encoding)) {
            Some((character, rest)) => {
                whole.push(character);
                whole.push_str(rest);
            }
            None => {
                whole.push_str("&#");
                whole.push_str(part);
            }
        }
    }
    whole
}

fn reference(part: &str) -> Option<(char, &str)> {
    let (digits, rest) = part.split_once(';')?;
    let plain = digits.len() <= 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let character = plain.then(|| digits.parse().ok().and_then(char::from_u32))??;
    Some((character, rest))
}

fn is_unmappable(character: char, encoding: &'static Encoding) -> bool {
    let (_, _, has_unmappable) = encoding.encode(character.encode_utf8(&mut [0; 4]));
    has_unmappable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &[u8])], declared: Declared<'_>) -> Result<String, Malformed> {
        let raw: Vec<_> = pairs
            .iter()
            .map(|(name, value)| Raw {
                name: name.as_bytes().to_vec(),
                value: value.to_vec(),
                charset: None,
            })
            .collect();
        Ok(texts(&raw, declared)?.remove(0).1)
    }

    const LATIN: Declared<'_> = Declared {
        by_type: Some("iso-8859-1"),
        by_address: None,
    };

    #[test]
    fn strongest_charset_declaration_wins() {
        let e_acute: (&str, &[u8]) = ("n", b"\xe9");
        let by_address = Declared {
            by_address: Some("ISO-8859-1"),
            ..Declared::default()
        };

        assert_eq!(read(&[e_acute], LATIN), Ok("é".into()));
        assert_eq!(read(&[e_acute], by_address), Ok("é".into()));
        assert_eq!(
            read(&[e_acute, ("_charset_", b"windows-1251")], by_address),
            Ok("й".into())
        );
        assert_eq!(
            read(&[e_acute, ("encoding", b"latin1")], Declared::default()),
            Ok("é".into())
        );
        assert_eq!(read(&[e_acute], Declared::default()), Err(Malformed));
    }

    #[test]
    fn unknown_charset_is_ignored_in_a_field_but_refused_in_the_content_type() {
        for (name, value) in [("_charset_", ""), ("encoding", "hardcover")] {
            let pairs: [(&str, &[u8]); 2] = [("n", "é".as_bytes()), (name, value.as_bytes())];
            assert_eq!(read(&pairs, Declared::default()), Ok("é".into()));
        }
        let unknown = Declared {
            by_type: Some("klingon"),
            by_address: None,
        };
        assert_eq!(read(&[("n", b"a")], unknown), Err(Malformed));
    }

    #[test]
    fn charset_that_browsers_cannot_send_is_read_as_utf_8() {
        for label in ["utf-16", "iso-2022-kr"] {
            let declared = Declared {
                by_type: Some(label),
                by_address: None,
            };
            assert_eq!(read(&[("n", "é".as_bytes())], declared), Ok("é".into()));
        }
    }

    #[test]
    fn only_references_to_characters_the_charset_lacks_are_restored() {
        for (sent, meant) in [
            ("&#321;ukasz", "Łukasz"),
            ("&#26085;&#26412;!", "日本!"),
            (
                "a&#65;&#; &#x141; &#99999999; &#55296; &#321",
                "a&#65;&#; &#x141; &#99999999; &#55296; &#321",
            ),
        ] {
            assert_eq!(read(&[("n", sent.as_bytes())], LATIN), Ok(meant.into()));
            assert_eq!(
                read(&[("n", sent.as_bytes())], Declared::default()),
                Ok(sent.into())
            );
        }
    }
}
