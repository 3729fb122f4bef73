//! The public endpoints: lead forms, signed webhooks and web-to-lead posts.
//!
//! Decodes a request, calls [`Intake`], encodes the answer. Touches no token and never calls Constant Contact.

mod answer;
mod body;
mod charset;
mod cors;
mod key;
mod origin;
mod pages;
mod rehearsal;
mod signed;
mod web_to_lead;

use std::collections::BTreeMap;

use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, RequestExt as _, Response};
use leadfeed_shared::app::intake::{Arrival, Channel, Intake};
use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::screening::TIME_FIELD;
use leadfeed_shared::domain::submission::Submission;
use leadfeed_shared::ports::{Clock as _, Wiring};
use leadfeed_shared::web::{Problem, allow_framing, json, problem_of};

use self::answer::Reply;
use self::pages::Shown;
pub use self::signed::signature;

/// Answers one request. Never fails: errors are answers too. Website editors put forms into frames, so these pages have
/// to display there as well.
pub async fn handle<W: Wiring>(intake: &Intake<W>, request: Request) -> Response<Body> {
    let path = request.raw_http_path().to_owned();
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let reply = Reply::to(&request);
    let answer = match (request.method().as_str(), segments.as_slice()) {
        ("POST", ["f", form]) => submit(intake, form, &request, &reply).await,
        ("GET" | "HEAD", ["f", form]) => show(intake, form, &request, &reply).await,
        ("OPTIONS", ["f", form]) => preflight(intake, form, &request).await,
        ("GET" | "HEAD", ["f", form, "time"]) => time(intake, form, &request, &reply).await,
        ("GET" | "HEAD", ["f", form, "thanks"]) => Ok(thanks(intake, form).await),
        ("POST", ["hooks", form]) => webhook(intake, form, &request, &reply).await,
        ("POST", ["servlet", "servlet.WebToLead"]) => web_to_lead(intake, &request, &reply).await,
        (_, ["f", _]) => Err(Problem::method_not_allowed("GET, HEAD, POST, OPTIONS")),
        (_, ["f", _, "thanks" | "time"]) => Err(Problem::method_not_allowed("GET, HEAD")),
        (_, ["hooks", _] | ["servlet", "servlet.WebToLead"]) => {
            Err(Problem::method_not_allowed("POST"))
        }
        _ => Err(Problem::not_found("page")),
    };
    let answer = answer.unwrap_or_else(|problem| reply.problem(None, problem));
    match (request.method().as_str(), problem_of(&answer)) {
        ("POST", Some(code))
            if rehearsal::is_requested(&request) || rehearsal::is_marked(&answer) =>
        {
            tracing::info!(code, "a rehearsal was refused");
        }
        // The template's metric counts these by their code.
        ("POST", Some(code)) => tracing::info!(code, "a submission was refused"),
        _ => {}
    }
    allow_framing(answer)
}

/// A form post, a script's JSON or a beacon. A script on an allowed page may read every answer.
async fn submit<W: Wiring>(
    intake: &Intake<W>,
    form: &str,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let form = find(intake, form).await?;
    let answer = async {
        answer::open(&form, Channel::Form)?;
        let fields = body::read(request.headers(), request.body(), None).await?;
        accept(intake, &form, fields, request, reply).await
    };
    let answer = reply.for_form(&form, answer.await);
    Ok(cors::allow(answer, &form, request))
}

async fn find<W: Wiring>(intake: &Intake<W>, form: &str) -> Result<Form, Problem> {
    intake.form(form).await.map_err(answer::problem)
}

async fn accept<W: Wiring>(
    intake: &Intake<W>,
    form: &Form,
    fields: Submission,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let arrival = arrival(request, fields.clone())?;
    if rehearsal::is_requested(request) {
        return rehearse(intake, form, &arrival, reply).await;
    }
    Ok(match intake.take(form, arrival).await {
        Ok(accepted) => reply.accepted(form, &accepted, fields.get("return_url")),
        Err(error) => reply.refused(form, fields, error),
    })
}

fn arrival(request: &Request, fields: Submission) -> Result<Arrival, Problem> {
    Ok(Arrival {
        fields,
        origin: origin::of(request),
        channel: Channel::Form,
        key: key::of(request)?,
    })
}

/// Says what would be done. A refusal comes without the form, whose button would really send it.
async fn rehearse<W: Wiring>(
    intake: &Intake<W>,
    form: &Form,
    arrival: &Arrival,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let outcome = intake.rehearse(form, arrival).await;
    let outcome = outcome.map_err(answer::problem)?;
    Ok(reply.rehearsed(form, &outcome, arrival.fields.get("return_url")))
}

/// The hosted form. Nothing in the query is stored or shown: addresses do not belong in URLs.
async fn show<W: Wiring>(
    intake: &Intake<W>,
    form: &str,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let form = find(intake, form).await?;
    let page = answer::open(&form, Channel::Form).map(|()| {
        let (page_url, stamp) = (origin::page(request), intake.stamp(&form));
        let shown = Shown {
            sent: None,
            problem: None,
            stamp: Some(&stamp),
            page_url: page_url.as_deref(),
        };
        pages::form(&form, &shown)
    });
    Ok(reply.for_form(&form, page))
}

/// The signed time, for a form on a page that is not ours.
async fn time<W: Wiring>(
    intake: &Intake<W>,
    form: &str,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let form = find(intake, form).await?;
    let time = answer::open(&form, Channel::Form).map(|()| {
        let time = BTreeMap::from([(TIME_FIELD, intake.stamp(&form))]);
        json(StatusCode::OK, &time)
    });
    Ok(cors::allow(reply.for_form(&form, time), &form, request))
}

/// The lead is kept already, so a problem with its form only means that the page shows no brand.
async fn thanks<W: Wiring>(intake: &Intake<W>, form: &str) -> Response<Body> {
    pages::thanks(intake.form(form).await.ok().as_ref())
}

async fn preflight<W: Wiring>(
    intake: &Intake<W>,
    form: &str,
    request: &Request,
) -> Result<Response<Body>, Problem> {
    let form = find(intake, form).await?;
    Ok(cors::preflight(&form, request))
}

/// A lead from another server, signed according to Standard Webhooks.
async fn webhook<W: Wiring>(
    intake: &Intake<W>,
    form: &str,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let form = find(intake, form).await?;
    answer::open(&form, Channel::Webhook)?;
    let key = signed::verify(&intake.keys, &form, request, intake.clock.now())?;
    let fields = body::read(request.headers(), request.body(), None).await?;
    let arrival = Arrival {
        origin: origin::stated(&fields),
        fields,
        channel: Channel::Webhook,
        key: Some(key),
    };
    if rehearsal::is_requested(request) {
        return rehearse(intake, &form, &arrival, reply).await;
    }
    match intake.take(&form, arrival).await {
        Ok(accepted) if accepted.is_duplicate => Ok(answer::duplicate(&accepted)),
        Ok(accepted) => Ok(answer::accepted(&accepted)),
        Err(error) => Err(answer::problem(error)),
    }
}

/// A form made for salesforce.com, with only its host and id changed. Its URL declares the charset.
async fn web_to_lead<W: Wiring>(
    intake: &Intake<W>,
    request: &Request,
    reply: &Reply,
) -> Result<Response<Body>, Problem> {
    let query = request.query_string_parameters();
    let fields = body::read(request.headers(), request.body(), query.first("encoding")).await?;
    let form = find(intake, fields.get("oid").unwrap_or_default()).await?;
    if let Err(problem) = answer::open(&form, Channel::Form) {
        return Ok(reply.problem(Some(&form), problem));
    }
    let is_rehearsal = web_to_lead::is_rehearsal(&fields);
    let fields = web_to_lead::renamed(&form, fields);
    if is_rehearsal {
        let answer = rehearse(intake, &form, &arrival(request, fields)?, reply).await;
        return Ok(rehearsal::marked(reply.for_form(&form, answer)));
    }
    let answer = accept(intake, &form, fields, request, reply).await;
    Ok(reply.for_form(&form, answer))
}
