//! A form's spam protection, as the operator configures it.

use secrecy::SecretString;
use serde_json::Value;

use super::Properties;
use super::fields::hidden_field;
use super::properties::{Change, Fault};
use super::values::{members, number, one_of, secret, text};
use crate::domain::captcha::{Captcha, CaptchaProvider, OnFailure};
use crate::domain::form::Form;
use crate::domain::screening::{Rates, Screening};

/// The most submissions a minute that a form may be set to accept: as many as one queue and one table handle easily.
const MOST: u32 = 60_000;

/// The most leads a day that it may be set to let out: no limit beyond the one above.
const MOST_A_DAY: u32 = MOST * 1_440;

/// What happens to the secret of a form's captcha.
#[derive(Debug, Default)]
pub(super) enum SecretChange {
    /// Nothing.
    #[default]
    Keep,
    /// There is no captcha any more.
    Forget,
    /// The new secret.
    Store(SecretString),
}

/// What the property `spam` says.
struct Spam {
    honeypot: Option<String>,
    captcha: Option<(Captcha, Option<SecretString>)>,
}

/// Reads the properties `spam` and `rate_limits`.
pub(super) fn revise(form: &mut Form, from: &mut Properties) -> SecretChange {
    let rates = from.change("rate_limits", rates);
    rates.apply(&mut form.screening.rates, Rates::default());
    let had = form.screening.captcha.take();
    let spam = match from.change("spam", spam) {
        Change::Keep => {
            form.screening.captcha = had;
            return SecretChange::Keep;
        }
        Change::Clear => Spam {
            honeypot: Screening::default().honeypot,
            captcha: None,
        },
        Change::Set(spam) => spam,
    };
    form.screening.honeypot = spam.honeypot;
    let Some((captcha, secret)) = spam.captcha else {
        return had.map_or(SecretChange::Keep, |_| SecretChange::Forget);
    };
    let is_same = |had: Captcha| {
        (had.provider, had.site_key.as_str()) == (captcha.provider, captcha.site_key.as_str())
    };
    if secret.is_none() && !had.is_some_and(is_same) {
        let fault = Fault::new("required", "another captcha needs its secret");
        from.refuse("spam.captcha.secret", fault);
    }
    form.screening.captcha = Some(captcha);
    secret.map_or(SecretChange::Keep, SecretChange::Store)
}

fn spam(value: &Value) -> Result<Spam, Fault> {
    let [honeypot, captcha_] = members(value, ["honeypot", "captcha"])?;
    let honeypot = given(honeypot, ".honeypot", hidden_field)?;
    let captcha = given(captcha_, ".captcha", captcha)?;
    Ok(Spam { honeypot, captcha })
}

fn captcha(value: &Value) -> Result<(Captcha, Option<SecretString>), Fault> {
    let names = ["provider", "site_key", "secret", "on_failure"];
    let [provider, site_key, secret_, on_failure] = members(value, names)?;
    let provider = one_of(CaptchaProvider::WORDS)(provider);
    let provider = provider.map_err(|fault| fault.within(".provider"))?;
    let site_key = text(200)(site_key).map_err(|fault| fault.within(".site_key"))?;
    let secret = given(secret_, ".secret", secret)?;
    let known = [
        ("refuse", OnFailure::Refuse),
        ("quarantine", OnFailure::Quarantine),
    ];
    let on_failure = given(on_failure, ".on_failure", one_of(known))?;
    let captcha = Captcha {
        provider,
        site_key,
        on_failure: on_failure.unwrap_or_default(),
    };
    Ok((captcha, secret))
}

fn rates(value: &Value) -> Result<Rates, Fault> {
    let names = [
        "per_minute",
        "per_minute_and_origin",
        "per_day",
        "per_day_and_address",
    ];
    let [form, origin, day, address] = members(value, names)?;
    let usual = Rates::default();
    let per_minute = given(form, ".per_minute", number(1..=MOST))?;
    let per_origin = given(origin, ".per_minute_and_origin", number(1..=MOST))?;
    let per_day = given(day, ".per_day", number(1..=MOST_A_DAY))?;
    let per_address = given(address, ".per_day_and_address", number(1..=MOST_A_DAY))?;
    Ok(Rates {
        per_minute: per_minute.unwrap_or(usual.per_minute),
        per_origin: per_origin.unwrap_or(usual.per_origin),
        per_day: per_day.unwrap_or(usual.per_day),
        per_address: per_address.unwrap_or(usual.per_address),
    })
}

/// A member that may be absent.
fn given<T>(
    value: &Value,
    name: &str,
    read: impl FnOnce(&Value) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    if value.is_null() {
        return Ok(None);
    }
    read(value).map(Some).map_err(|fault| fault.within(name))
}
