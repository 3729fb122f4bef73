//! The hosted form and its thanks.

use askama::Template;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::contact::clean;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::keys::fingerprint;
use leadfeed_shared::domain::lead::FieldError;
use leadfeed_shared::domain::names::{custom_label, is_contact};
use leadfeed_shared::domain::screening::TIME_FIELD;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::web::{Problem, page, page_with};

use crate::rehearsal::Rehearsal;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    name: &'a str,
    action: String,
    inputs: Vec<Input>,
    consent_field: &'a str,
    consent_error: Option<&'a str>,
    statement: &'a str,
    hidden: Vec<(&'static str, &'a str)>,
    honeypot: Option<&'a str>,
    captcha: Option<&'a Captcha>,
    captcha_error: Option<&'a str>,
    notice: Option<String>,
}

#[derive(Template)]
#[template(path = "thanks.html")]
struct ThanksPage;

#[derive(Template)]
#[template(path = "rehearsal.html")]
struct RehearsalPage {
    text: String,
}

/// One field of the form, with what was typed and what is wrong with it.
struct Input {
    name: String,
    label: String,
    kind: &'static str,
    autocomplete: &'static str,
    required: bool,
    value: String,
    error: Option<String>,
}

impl Input {
    /// Whether it takes several lines, which an `input` would run into one.
    fn has_lines(&self) -> bool {
        self.value.contains(['\n', '\r'])
    }
}

/// What every hosted form asks; all but the address may stay empty unless the form says otherwise.
const ASKED: [(&str, &str, &str, &str); 5] = [
    ("email", "Email address", "email", "email"),
    ("first_name", "First name", "text", "given-name"),
    ("last_name", "Last name", "text", "family-name"),
    ("company_name", "Company", "text", "organization"),
    ("phone_number", "Phone", "tel", "tel"),
];

/// Of the fields that are not a person's to type, those that a page of ours sends on.
const SENT_ON: [&str; 10] = [
    "return_url",
    "source",
    "lead_source",
    "consent_source",
    "trustedform",
    "xxTrustedFormCertUrl",
    "jornaya",
    "universal_leadid",
    "leadid_token",
    "leadid_tcpa_disclosure",
];

/// Stands above a form that has fields to correct.
const CORRECT: &str = "Please correct what is marked below; what you typed is still there.";

/// Stands above one whose faults lie in nothing that a person can see.
const HIDDEN: &str = "What you typed is still there; please send it again.";

/// What a form is shown with.
pub struct Shown<'a> {
    /// What was sent before.
    pub sent: Option<&'a Submission>,
    /// Why it was not taken.
    pub problem: Option<&'a Problem>,
    /// When it was shown first, signed; `None` after a submission that did not say, as nobody has to.
    pub stamp: Option<&'a str>,
    /// The page that the person agrees on.
    pub page_url: Option<&'a str>,
}

/// The form; after a problem with what was typed and what to correct.
pub fn form(form: &Form, shown: &Shown<'_>) -> Response<Body> {
    let Shown { sent, problem, .. } = *shown;
    let errors = problem.map_or(&[][..], Problem::errors);
    // By our names: so the page shows and sends them.
    let typed = sent.cloned();
    let typed = typed.map(|sent| sent.renamed(|name| form.mapped.get(name).cloned()));
    let inputs = inputs(form, typed.as_ref(), errors);
    let error_of = |field: &str| {
        let error = errors.iter().find(|error| error.field == field);
        error.map(|error| error.message.as_str())
    };
    let captcha = form.screening.captcha.as_ref();
    let statement = &form.statement().text;
    // What is agreed to is what this page shows, even where the form says something else by then.
    let digest = fingerprint(statement);
    let mut hidden = vec![("consent_statement_sha256", digest.as_str())];
    hidden.extend(shown.stamp.map(|stamp| (TIME_FIELD, stamp)));
    hidden.extend(shown.page_url.map(|url| ("consent_page_url", url)));
    let of_sent = |name| {
        sent.into_iter()
            .flat_map(move |sent| sent.all(name))
            .map(move |value| (name, value))
    };
    hidden.extend(SENT_ON.into_iter().flat_map(of_sent));
    let captcha_error = captcha.and_then(|captcha| error_of(captcha.provider.field()));
    let consent_error = error_of(&form.consent_field);
    let is_marked = |field: &str| {
        let captchas = captcha.is_some_and(|captcha| captcha.provider.field() == field);
        let mut inputs = inputs.iter().map(|input| form.name_of(&input.name));
        captchas || form.consent_field == field || inputs.any(|name| name == field)
    };
    let notice = problem.map(|problem| notice(problem, is_marked));
    let template = FormPage {
        name: &form.name,
        action: format!("/f/{}", form.id),
        inputs,
        consent_field: &form.consent_field,
        consent_error,
        statement,
        hidden,
        honeypot: form.screening.honeypot.as_deref(),
        captcha,
        captcha_error,
        notice,
    };
    match captcha {
        Some(captcha) => page_with(StatusCode::OK, &template, captcha.provider.sources()),
        None => page(StatusCode::OK, &template),
    }
}

/// What stands above the form: the faults that it does not mark below.
fn notice(problem: &Problem, is_marked: impl Fn(&str) -> bool) -> String {
    let errors = problem.errors();
    let others = errors.iter().filter(|error| !is_marked(&error.field));
    let others: Vec<_> = others.map(|error| error.message.as_str()).collect();
    if errors.is_empty() {
        return problem.detail().to_owned();
    }
    if others.is_empty() {
        return CORRECT.to_owned();
    }
    let then = if others.len() == errors.len() {
        HIDDEN
    } else {
        CORRECT
    };
    format!("It was not taken because: {}. {then}", others.join("; "))
}

/// What would be done with a lead.
pub fn rehearsal(rehearsal: &Rehearsal<'_>) -> Response<Body> {
    let text = rehearsal.text();
    page(StatusCode::OK, &RehearsalPage { text })
}

/// What a browser sees where the form names no page of its own.
pub fn thanks() -> Response<Body> {
    page(StatusCode::OK, &ThanksPage)
}

fn inputs(form: &Form, typed: Option<&Submission>, errors: &[FieldError]) -> Vec<Input> {
    let input = |name: &str, label: String, kind, autocomplete| Input {
        required: name == "email" || form.required.iter().any(|required| required == name),
        value: typed.map(|typed| value(typed, name)).unwrap_or_default(),
        error: errors
            .iter()
            .find(|error| error.field == form.name_of(name))
            .map(|error| error.message.clone()),
        name: name.to_owned(),
        label,
        kind,
        autocomplete,
    };
    let is_asked = |name: &str| ASKED.iter().any(|(asked, ..)| *asked == name);
    let mut others: Vec<&str> = form.required.iter().map(String::as_str).collect();
    others.extend(
        typed
            .into_iter()
            .flat_map(Submission::iter)
            .map(|(name, _)| name),
    );
    let is_sent_on = |name: &str| {
        SENT_ON
            .iter()
            .any(|sent| form.mapped.get(*sent).is_some_and(|to| to == name))
    };
    others.retain(|name| is_contact(name) && !is_asked(name) && !is_sent_on(name));
    others.sort_unstable();
    others.dedup();

    let mut inputs: Vec<Input> = ASKED
        .iter()
        .filter(|(name, ..)| !form.constants.contains_key(*name))
        .map(|(name, label, kind, autocomplete)| {
            input(name, (*label).to_owned(), kind, autocomplete)
        })
        .collect();
    inputs.extend(
        others
            .into_iter()
            .map(|name| input(name, label(name), "text", "on")),
    );
    inputs
}

/// What was typed into a field. Several choices of a custom field are shown as the lead would have them.
fn value(typed: &Submission, name: &str) -> String {
    let choices = custom_label(name).and_then(|label| typed.custom_fields().remove(&clean(label)));
    choices.unwrap_or_else(|| typed.get(name).unwrap_or_default().to_owned())
}

/// A field's name as people read it: `custom_fields[Favourite engine]` is "Favourite engine".
fn label(name: &str) -> String {
    let spaced = custom_label(name).unwrap_or(name).replace('_', " ");
    let mut letters = spaced.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
