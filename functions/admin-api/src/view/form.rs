use std::collections::BTreeMap;

use askama::Template as _;
use jiff::Timestamp;
use leadfeed_shared::app::admin::Admin;
use leadfeed_shared::domain::captcha::Captcha;
use leadfeed_shared::domain::form::{Form, Statement};
use leadfeed_shared::domain::ids::{CustomerId, FormId, RemoteId};
use leadfeed_shared::ports::{Wiring, causes};
use leadfeed_shared::web::Problem;
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::snippet::{FetchSnippet, HtmlSnippet, Inputs};

#[derive(Serialize)]
pub struct FormView<'a> {
    form_id: &'a FormId,
    customer_id: &'a CustomerId,
    name: &'a str,
    open: bool,
    signed_only: bool,
    consent_statement: &'a str,
    statements: Vec<StatementView<'a>>,
    consent_field: &'a str,
    list_ids: &'a [RemoteId],
    fields: FieldsView<'a>,
    constants: &'a BTreeMap<String, String>,
    allowed_origins: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    return_url: Option<&'a str>,
    return_hosts: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    privacy_url: Option<&'a str>,
    spam: SpamView<'a>,
    rate_limits: RatesView,
    created_at: Timestamp,
}

/// A captcha's secret is never shown.
#[derive(Serialize)]
struct SpamView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    honeypot: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    captcha: Option<&'a Captcha>,
}

#[derive(Serialize)]
struct RatesView {
    per_minute: u32,
    per_minute_and_origin: u32,
    per_day: u32,
    per_day_and_address: u32,
}

#[derive(Serialize)]
struct StatementView<'a> {
    version: u32,
    text: &'a str,
    since: Timestamp,
}

#[derive(Serialize)]
struct FieldsView<'a> {
    required: &'a [String],
    mapped: &'a BTreeMap<String, String>,
}

/// A form with its URLs and snippets: the only view that holds a secret.
#[derive(Serialize)]
pub struct FormWithUrls<'a> {
    #[serde(flatten)]
    form: FormView<'a>,
    #[serde(flatten)]
    public: Option<PublicUrls>,
    webhook_url: String,
    webhook_secret: String,
}

/// The public URLs and snippets of a form that requires no signature.
#[derive(Serialize)]
struct PublicUrls {
    submit_url: String,
    hosted_url: String,
    snippet_html: String,
    snippet_fetch: String,
}

#[derive(Serialize)]
pub struct FormsView<'a> {
    forms: Vec<FormView<'a>>,
}

pub fn forms(forms: &[Form]) -> FormsView<'_> {
    FormsView {
        forms: forms.iter().map(form).collect(),
    }
}

pub fn form_with_urls<'a, W: Wiring>(
    shown: &'a Form,
    admin: &Admin<W>,
) -> Result<FormWithUrls<'a>, Problem> {
    let address = |route: &str| format!("{}/{route}/{}", admin.public_url, shown.id);
    let public = (!shown.signed_only).then(|| public_urls(shown, address("f")));
    let unrendered = |error: askama::Error| {
        tracing::error!(
            error = %causes(&error),
            "a snippet could not be rendered"
        );
        Problem::unavailable()
    };
    Ok(FormWithUrls {
        form: form(shown),
        public: public.transpose().map_err(unrendered)?,
        webhook_url: address("hooks"),
        webhook_secret: admin.webhook_secret(shown).expose_secret().to_owned(),
    })
}

fn public_urls(form: &Form, address: String) -> Result<PublicUrls, askama::Error> {
    let inputs = Inputs::of(form, address.clone());
    Ok(PublicUrls {
        snippet_html: HtmlSnippet { inputs: &inputs }.render()?,
        snippet_fetch: FetchSnippet { inputs: &inputs }.render()?,
        hosted_url: address.clone(),
        submit_url: address,
    })
}

fn form(form: &Form) -> FormView<'_> {
    FormView {
        form_id: &form.id,
        customer_id: &form.customer,
        name: &form.name,
        open: form.open,
        signed_only: form.signed_only,
        consent_statement: &form.statement().text,
        statements: form.statements.iter().map(statement).collect(),
        consent_field: &form.consent_field,
        list_ids: &form.lists,
        fields: FieldsView {
            required: &form.required,
            mapped: &form.mapped,
        },
        constants: &form.constants,
        allowed_origins: &form.allowed_origins,
        return_url: form.return_url.as_deref(),
        return_hosts: &form.return_hosts,
        privacy_url: form.privacy_url.as_deref(),
        spam: SpamView {
            honeypot: form.screening.honeypot.as_deref(),
            captcha: form.screening.captcha.as_ref(),
        },
        rate_limits: RatesView {
            per_minute: form.screening.rates.per_minute,
            per_minute_and_origin: form.screening.rates.per_origin,
            per_day: form.screening.rates.per_day,
            per_day_and_address: form.screening.rates.per_address,
        },
        created_at: form.created_at,
    }
}

fn statement(statement: &Statement) -> StatementView<'_> {
    StatementView {
        version: statement.version,
        text: &statement.text,
        since: statement.since,
    }
}
