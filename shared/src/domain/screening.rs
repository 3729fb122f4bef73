//! Spam protection of a form: how it tells people from robots, and how much it accepts at once.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::captcha::{Captcha, CaptchaProvider};
use super::ids::FormId;
use super::keys::{Purpose, SigningKeys};
use super::lead::QuarantineReason;
use super::submission::Submission;

/// The field that contains the signed time at which a form was shown.
pub const TIME_FIELD: &str = "form_time";

/// Nobody fills in a form faster than this.
const FASTEST: SignedDuration = SignedDuration::from_secs(2);

/// A form that was shown longer ago than this is worth a note.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);

/// The checks that a form makes before a submission goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Screening {
    /// The name of a field that people do not see and robots fill in. Always stored, since an absent one means the
    /// default.
    pub honeypot: Option<String>,
    /// A captcha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captcha: Option<Captcha>,
    /// How much it accepts.
    pub rates: Rates,
}

/// How many submissions a form accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rates {
    /// In a minute, from everybody together.
    pub per_minute: u32,
    /// In a minute, from one IP address, which may be a whole office.
    pub per_origin: u32,
    /// Unsigned leads that go out in a day; the others are set aside.
    pub per_day: u32,
    /// The same for the address of one person.
    pub per_address: u32,
}

impl Default for Screening {
    fn default() -> Self {
        Self {
            honeypot: Some("contact_website".to_owned()),
            captcha: None,
            rates: Rates::default(),
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            per_minute: 600,
            per_origin: 60,
            per_day: 5_000,
            per_address: 20,
        }
    }
}

/// What the hidden fields of a submission reveal about its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HiddenFields {
    /// Nothing suspicious.
    Clean,
    /// The form was open for more than a day.
    Stale,
    /// It is a robot's.
    Bot(QuarantineReason),
}

impl Screening {
    /// What the hidden fields reveal. A form without the time is as good as one with it: pages that we do not make lack
    /// it.
    #[must_use]
    pub fn check_hidden_fields(
        &self,
        fields: &Submission,
        form: &FormId,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> HiddenFields {
        let filled = |name: &str| fields.get(name).filter(|value| !value.trim().is_empty());
        if self.honeypot.as_deref().and_then(filled).is_some() {
            return HiddenFields::Bot(QuarantineReason::Honeypot);
        }
        let Some(stamp) = filled(TIME_FIELD) else {
            return HiddenFields::Clean;
        };
        match shown_at(stamp, form, keys).map(|at| now.duration_since(at)) {
            Some(open) if open > OLDEST => HiddenFields::Stale,
            Some(open) if open >= FASTEST => HiddenFields::Clean,
            _ => HiddenFields::Bot(QuarantineReason::TooFast),
        }
    }

    /// Whether a field is for us to read and not part of what a person says.
    #[must_use]
    pub fn is_ours(&self, field: &str) -> bool {
        field == TIME_FIELD
            || self.honeypot.as_deref() == Some(field)
            || CaptchaProvider::is_field(field)
    }
}

/// The value of [`TIME_FIELD`] for a form shown at `at`.
#[must_use]
pub fn stamp(form: &FormId, keys: &SigningKeys, at: Timestamp) -> String {
    let millis = at.as_millisecond().to_string();
    let signature = keys.sign(Purpose::FormTime, format!("{form} {millis}").as_bytes());
    format!("{millis}.{}", hex::encode(&signature[..16]))
}

fn shown_at(stamped: &str, form: &FormId, keys: &SigningKeys) -> Option<Timestamp> {
    let (millis, _) = stamped.trim().split_once('.')?;
    let at = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
    (stamp(form, keys, at) == stamped.trim()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::form::tests::form;

    fn check_hidden_fields(fields: &[(&str, &str)], seconds_later: i64) -> HiddenFields {
        let keys = SigningKeys::new("root".into());
        let shown: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let id = form().id;
        let genuine = stamp(&id, &keys, shown);
        let fields = fields
            .iter()
            .map(|(name, value)| (*name, value.replace("GENUINE", &genuine)));
        let fields = Submission::from_pairs(fields).unwrap();
        let now = shown + SignedDuration::from_secs(seconds_later);
        Screening::default().check_hidden_fields(&fields, &id, &keys, now)
    }

    #[test]
    fn stored_rates_without_daily_limits_get_the_defaults() {
        let stored = r#"{"per_minute": 7, "per_origin": 2}"#;

        let rates: Rates = serde_json::from_str(stored).unwrap();

        let defaults = Rates::default();
        assert_eq!((rates.per_minute, rates.per_origin), (7, 2));
        assert_eq!(rates.per_day, defaults.per_day);
        assert_eq!(rates.per_address, defaults.per_address);
    }

    #[test]
    fn filled_honeypot_marks_a_bot() {
        let bot = HiddenFields::Bot(QuarantineReason::Honeypot);

        assert_eq!(check_hidden_fields(&[("contact_website", "x")], 60), bot);
        assert_eq!(
            check_hidden_fields(&[("contact_website", " ")], 60),
            HiddenFields::Clean
        );
        assert_eq!(
            check_hidden_fields(&[("email", "x")], 60),
            HiddenFields::Clean
        );
    }

    #[test]
    fn form_sent_within_two_seconds_marks_a_bot_and_after_a_day_is_stale() {
        let after = |seconds| check_hidden_fields(&[(TIME_FIELD, "GENUINE")], seconds);
        let bot = HiddenFields::Bot(QuarantineReason::TooFast);

        assert_eq!(after(1), bot);
        assert_eq!(after(2), HiddenFields::Clean);
        assert_eq!(after(24 * 3_600), HiddenFields::Clean);
        assert_eq!(after(24 * 3_600 + 1), HiddenFields::Stale);
        assert_eq!(after(-60), bot);
    }

    #[test]
    fn forged_form_time_marks_a_bot() {
        for forged in [
            "1",
            "GENUINEx",
            "0.",
            "99999999999999999999.00",
            "1.GENUINE",
        ] {
            let bot = HiddenFields::Bot(QuarantineReason::TooFast);
            assert_eq!(
                check_hidden_fields(&[(TIME_FIELD, forged)], 60),
                bot,
                "{forged}"
            );
        }
    }
}
