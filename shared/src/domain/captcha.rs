//! Captchas that a form can show, and what we know about their providers.

use serde::{Deserialize, Serialize};

/// A captcha that a form shows. Its secret is kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captcha {
    /// Its provider.
    pub provider: CaptchaProvider,
    /// The public key that the page contains.
    pub site_key: String,
    /// What happens to a submission that does not pass.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// Who makes and checks a captcha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptchaProvider {
    /// Cloudflare Turnstile.
    Turnstile,
    /// hCaptcha.
    Hcaptcha,
    /// Google reCAPTCHA, version 2: our pages show its box. With a site key of version 3 nobody passes there.
    Recaptcha,
}

/// What happens to a submission that does not pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The person is told and may try again.
    #[default]
    Refuse,
    /// It is set aside for somebody to look at.
    Quarantine,
}

impl CaptchaProvider {
    /// All of them, by their words.
    pub const WORDS: [(&str, Self); 3] = [
        ("turnstile", Self::Turnstile),
        ("hcaptcha", Self::Hcaptcha),
        ("recaptcha", Self::Recaptcha),
    ];

    /// The field into which the provider's script puts the answer.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile-response",
            Self::Hcaptcha => "h-captcha-response",
            Self::Recaptcha => "g-recaptcha-response",
        }
    }

    /// The class of the element that the script turns into a captcha.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Turnstile => "cf-turnstile",
            Self::Hcaptcha => "h-captcha",
            Self::Recaptcha => "g-recaptcha",
        }
    }

    /// The page's object through which a script talks to the captcha.
    #[must_use]
    pub fn object(self) -> &'static str {
        match self {
            Self::Turnstile => "turnstile",
            Self::Hcaptcha => "hcaptcha",
            Self::Recaptcha => "grecaptcha",
        }
    }

    /// Whether a field is one into which some provider's script puts the answer.
    #[must_use]
    pub fn is_field(name: &str) -> bool {
        let mut providers = Self::WORDS.iter();
        providers.any(|(_, provider)| provider.field() == name)
    }

    /// The script.
    #[must_use]
    pub fn script(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/api.js",
            Self::Hcaptcha => "https://js.hcaptcha.com/1/api.js",
            Self::Recaptcha => "https://www.google.com/recaptcha/api.js",
        }
    }

    /// What a page that shows the captcha has to be allowed to load and frame.
    #[must_use]
    pub fn sources(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com",
            Self::Hcaptcha => "https://hcaptcha.com https://*.hcaptcha.com",
            Self::Recaptcha => {
                "https://www.google.com/recaptcha/ https://recaptcha.google.com/recaptcha/ https://www.gstatic.com/recaptcha/"
            }
        }
    }

    /// Where an answer is checked.
    #[must_use]
    pub fn check_url(self) -> &'static str {
        match self {
            Self::Turnstile => "https://challenges.cloudflare.com/turnstile/v0/siteverify",
            Self::Hcaptcha => "https://api.hcaptcha.com/siteverify",
            Self::Recaptcha => "https://www.google.com/recaptcha/api/siteverify",
        }
    }
}
