//! Custom fields and tags.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::call::Call;
use super::views;
use crate::contract::{NewField, NewTag};
use crate::world::{Page, Refusal};

pub async fn fields(call: Call) -> Answer {
    let paging = call.paging("/v3/contact_custom_fields", 100, &[])?;
    let view = call.read_account(|account, _| {
        let page = Page::of(account.fields.iter(), paging.start, paging.limit);
        let fields: Vec<Value> = page.items.iter().map(|field| views::field(field)).collect();
        json!({ "custom_fields": fields, "_links": paging.links(page.next) })
    });
    answer::ok(&view)
}

pub async fn create_field(call: Call) -> Answer {
    let input: NewField = call.json()?;
    let view = call.change_account(|account, context| {
        account.create_field(input, context).map(views::field)
    })?;
    answer::with_status(StatusCode::CREATED, &view)
}

pub async fn tags(call: Call) -> Answer {
    let paging = call.paging("/v3/contact_tags", 500, &["include_count"])?;
    let with_count = paging.filters.flag("include_count")?;
    let view = call.read_account(|account, _| {
        let page = Page::of(account.tags.iter(), paging.start, paging.limit);
        let tags = page
            .items
            .iter()
            .map(|tag| views::tag(account, tag, with_count));
        json!({ "tags": tags.collect::<Vec<_>>(), "_links": paging.links(page.next) })
    });
    answer::ok(&view)
}

pub async fn create_tag(call: Call) -> Answer {
    let input: NewTag = call.json()?;
    let view = call.change_account(|account, context| {
        let id = account.create_tag(&input, context)?.id;
        let tag = account.tags.iter().find(|tag| tag.id == id);
        Ok::<_, Refusal>(tag.map(|tag| views::tag(account, tag, false)))
    })?;
    answer::with_status(StatusCode::CREATED, &view)
}
