//! HTML snippets to paste into a page. The box is never ticked in advance, and the statement is sent with the lead, so
//! that the record holds what the page showed even after the form's statement has changed.

use askama::Template;
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::inputs::Input;

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

/// The inputs of both snippets.
pub struct Inputs<'a> {
    submit_url: String,
    form_id: &'a str,
    statement: &'a str,
    consent_field: &'a str,
    privacy_url: Option<&'a str>,
    honeypot: Option<&'a str>,
    captcha: Option<&'a Captcha>,
    fields: Vec<Field<'a>>,
}

/// One input, under the form's own name for it.
struct Field<'a> {
    name: &'a str,
    input: Input<'a>,
}

/// In every snippet.
const ALWAYS: [&str; 3] = ["email", "first_name", "last_name"];

impl<'a> Inputs<'a> {
    /// The address and the names, then everything else that the form requires or has a name of its own for.
    pub fn of(form: &'a Form, submit_url: String) -> Self {
        let own = form.required.iter().chain(form.mapped.values());
        let names = ALWAYS.into_iter().chain(own.map(String::as_str));
        let fields = form.inputs(names).into_iter().map(|input| Field {
            name: form.name_of(input.name),
            input,
        });
        Self {
            submit_url,
            form_id: form.id.as_str(),
            statement: &form.statement().text,
            consent_field: &form.consent_field,
            privacy_url: form.privacy_url.as_deref(),
            honeypot: form.screening.honeypot.as_deref(),
            captcha: form.screening.captcha.as_ref(),
            fields: fields.collect(),
        }
    }
}
