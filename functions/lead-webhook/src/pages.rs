//! The hosted form and its thank-you page.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::contact::clean;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::inputs::Input;
use leadfeed_shared::domain::keys::fingerprint;
use leadfeed_shared::domain::lead::FieldError;
use leadfeed_shared::domain::names::custom_label;
use leadfeed_shared::domain::screening::TIME_FIELD;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::web::{Problem, page, page_with};

use crate::rehearsal::Rehearsal;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage<'a> {
    action: String,
    fields: Vec<Field<'a>>,
    consent_field: &'a str,
    consent_error: Option<&'a str>,
    statement: &'a str,
    privacy_url: Option<&'a str>,
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
struct Field<'a> {
    input: Input<'a>,
    value: String,
    error: Option<&'a str>,
}

impl Field<'_> {
    /// Whether the value has several lines, which an `input` would join into one.
    fn has_lines(&self) -> bool {
        self.value.contains(['\n', '\r'])
    }
}

/// The fields of every hosted form; all but the address are optional unless the form says otherwise.
const USUAL: [&str; 5] = [
    "email",
    "first_name",
    "last_name",
    "company_name",
    "phone_number",
];

/// Fields that nobody types by hand, but that our page passes on.
const PASSED_ON: [&str; 10] = [
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

/// Shown above a form that has fields to correct. The page does not tick the box again: only the person may.
const CORRECT: &str =
    "Please correct what is marked below and tick the box; what you typed is still there.";

/// Shown above a form if everything wrong is in hidden fields.
const HIDDEN: &str = "What you typed is still there; please tick the box and send it again.";

/// What the form is rendered with.
pub struct Shown<'a> {
    /// The previous submission.
    pub sent: Option<&'a Submission>,
    /// Why it was refused.
    pub problem: Option<&'a Problem>,
    /// When the form was first shown, signed; `None` after a submission without it, which is allowed.
    pub stamp: Option<&'a str>,
    /// The page on which the person consents.
    pub page_url: Option<&'a str>,
}

/// The form; after a problem, with what was typed and what to correct.
pub fn form(form: &Form, shown: &Shown<'_>) -> Response<Body> {
    let Shown { sent, problem, .. } = *shown;
    let errors = problem.map_or(&[][..], Problem::errors);
    // Under our names, by which the page shows and sends them.
    let typed = sent.cloned();
    let typed = typed.map(|sent| sent.renamed(|name| form.mapped.get(name).cloned()));
    let fields = fields(form, sent, typed.as_ref(), errors);
    let captcha = form.screening.captcha.as_ref();
    let statement = &form.statement().text;
    // The person agrees to what this page shows, even if the form's statement has changed by then.
    let digest = fingerprint(statement);
    let mut hidden = vec![("consent_statement_sha256", digest.as_str())];
    hidden.extend(shown.stamp.map(|stamp| (TIME_FIELD, stamp)));
    hidden.extend(shown.page_url.map(|url| ("consent_page_url", url)));
    let of_sent = |name| {
        sent.into_iter()
            .flat_map(move |sent| sent.all(name))
            .filter(|value| !value.is_empty())
            .map(move |value| (name, value))
    };
    hidden.extend(PASSED_ON.into_iter().flat_map(of_sent));
    let captcha_error = captcha.and_then(|captcha| error_of(errors, captcha.provider.field()));
    let consent_error = error_of(errors, &form.consent_field);
    let is_marked = |field: &str| {
        let is_captcha = captcha.is_some_and(|captcha| captcha.provider.field() == field);
        let mut asked = fields.iter().map(|asked| form.name_of(asked.input.name));
        is_captcha || form.consent_field == field || asked.any(|name| name == field)
    };
    let notice = problem.map(|problem| notice(problem, is_marked));
    let template = FormPage {
        action: format!("/f/{}", form.id),
        fields,
        consent_field: &form.consent_field,
        consent_error,
        statement,
        privacy_url: form.privacy_url.as_deref(),
        hidden,
        honeypot: form.screening.honeypot.as_deref(),
        captcha,
        captcha_error,
        notice,
    };
    match captcha {
        Some(captcha) => page_with(
            form.brand(),
            StatusCode::OK,
            &template,
            captcha.provider.sources(),
        ),
        None => page(form.brand(), StatusCode::OK, &template),
    }
}

/// The message above the form: the faults that are not marked below.
fn notice(problem: &Problem, is_marked: impl Fn(&str) -> bool) -> String {
    let errors = problem.errors();
    let others = errors.iter().filter(|error| !is_marked(&error.field));
    let others: Vec<_> = others.map(|error| error.message.as_str()).collect();
    if errors.is_empty() {
        let detail = problem.detail();
        return format!(
            "{detail} What you typed is still there; tick the box before you send it again."
        );
    }
    if others.is_empty() {
        return CORRECT.to_owned();
    }
    let then = if others.len() == errors.len() {
        HIDDEN
    } else {
        CORRECT
    };
    format!("We could not accept it: {}. {then}", others.join("; "))
}

/// What would be done with a lead.
pub fn rehearsal(form: &Form, rehearsal: &Rehearsal<'_>) -> Response<Body> {
    let text = rehearsal.text();
    page(form.brand(), StatusCode::OK, &RehearsalPage { text })
}

/// The thank-you page if the form names no page of its own; without a brand if the form is not known.
pub fn thanks(form: Option<&Form>) -> Response<Body> {
    page(form.and_then(Form::brand), StatusCode::OK, &ThanksPage)
}

/// The fields shown: the usual ones, those that the form requires, and any others filled in before. Fields that this
/// page passes on hidden are not shown again, and custom fields that are one in the lead are one here.
fn fields<'a>(
    form: &'a Form,
    sent: Option<&'a Submission>,
    typed: Option<&'a Submission>,
    errors: &'a [FieldError],
) -> Vec<Field<'a>> {
    let filled = |sent: &Submission, name: &str| sent.all(name).any(|value| !value.is_empty());
    let is_passed_on = |name: &str| {
        PASSED_ON.iter().any(|own| {
            let is_mapped = form.mapped.get(*own).is_some_and(|to| to == name);
            is_mapped && sent.is_some_and(|sent| filled(sent, own))
        })
    };
    let typed_names = typed.into_iter().flat_map(Submission::iter);
    let mut others: Vec<&str> = form.required.iter().map(String::as_str).collect();
    others.extend(typed_names.map(|(name, _)| name));
    others.retain(|name| !is_passed_on(name));
    others.sort_unstable();
    let choices = typed.map(Submission::custom_fields).unwrap_or_default();
    let mut labels = BTreeSet::new();
    let mut inputs = form.inputs(USUAL.into_iter().chain(others));
    inputs.retain(|input| custom_label(input.name).is_none_or(|label| labels.insert(clean(label))));
    inputs
        .into_iter()
        .map(|input| Field {
            value: typed
                .map(|typed| value(typed, &choices, input.name))
                .unwrap_or_default(),
            error: error_of(errors, form.name_of(input.name)),
            input,
        })
        .collect()
}

fn error_of<'a>(errors: &'a [FieldError], field: &str) -> Option<&'a str> {
    let error = errors.iter().find(|error| error.field == field);
    error.map(|error| error.message.as_str())
}

/// What was typed into a field. Several choices of a custom field are joined as they would be in the lead.
fn value(typed: &Submission, choices: &BTreeMap<String, String>, name: &str) -> String {
    let chosen = custom_label(name).and_then(|label| choices.get(&clean(label)));
    let value = chosen.map(String::as_str).or_else(|| typed.get(name));
    value.unwrap_or_default().to_owned()
}
