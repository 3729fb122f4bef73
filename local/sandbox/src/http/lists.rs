//! Account, lists, custom fields and tags.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::contacts::{json_body, path_id};
use super::gateway::Caller;
use super::paging::Paging;
use super::params::{Params, invalid};
use super::views::{self, Members};
use crate::contract::{ListInput, NewField, NewTag};
use crate::lab::Shared;
use crate::world::{List, Page, Refusal};

pub async fn summary(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    #[derive(PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Extra {
        PhysicalAddress,
        /// No account has one, and so none is shown.
        CompanyLogo,
    }
    let params = Params::of_query(query.as_deref(), &["extra_fields"])?;
    let extra: Vec<Extra> = params.words("extra_fields")?;
    let mut view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        json!({
            "encoded_account_id": account.encoded_id,
            "organization_name": account.organization,
            "contact_email": account.contact_email,
            "contact_phone": "5555550100",
            "organization_phone": "555-555-0100",
            "first_name": "Account",
            "last_name": "Owner",
            "country_code": "US",
            "state_code": "MA",
            "time_zone_id": "US/Eastern",
            "website": account.website,
        })
    });
    if extra.contains(&Extra::PhysicalAddress) {
        view["physical_address"] = json!({
            "address_line1": "1 Harbor Street",
            "city": "Waltham",
            "state_code": "MA",
            "postal_code": "02451",
            "country_code": "US",
        });
    }
    answer::ok(&view)
}

pub async fn privileges(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    Params::of_query(query.as_deref(), &[])?;
    let role = shared.lab().world.role(caller.seat);
    let view = role
        .privileges()
        .iter()
        .map(|(id, name)| json!({ "privilege_id": id, "privilege_name": name }));
    answer::ok(&view.collect::<Vec<_>>())
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListStatus {
    All,
    Active,
    Deleted,
}

pub async fn all(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let names = [
        "status",
        "name",
        "include_count",
        "include_membership_count",
    ];
    let paging = Paging::read(query.as_deref(), "/v3/contact_lists", 500, &names)?;
    let filters = &paging.filters;
    let statuses: Vec<ListStatus> = filters.words("status")?;
    let members = one(filters, "include_membership_count")?;
    let with_count = filters.flag("include_count")?;
    let wanted = |list: &&List| {
        let status = match list.deleted_at {
            None => ListStatus::Active,
            Some(_) => ListStatus::Deleted,
        };
        let shown = match statuses.as_slice() {
            [] => status == ListStatus::Active,
            some => some.contains(&status) || some.contains(&ListStatus::All),
        };
        shown && filters.get("name").is_none_or(|name| list.name == name)
    };
    let view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        let matching = || account.lists.iter().filter(wanted);
        let page = Page::of(matching(), paging.start, paging.limit);
        let lists = page
            .items
            .iter()
            .map(|list| views::list_with_count(account, list, members));
        let mut view = json!({
            "lists": lists.collect::<Vec<_>>(),
            "_links": paging.links(page.next),
        });
        if with_count {
            view["lists_count"] = json!(matching().count());
        }
        view
    });
    answer::ok(&view)
}

/// A single word of a fixed vocabulary.
fn one(params: &Params, name: &str) -> Result<Option<Members>, Refusal> {
    match params.words(name)?[..] {
        [] => Ok(None),
        [word] => Ok(Some(word)),
        _ => Err(invalid(name)),
    }
}

pub async fn get(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let id = path_id("list_id", &id)?;
    let params = Params::of_query(query.as_deref(), &["include_membership_count"])?;
    let members = one(&params, "include_membership_count")?;
    let view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        let list = account.list(id).filter(|list| list.deleted_at.is_none());
        list.map(|list| views::list_with_count(account, list, members))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The list was not found.".into()))?)
}

pub async fn create(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: ListInput = json_body(&headers, &body)?;
    let view = shared.now(|world, context| {
        let account = &mut world.accounts[caller.seat.account];
        account.create_list(&input, context).map(views::list)
    })?;
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn update(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let id = path_id("list_id", &id)?;
    let input: ListInput = json_body(&headers, &body)?;
    let view = shared.now(|world, context| {
        let account = &mut world.accounts[caller.seat.account];
        account.update_list(id, &input, context).map(views::list)
    })?;
    answer::ok(&view)
}

pub async fn delete(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Answer {
    let id = path_id("list_id", &id)?;
    let view = shared.now(|world, context| {
        let account = &mut world.accounts[caller.seat.account];
        let activity = account.ask_list_delete(id, context)?;
        Ok::<_, Refusal>(views::list_delete(activity, context.now))
    })?;
    let mut response = answer::with_status(StatusCode::ACCEPTED, &view)?;
    let status_at = view["_links"]["self"]["href"].as_str().unwrap_or_default();
    if let Ok(location) = HeaderValue::from_str(status_at) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub async fn fields(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let paging = Paging::read(query.as_deref(), "/v3/contact_custom_fields", 100, &[])?;
    let view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        let page = Page::of(account.fields.iter(), paging.start, paging.limit);
        let fields: Vec<Value> = page.items.iter().map(|field| views::field(field)).collect();
        json!({ "custom_fields": fields, "_links": paging.links(page.next) })
    });
    answer::ok(&view)
}

pub async fn create_field(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: NewField = json_body(&headers, &body)?;
    let view = shared.now(|world, context| {
        let account = &mut world.accounts[caller.seat.account];
        account.create_field(input, context).map(views::field)
    })?;
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn tags(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let paging = Paging::read(
        query.as_deref(),
        "/v3/contact_tags",
        500,
        &["include_count"],
    )?;
    let with_count = paging.filters.flag("include_count")?;
    let view = shared.now(|world, _| {
        let account = &world.accounts[caller.seat.account];
        let page = Page::of(account.tags.iter(), paging.start, paging.limit);
        let tags = page
            .items
            .iter()
            .map(|tag| views::tag(account, tag, with_count));
        json!({ "tags": tags.collect::<Vec<_>>(), "_links": paging.links(page.next) })
    });
    answer::ok(&view)
}

pub async fn create_tag(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: NewTag = json_body(&headers, &body)?;
    let view = shared.now(|world, context| {
        let account = &mut world.accounts[caller.seat.account];
        let id = account.create_tag(&input, context)?.id;
        let tag = account.tags.iter().find(|tag| tag.id == id);
        Ok::<_, Refusal>(tag.map(|tag| views::tag(account, tag, false)))
    })?;
    answer::with_status(StatusCode::CREATED, &view)
}
