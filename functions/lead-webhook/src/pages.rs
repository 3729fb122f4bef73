//! The hosted form and its thanks.

use askama::Template;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::lead::FieldError;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::web::page;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    name: &'a str,
    action: String,
    inputs: Vec<Input>,
    consent_field: &'a str,
    consent_error: Option<&'a str>,
    statement: &'a str,
    has_errors: bool,
}

#[derive(Template)]
#[template(path = "thanks.html")]
struct ThanksPage;

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

/// What every hosted form asks; all but the address may stay empty unless the form says otherwise.
const ASKED: [(&str, &str, &str, &str); 5] = [
    ("email", "Email address", "email", "email"),
    ("first_name", "First name", "text", "given-name"),
    ("last_name", "Last name", "text", "family-name"),
    ("company_name", "Company", "text", "organization"),
    ("phone_number", "Phone", "tel", "tel"),
];

/// Fields that are ours to read and not a person's to type.
const SILENT: [&str; 6] = [
    "return_url",
    "retURL",
    "oid",
    "encoding",
    "_charset_",
    "consent_page_url",
];

/// The form; after a rejection (422) with what was typed and what to correct.
pub fn form(form: &Form, typed: Option<&Submission>, errors: &[FieldError]) -> Response<Body> {
    let consent = errors
        .iter()
        .find(|error| error.field == form.consent_field);
    let template = FormPage {
        name: &form.name,
        action: format!("/f/{}", form.id),
        inputs: inputs(form, typed, errors),
        consent_field: &form.consent_field,
        consent_error: consent.map(|error| error.message.as_str()),
        statement: &form.statement().text,
        has_errors: !errors.is_empty(),
    };
    page(
        if errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        },
        &template,
    )
}

/// What a browser sees where the form names no page of its own.
pub fn thanks() -> Response<Body> {
    page(StatusCode::OK, &ThanksPage)
}

fn inputs(form: &Form, typed: Option<&Submission>, errors: &[FieldError]) -> Vec<Input> {
    let input = |name: &str, label: String, kind, autocomplete| Input {
        required: name == "email" || form.required.iter().any(|required| required == name),
        value: typed
            .and_then(|typed| typed.get(name))
            .unwrap_or_default()
            .to_owned(),
        error: errors
            .iter()
            .find(|error| error.field == name)
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
    others.retain(|name| !is_asked(name) && !SILENT.contains(name) && *name != form.consent_field);
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

/// A field's name as people read it: `custom_fields[Favourite engine]` is "Favourite engine".
fn label(name: &str) -> String {
    let inner = name
        .strip_prefix("custom_fields[")
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    let spaced = inner.replace('_', " ");
    let mut letters = spaced.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
