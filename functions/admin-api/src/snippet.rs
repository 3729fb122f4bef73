//! What a form owner pastes into a page. The box is never ticked in advance, and the statement travels with the
//! lead, so that the record holds what the page showed even after the form has another one.

use askama::Template;
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::form::Form;

/// A form for browsers, without script.
#[derive(Template)]
#[template(path = "snippet.html")]
pub struct HtmlSnippet<'a> {
    pub inputs: &'a Inputs<'a>,
}

/// The same form, sent by script without leaving the page.
#[derive(Template)]
#[template(path = "snippet_fetch.html")]
pub struct FetchSnippet<'a> {
    pub inputs: &'a Inputs<'a>,
}

/// What both are made of.
pub struct Inputs<'a> {
    submit_url: String,
    form_id: &'a str,
    statement: &'a str,
    consent_field: &'a str,
    honeypot: Option<&'a str>,
    captcha: Option<&'a Captcha>,
    fields: Vec<Input<'a>>,
}

struct Input<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'static str,
    autocomplete: &'static str,
    required: bool,
}

/// Our name, label, type and autofill token (HTML Living Standard, 4.10.18.7).
const KNOWN: [(&str, &str, &str, &str); 11] = [
    ("email", "Email", "email", "email"),
    ("first_name", "First name", "text", "given-name"),
    ("last_name", "Last name", "text", "family-name"),
    ("job_title", "Job title", "text", "organization-title"),
    ("company_name", "Company", "text", "organization"),
    ("phone_number", "Phone", "tel", "tel"),
    ("street", "Street", "text", "street-address"),
    ("city", "City", "text", "address-level2"),
    ("state", "State", "text", "address-level1"),
    ("postal_code", "Postal code", "text", "postal-code"),
    ("country", "Country", "text", "country-name"),
];

/// Asked for by every snippet.
const ALWAYS: [&str; 3] = ["email", "first_name", "last_name"];

impl<'a> Inputs<'a> {
    /// The address and the names, then whatever else the form requires or has a name of its own for.
    pub fn of(form: &'a Form, submit_url: String) -> Self {
        let mut asked: Vec<&str> = ALWAYS.to_vec();
        for ours in form.required.iter().chain(form.mapped.values()) {
            if !asked.contains(&ours.as_str()) {
                asked.push(ours);
            }
        }
        asked.retain(|ours| !form.constants.contains_key(*ours));
        Self {
            submit_url,
            form_id: form.id.as_str(),
            statement: &form.statement().text,
            consent_field: &form.consent_field,
            honeypot: form.screening.honeypot.as_deref(),
            captcha: form.screening.captcha.as_ref(),
            fields: asked
                .into_iter()
                .map(|ours| Input::of(form, ours))
                .collect(),
        }
    }
}

impl<'a> Input<'a> {
    fn of(form: &'a Form, ours: &'a str) -> Self {
        let custom = || ours.strip_prefix("custom_fields[")?.strip_suffix(']');
        let known = KNOWN.iter().find(|(name, ..)| *name == ours);
        let (label, kind, autocomplete) = known.map_or_else(
            || (custom().unwrap_or(ours), "text", "on"),
            |(_, label, kind, autocomplete)| (*label, *kind, *autocomplete),
        );
        Self {
            name: form.name_of(ours),
            label,
            kind,
            autocomplete,
            required: ours == "email" || form.required.iter().any(|name| name == ours),
        }
    }
}
