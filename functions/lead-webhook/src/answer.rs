//! HTTP responses, for a browser or for a program.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use leadfeed_shared::app::intake::{Accepted, Channel, IntakeError, RehearsalOutcome};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::screening::TIME_FIELD;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::web::{Audience, Problem, audience, json, see_other};
use serde::Serialize;

use crate::origin;
use crate::pages::{self, Shown};
use crate::rehearsal::Rehearsal;

/// Answers in the format that the caller reads.
pub struct Reply {
    audience: Audience,
    referer: Option<String>,
}

impl Reply {
    pub fn to(request: &Request) -> Self {
        Self {
            audience: audience(request.headers()),
            referer: origin::of(request).referer,
        }
    }

    /// The lead is kept: 202, or a redirect to the page that the form names.
    pub fn accepted(
        &self,
        form: &Form,
        lead: &Accepted,
        requested: Option<&str>,
    ) -> Response<Body> {
        match self.audience {
            Audience::Program => accepted(lead),
            Audience::Browser => match form.return_to(requested) {
                Some(page) => see_other(page.as_str()),
                None => see_other(&format!("/f/{}/thanks", form.id)),
            },
        }
    }

    /// The lead is not kept; a person sees why, what to correct, and what was typed.
    pub fn refused(&self, form: &Form, fields: Submission, error: IntakeError) -> Response<Body> {
        let problem = problem(error);
        let Audience::Browser = self.audience else {
            return problem.into_response();
        };
        let page_url = fields.get("consent_page_url");
        let page_url = page_url.filter(|url| !url.trim().is_empty());
        problem.with_headers_on(pages::form(
            form,
            &Shown {
                sent: Some(&fields),
                problem: Some(&problem),
                stamp: fields.get(TIME_FIELD),
                page_url: page_url.or(self.referer.as_deref()),
            },
        ))
    }

    /// What would be done with a submission; nothing is kept.
    pub fn rehearsed(
        &self,
        form: &Form,
        outcome: &RehearsalOutcome,
        requested: Option<&str>,
    ) -> Response<Body> {
        let page = form.return_to(requested).map(String::from);
        match self.audience {
            Audience::Program => json(StatusCode::OK, &Rehearsal::of(outcome, page.as_deref())),
            Audience::Browser => pages::rehearsal(form, &Rehearsal::of(outcome, page.as_deref())),
        }
    }

    /// The answer to a request to a form.
    pub fn for_form(&self, form: &Form, answer: Result<Response<Body>, Problem>) -> Response<Body> {
        answer.unwrap_or_else(|problem| self.problem(Some(form), problem))
    }

    /// Any other problem; with `form`, if it is known.
    pub fn problem(&self, form: Option<&Form>, problem: Problem) -> Response<Body> {
        match self.audience {
            Audience::Program => problem.into_response(),
            Audience::Browser => problem.into_page(form.and_then(Form::brand)),
        }
    }
}

#[derive(Serialize)]
struct Kept<'a> {
    lead_id: &'a str,
    status: &'a str,
}

/// 202 with the lead's id.
pub fn accepted(lead: &Accepted) -> Response<Body> {
    kept(StatusCode::ACCEPTED, lead, lead.status)
}

/// 200 for a message that was received before.
pub fn duplicate(lead: &Accepted) -> Response<Body> {
    kept(StatusCode::OK, lead, "duplicate")
}

fn kept(code: StatusCode, lead: &Accepted, status: &str) -> Response<Body> {
    let lead_id = lead.lead.as_str();
    json(code, &Kept { lead_id, status })
}

/// Checks that a form accepts leads of this channel.
pub fn open(form: &Form, channel: Channel) -> Result<(), Problem> {
    channel.accepted_by(form).map_err(problem)
}

/// Maps an intake error to a problem.
pub fn problem(error: IntakeError) -> Problem {
    match error {
        IntakeError::UnknownForm => Problem::not_found("form"),
        IntakeError::ClosedForm => {
            Problem::new(StatusCode::GONE, "form_closed", "This form is closed.")
        }
        IntakeError::SignatureRequired => Problem::new(
            StatusCode::FORBIDDEN,
            "signature_required",
            "This form accepts only signed webhooks: its owner's server has to post to the form's webhook address.",
        ),
        IntakeError::Rejected(rejection) => rejection.into(),
        IntakeError::TooMany { wait } => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_submissions",
            "Too many people are signing up right now. Please try again in a minute.",
        )
        .retry_after(wait),
        IntakeError::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "Another submission came with this key. A new submission needs a key of its own.",
        ),
        IntakeError::InFlight { wait } => Problem::new(
            StatusCode::CONFLICT,
            "idempotency_key_in_flight",
            "A submission with this key is still being processed. Please try again in a moment.",
        )
        .retry_after(wait),
        IntakeError::Unavailable => Problem::unavailable(),
    }
}
