//! The actions behind the page's buttons.

use askama::Template;
use lambda_http::{Body, Request, RequestExt as _, Response};
use leadfeed_shared::app::admin::descriptions::{Description, describe};
use leadfeed_shared::app::admin::{Admin, Exported, Properties, Replayed};
use leadfeed_shared::domain::tally::{Label, Outcome};
use leadfeed_shared::ports::Wiring;
use leadfeed_shared::web::{Problem, see_other};
use serde_json::{Map, Value};
use url::form_urlencoded::{Serializer, parse};

use super::LinkHolder;
use crate::answer::Refused;
use crate::{file, request};

/// A form of this page has only a line or two.
const LONGEST_BODY: usize = 4 * 1024;

/// Carries out what a form asks for, then redirects to the page.
pub async fn act<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    action: &str,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let customer = &holder.customer;
    match action {
        "connect" => Ok(see_other(
            &admin.short_lived_connect_link(customer).await?.url,
        )),
        "disconnect" => {
            admin.disconnect(customer).await?;
            Ok(holder.redirect_to_page("disconnected", 0))
        }
        "retry" => {
            let fields = fields(request)?;
            let label = Label::from(field(&fields, "label"));
            let request = replay_request(&label, field(&fields, "cursor"), false)?;
            let replayed = admin.replay(customer, request).await?;
            let tried = replayed.count();
            Ok(match replayed.next.as_deref() {
                Some(next) => holder.redirect_to_next_leads(&label, next, tried),
                None => holder.redirect_to_page("retried", tried),
            })
        }
        "erase" => confirm_or_run(admin, holder, Irreversible::Erase, request).await,
        "suppress" => confirm_or_run(admin, holder, Irreversible::Suppress, request).await,
        "leads.csv" => {
            let fields = fields(request)?;
            let fields = fields.iter().map(|(name, value)| (&**name, &**value));
            let query = Properties::from_query(fields);
            let part = file::part(admin, customer, query, file::READ_TIME).await?;
            Ok(file::answer(part, None))
        }
        _ => Err(Problem::not_found("page").into()),
    }
}

/// What the holder of a link cannot undo.
#[derive(Clone, Copy)]
enum Irreversible {
    Erase,
    Suppress,
}

/// Erases a person, or puts an address on the do-not-contact list, once the link's holder has seen what that means. No
/// URL may contain the address, so the confirmation page is the answer to a POST.
async fn confirm_or_run<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    what: Irreversible,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let fields = fields(request)?;
    let email = field(&fields, "email");
    let person: Properties = Map::from_iter([("email".to_owned(), Value::from(email))]).into();
    let customer = &holder.customer;
    if field(&fields, "sure") != "yes" {
        let template = ConfirmPage {
            what,
            base: holder.base,
            email,
            count: admin.count_person(customer, person).await?,
        };
        return Ok(holder.page(&template));
    }
    Ok(match what {
        Irreversible::Erase => {
            let erased = admin.erase_person(customer, person).await?;
            holder.redirect_to_page("erased", i64::try_from(erased).unwrap_or_default())
        }
        Irreversible::Suppress => {
            admin.suppress(customer, person).await?;
            holder.redirect_to_page("suppressed", 1)
        }
    })
}

/// Shows what a button of the page would do.
pub async fn preview<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    action: &str,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    match action {
        "retry" => preview_retry(admin, holder, request).await,
        "file" => preview_file(admin, holder, request).await,
        _ => Err(Problem::not_found("page").into()),
    }
}

async fn preview_retry<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let query = request.query_string_parameters();
    let label = Label::from(query.first("label").unwrap_or_default());
    let cursor = query.first("cursor").unwrap_or_default();
    let dry_run = replay_request(&label, cursor, true)?;
    let replayed = admin.replay(&holder.customer, dry_run).await?;
    let next = replayed.next.as_deref();
    let template = Retry {
        base: holder.base,
        label: &label,
        cursor,
        tried: query.first("tried").and_then(|tried| tried.parse().ok()),
        description: describe(&label),
        replayed: &replayed,
        further: next.map(|next| encoded([("label", &*label.to_string()), ("cursor", next)])),
        blocked: replayed.blocked.map(|why| describe(&Label::Waiting(why))),
    };
    Ok(holder.page(&template))
}

async fn preview_file<W: Wiring>(
    admin: &Admin<W>,
    holder: &LinkHolder<'_>,
    request: &Request,
) -> Result<Response<Body>, Refused> {
    let query = request.query_string_parameters();
    let mut pairs: Vec<_> = query.iter().filter(|(name, _)| *name != "look").collect();
    pairs.push(("look", "true"));
    let look = Properties::from_query(pairs);
    let part = file::part(admin, &holder.customer, look, file::PREVIEW_TIME).await?;
    let status = query.first("status").unwrap_or("undelivered");
    let dialect = query.first("dialect").unwrap_or("upload");
    let form = query.first("form");
    let next = part.next.as_deref();
    let template = FilePage {
        base: holder.base,
        status,
        dialect,
        form,
        next: next.map(|next| next_part_query(status, dialect, form, next)),
        part: &part,
    };
    Ok(holder.page(&template))
}

#[derive(Template)]
#[template(path = "retry.html")]
struct Retry<'a> {
    base: &'a str,
    label: &'a Label,
    /// Where the search began.
    cursor: &'a str,
    /// How many leads were retried just now, before this place.
    tried: Option<u32>,
    description: Description,
    replayed: &'a Replayed,
    /// The query that continues the search after them.
    further: Option<String>,
    blocked: Option<Description>,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    what: Irreversible,
    base: &'a str,
    email: &'a str,
    count: usize,
}

#[derive(Template)]
#[template(path = "file.html")]
struct FilePage<'a> {
    base: &'a str,
    status: &'a str,
    dialect: &'a str,
    form: Option<&'a str>,
    next: Option<String>,
    part: &'a Exported,
}

/// A request to retry the leads counted as `label`, from a cursor on. Only the operator releases quarantined leads.
fn replay_request(label: &Label, cursor: &str, dry_run: bool) -> Result<Properties, Refused> {
    let (status, reason) = label.parts();
    if label.outcome() == Some(Outcome::Quarantined) {
        return Err(Problem::not_found("page").into());
    }
    let mut properties = Map::from_iter([
        ("status".to_owned(), Value::from(status)),
        ("dry_run".to_owned(), Value::from(dry_run)),
    ]);
    for (name, value) in [("reason", reason.unwrap_or_default()), ("cursor", cursor)] {
        if !value.is_empty() {
            properties.insert(name.to_owned(), value.into());
        }
    }
    Ok(properties.into())
}

/// The query of the next part.
fn next_part_query(status: &str, dialect: &str, form: Option<&str>, cursor: &str) -> String {
    let pairs = [("status", status), ("dialect", dialect), ("cursor", cursor)];
    encoded(pairs.into_iter().chain(form.map(|form| ("form", form))))
}

/// Pairs, encoded as a query string.
fn encoded<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The fields of a posted form.
fn fields(request: &Request) -> Result<Vec<(String, String)>, Refused> {
    let body: &[u8] = request.body().as_ref();
    if body.len() > LONGEST_BODY {
        return Err(request::too_large().into());
    }
    Ok(parse(body).into_owned().collect())
}

fn field<'f>(fields: &'f [(String, String)], name: &str) -> &'f str {
    let found = fields.iter().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value)
}

impl LinkHolder<'_> {
    /// Redirects to the page, which says what was done.
    fn redirect_to_page(&self, done: &str, count: i64) -> Response<Body> {
        see_other(&format!("{}?done={done}&count={count}", self.base))
    }

    /// Redirects to the leads that can be retried after those just retried.
    fn redirect_to_next_leads(&self, label: &Label, next: &str, tried: i64) -> Response<Body> {
        let (label, tried) = (label.to_string(), tried.to_string());
        let query = encoded([("label", &*label), ("cursor", next), ("tried", &tried)]);
        see_other(&format!("{}/retry?{query}", self.base))
    }
}
