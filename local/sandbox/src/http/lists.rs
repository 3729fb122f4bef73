//! `/contact_lists`.

use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::answer::{self, Answer};
use super::call::Call;
use super::params::{Params, invalid};
use super::views::{self, Members};
use crate::contract::ListInput;
use crate::world::{List, Page, Refusal};

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListStatus {
    All,
    Active,
    Deleted,
}

pub async fn all(call: Call) -> Answer {
    let names = [
        "status",
        "name",
        "include_count",
        "include_membership_count",
    ];
    let paging = call.paging("/v3/contact_lists", 500, &names)?;
    let filters = &paging.filters;
    let statuses: Vec<ListStatus> = filters.words("status")?;
    let members = single_word(filters, "include_membership_count")?;
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
    let view = call.read_account(|account, _| {
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
fn single_word(params: &Params, name: &str) -> Result<Option<Members>, Refusal> {
    match params.words(name)?[..] {
        [] => Ok(None),
        [word] => Ok(Some(word)),
        _ => Err(invalid(name)),
    }
}

pub async fn get(call: Call) -> Answer {
    let id = call.id("list_id")?;
    let params = call.params(&["include_membership_count"])?;
    let members = single_word(&params, "include_membership_count")?;
    let view = call.read_account(|account, _| {
        let list = account.list(id).filter(|list| list.deleted_at.is_none());
        list.map(|list| views::list_with_count(account, list, members))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The list was not found.".into()))?)
}

pub async fn create(call: Call) -> Answer {
    let input: ListInput = call.json()?;
    let view = call
        .change_account(|account, context| account.create_list(&input, context).map(views::list))?;
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn update(call: Call) -> Answer {
    let id = call.id("list_id")?;
    let input: ListInput = call.json()?;
    let view = call.change_account(|account, context| {
        let list = account.update_list(id, &input, context);
        list.map(views::list)
    })?;
    answer::ok(&view)
}

pub async fn delete(call: Call) -> Answer {
    let id = call.id("list_id")?;
    let view = call.change_account(|account, context| {
        let activity = account.request_list_delete(id, context)?;
        Ok::<_, Refusal>(views::list_delete(activity, context.now))
    })?;
    let mut response = answer::with_status(StatusCode::ACCEPTED, &view)?;
    let status_at = view["_links"]["self"]["href"].as_str().unwrap_or_default();
    if let Ok(location) = HeaderValue::from_str(status_at) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
