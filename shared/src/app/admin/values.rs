//! Readers of single values: JSON in, a value within its bounds out.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::properties::{Fault, unknown};
use crate::domain::contact::clean;
use crate::domain::email::EmailAddress;
use crate::domain::form::web_url;

/// Text of 1 to `most` characters, trimmed and without control characters.
pub(super) fn text(most: usize) -> impl Fn(&Value) -> Result<String, Fault> {
    move |value| {
        let text = clean(string(value)?);
        match text.chars().count() {
            0 => Err(Fault::new("empty", "this must not be empty")),
            count if count > most => {
                let message = format!("this is longer than {most} characters");
                Err(Fault::new("too_long", message))
            }
            _ => Ok(text),
        }
    }
}

/// A credential: visible ASCII, kept exactly.
pub(super) fn secret(value: &Value) -> Result<SecretString, Fault> {
    let text = string(value)?;
    let visible = (1..=500).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if visible {
        Ok(text.into())
    } else {
        Err(Fault::new(
            "malformed",
            "1 to 500 visible ASCII characters without spaces are needed",
        ))
    }
}

/// `true` or `false`.
pub(super) fn flag(value: &Value) -> Result<bool, Fault> {
    value.as_bool().ok_or_else(|| wrong_type("true or false"))
}

/// `true` or `false` in a query, as text.
pub(super) fn flag_text(value: &Value) -> Result<bool, Fault> {
    one_of([("true", true), ("false", false)])(value)
}

/// A whole number, in a query as text.
pub(super) fn number(within: RangeInclusive<u32>) -> impl Fn(&Value) -> Result<u32, Fault> {
    move |value| {
        let number = match value {
            Value::String(digits) => digits.parse().ok(),
            value => value.as_u64(),
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| within.contains(number))
            .ok_or_else(|| {
                let (least, most) = within.clone().into_inner();
                let message = format!("a whole number from {least} to {most} is needed");
                Fault::new("out_of_range", message)
            })
    }
}

/// An identifier of any kind.
pub(super) fn id<T: FromStr>(value: &Value) -> Result<T, Fault> {
    string(value)?
        .parse()
        .map_err(|_| Fault::new("malformed", "this is not an id of the kind needed here"))
}

/// The meaning of one of a few words.
pub(super) fn one_of<const N: usize, T: Copy>(
    words: [(&'static str, T); N],
) -> impl Fn(&Value) -> Result<T, Fault> {
    move |value| {
        let text = string(value)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, meant)| *meant).ok_or_else(|| {
            let words = words.map(|(word, _)| word).join(", ");
            Fault::new("unknown_value", format!("one of {words} is needed"))
        })
    }
}

/// An e-mail address.
pub(super) fn email(value: &Value) -> Result<EmailAddress, Fault> {
    let email: Result<EmailAddress, _> = string(value)?.parse();
    email.map_err(|error| Fault::new(error.code(), error.to_string()))
}

/// A moment as RFC 3339 writes it.
pub(super) fn moment(value: &Value) -> Result<Timestamp, Fault> {
    string(value)?
        .parse()
        .map_err(|_| Fault::new("malformed", "a time such as 2026-11-23T09:30:00Z is needed"))
}

/// A day of the calendar as RFC 3339 writes it.
pub(super) fn day(value: &Value) -> Result<Date, Fault> {
    let text = string(value)?;
    let day = text.parse().ok();
    day.filter(|day: &Date| day.to_string() == text)
        .ok_or_else(|| Fault::new("malformed", "a day such as 2026-11-23 is needed"))
}

/// The address of a page that a browser can be sent to.
pub(super) fn page_url(value: &Value) -> Result<String, Fault> {
    web_url(string(value)?).map(String::from).ok_or_else(|| {
        let message = "an absolute http or https address without user and port is needed";
        Fault::new("malformed", message)
    })
}

/// An `https` page, which nobody on the way can change.
pub(super) fn secure_url(value: &Value) -> Result<String, Fault> {
    let url = web_url(string(value)?).filter(|url| url.scheme() == "https");
    url.map(String::from).ok_or_else(|| {
        let message = "an absolute https address without user and port is needed";
        Fault::new("malformed", message)
    })
}

/// A host name as in a parsed URL: lowercase, punycode.
pub(super) fn host(value: &Value) -> Result<String, Fault> {
    let url = web_url(&format!("https://{}/", string(value)?));
    url.filter(names_host_only)
        .and_then(|url| url.host_str().map(str::to_owned))
        .ok_or_else(|| Fault::new("malformed", "a host name such as www.example.com is needed"))
}

/// A web origin, as browsers send it.
pub(super) fn origin(value: &Value) -> Result<String, Fault> {
    let url = Url::parse(string(value)?).ok();
    let web = |url: &Url| matches!(url.scheme(), "http" | "https") && names_host_only(url);
    let origin = url
        .filter(web)
        .map(|url| url.origin().ascii_serialization());
    origin.ok_or_else(|| {
        let message = "an origin such as https://www.example.com is needed";
        Fault::new("malformed", message)
    })
}

/// Whether a URL names only a host (and port), without wildcards.
fn names_host_only(url: &Url) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'.';
    let host = url.host_str().unwrap_or_default();
    (1..=253).contains(&host.len())
        && host.bytes().all(plain)
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

/// At most `most` values, each read by `read`.
pub(super) fn list<T>(
    most: usize,
    read: impl Fn(&Value) -> Result<T, Fault>,
) -> impl Fn(&Value) -> Result<Vec<T>, Fault> {
    move |value| {
        let values = value.as_array().ok_or_else(|| wrong_type("a list"))?;
        if values.len() > most {
            return Err(too_many(most));
        }
        let each = values.iter().enumerate();
        each.map(|(i, value)| read(value).map_err(|fault| fault.within(&format!("[{i}]"))))
            .collect()
    }
}

/// At most `most` named values: names read by `name`, values by `read`.
pub(super) fn table(
    most: usize,
    name: impl Fn(&Value) -> Result<String, Fault>,
    read: impl Fn(&Value) -> Result<String, Fault>,
) -> impl Fn(&Value) -> Result<BTreeMap<String, String>, Fault> {
    move |value| {
        let members = value.as_object().ok_or_else(|| wrong_type("an object"))?;
        if members.len() > most {
            return Err(too_many(most));
        }
        let pair = |(key, value): (&String, &Value)| {
            let pair = name(&Value::from(key.as_str())).and_then(|key| Ok((key, read(value)?)));
            pair.map_err(|fault| fault.within(&format!(".{}", clean(key))))
        };
        members.iter().map(pair).collect()
    }
}

/// The members of an object that has only `names`; absent ones are `null`.
pub(super) fn members<'a, const N: usize>(
    value: &'a Value,
    names: [&str; N],
) -> Result<[&'a Value; N], Fault> {
    let object = value.as_object().ok_or_else(|| wrong_type("an object"))?;
    if let Some(name) = object.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(unknown().within(&format!(".{}", clean(name))));
    }
    Ok(names.map(|name| object.get(name).unwrap_or(&Value::Null)))
}

pub(super) fn string(value: &Value) -> Result<&str, Fault> {
    value.as_str().ok_or_else(|| wrong_type("text"))
}

fn wrong_type(needed: &str) -> Fault {
    Fault::new("wrong_type", format!("{needed} is needed here"))
}

fn too_many(most: usize) -> Fault {
    Fault::new("too_many", format!("at most {most} are taken"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hosts_and_origins_are_normalised_as_in_browsers_or_rejected() {
        assert_eq!(host(&json!("WWW.Example.com")).unwrap(), "www.example.com");
        assert_eq!(
            host(&json!("bücher.example")).unwrap(),
            "xn--bcher-kva.example"
        );
        assert_eq!(
            origin(&json!("HTTPS://www.example.com:443/")).unwrap(),
            "https://www.example.com"
        );
        for bad in [
            "",
            "a/b",
            "a:8443",
            "u@a",
            "https://a",
            "a?b",
            "a#b",
            "a b",
            "*",
        ] {
            assert!(host(&json!(bad)).is_err(), "{bad}");
        }
        for bad in [
            "https://*.example",
            "*",
            "null",
            "a.example",
            "https://a/b",
            "https://u@a",
            "file:///",
            "data:x",
        ] {
            assert!(origin(&json!(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_must_be_integers_within_their_bounds() {
        let read = number(1..=10);

        assert_eq!(read(&json!(10)), Ok(10));
        assert_eq!(read(&json!("10")), Ok(10));
        for bad in [
            json!(0),
            json!(11),
            json!(-1),
            json!(1.5),
            json!(1e30),
            json!("x"),
            json!([]),
        ] {
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn fault_reports_its_path_and_code() {
        let fault = list(2, text(3))(&json!(["ok", "long"])).unwrap_err();
        assert_eq!((fault.at.as_str(), fault.code), ("[1]", "too_long"));

        let fault = table(2, text(3), text(3))(&json!({"a": 1})).unwrap_err();
        assert_eq!((fault.at.as_str(), fault.code), (".a", "wrong_type"));

        let fault = members(&json!({"b": 1}), ["a"]).unwrap_err();
        assert_eq!((fault.at.as_str(), fault.code), (".b", "unknown_property"));
        assert_eq!(
            list(1, flag)(&json!([true, true])).unwrap_err().code,
            "too_many"
        );
    }
}
