//! Configuration from the function's environment. A missing or malformed variable stops the start; the error names the
//! variable but never its value.

use std::env;
use std::str::FromStr;

use jiff::SignedDuration;
use url::Url;

/// Why a function cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not set, empty, or not Unicode.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// Set to an invalid value.
    #[error("the environment variable {name} is not {expected}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// TLS is not available.
    #[error("an HTTP client could not be made")]
    Tls,
}

/// The value of a required variable.
///
/// # Errors
/// [`ConfigError::Missing`].
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// The value of an optional variable.
#[must_use]
pub fn optional(name: &'static str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The parsed value of a variable, if it is set.
///
/// # Errors
/// [`ConfigError::Malformed`].
pub fn parsed<T: FromStr>(
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ConfigError> {
    let read = |value: String| {
        let malformed = ConfigError::Malformed { name, expected };
        value.parse().map_err(|_| malformed)
    };
    optional(name).map(read).transpose()
}

/// A number, rounded up: CloudFormation accepts a parameter with a fraction.
///
/// # Errors
/// [`ConfigError`].
pub fn number(name: &'static str) -> Result<u32, ConfigError> {
    read_number(name, &required(name)?)
}

/// A duration in seconds.
///
/// # Errors
/// [`ConfigError`].
pub fn seconds(name: &'static str) -> Result<SignedDuration, ConfigError> {
    Ok(SignedDuration::from_secs(number(name)?.into()))
}

/// `LEADFEED_PUBLIC_URL`, the functions' public address, without a trailing slash.
///
/// # Errors
/// [`ConfigError`].
pub fn public_url() -> Result<String, ConfigError> {
    let url = base_url("LEADFEED_PUBLIC_URL")?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// A base URL. Its path has no trailing slash, unless the slash is the whole path.
///
/// # Errors
/// [`ConfigError`].
pub fn base_url(name: &'static str) -> Result<Url, ConfigError> {
    read_base_url(name, &required(name)?)
}

/// `on` or `off`.
///
/// # Errors
/// [`ConfigError`].
pub fn switch(name: &'static str) -> Result<bool, ConfigError> {
    read_switch(name, &required(name)?)
}

fn read_number(name: &'static str, value: &str) -> Result<u32, ConfigError> {
    let number = value.parse().map(f64::ceil).ok();
    let number = number.filter(|number| (0.0..=f64::from(u32::MAX)).contains(number));
    let expected = "a number that is not negative";
    number
        .map(|number| number as u32)
        .ok_or(ConfigError::Malformed { name, expected })
}

fn read_base_url(name: &'static str, value: &str) -> Result<Url, ConfigError> {
    let malformed = ConfigError::Malformed {
        name,
        expected: "an http or https URL",
    };
    let url = Url::parse(value.trim_end_matches('/')).map_err(|_| malformed)?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.has_host();
    match url.scheme() {
        "http" | "https" if plain => Ok(url),
        _ => Err(malformed),
    }
}

fn read_switch(name: &'static str, value: &str) -> Result<bool, ConfigError> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(ConfigError::Malformed {
            name,
            expected: "on or off",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_the_missing_variable() {
        let error = required("LEADFEED_NOT_SET_ANYWHERE").unwrap_err();

        assert_eq!(
            error.to_string(),
            "the environment variable LEADFEED_NOT_SET_ANYWHERE is not set"
        );
    }

    #[test]
    fn malformed_value_is_rejected_and_not_repeated_in_the_error() {
        for bad in [
            "SENTINEL",
            "ftp://SENTINEL",
            "https://",
            "https://SENTINEL/?a",
        ] {
            let error = read_base_url("LEADFEED_PUBLIC_URL", bad).unwrap_err();
            assert!(!error.to_string().contains("SENTINEL"), "{error}");
        }
        assert!(read_switch("LEADFEED_PKCE", "true").is_err());
    }

    #[test]
    fn numbers_are_parsed_as_cloudformation_accepts_them() {
        let read = |value| read_number("LEADFEED_OLDEST_LEAD_ALARM", value);

        for (value, number) in [("7200", 7_200), ("7200.5", 7_201), ("1e3", 1_000), ("0", 0)] {
            assert_eq!(read(value), Ok(number), "{value}");
        }
        for bad in ["", "-1", "many", "NaN", "inf", "5000000000"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn base_url_keeps_its_path_but_not_its_trailing_slash() {
        let url = read_base_url("LEADFEED_CC_API_URL", "https://api.cc.email/v3/").unwrap();

        assert_eq!(url.as_str(), "https://api.cc.email/v3");
        assert_eq!(read_switch("LEADFEED_PKCE", "on"), Ok(true));
    }
}
