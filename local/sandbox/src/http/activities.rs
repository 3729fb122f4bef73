//! `/activities`: bulk work that runs after it was asked for.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::json;

use super::answer::{self, Answer};
use super::contacts::{broken, json_body, path_id, require_json};
use super::gateway::Caller;
use super::paging::Paging;
use super::params::{Params, invalid};
use super::{file, views};
use crate::contract::{AddMemberships, AddTags, IMPORT_CUT, JsonImport};
use crate::lab::Shared;
use crate::world::{Account, Activity, ActivityState, Context, Page, Refusal};

impl Shared {
    /// Starts an activity and answers 201 with it.
    fn start(
        &self,
        caller: Caller,
        start: impl for<'a> FnOnce(&'a mut Account, &mut Context<'_>) -> Result<&'a Activity, Refusal>,
    ) -> Answer {
        let view = self.now(|world, context| {
            let account = &mut world.accounts[caller.seat.account];
            let activity = start(account, context)?;
            Ok::<_, Refusal>(views::started(activity, context.now))
        })?;
        answer::with_status(StatusCode::CREATED, &view)
    }
}

pub async fn json_import(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    require_json(&headers)?;
    let input = JsonImport::parse(&body, IMPORT_CUT).map_err(broken)?;
    shared.start(caller, |account, context| account.import(input, context))
}

pub async fn file_import(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input = file::read(&headers, body, IMPORT_CUT).await?;
    shared.start(caller, |account, context| account.import(input, context))
}

pub async fn add_tags(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: AddTags = json_body(&headers, &body)?;
    shared.start(caller, |account, context| account.add_tags(&input, context))
}

pub async fn add_memberships(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let input: AddMemberships = json_body(&headers, &body)?;
    shared.start(caller, |account, context| {
        account.add_memberships(&input, context)
    })
}

pub async fn get(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let id = path_id("activity_id", &id)?;
    Params::of_query(query.as_deref(), &[])?;
    let view = shared.now(|world, context| {
        let mut activities = world.accounts[caller.seat.account].activities.iter();
        let activity = activities.find(|activity| activity.id == id);
        activity.map(|activity| views::activity(activity, context.now))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The activity was not found.".into()))?)
}

/// The latest first, of the last ten days.
pub async fn list(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Answer {
    let paging = Paging::read(query.as_deref(), "/v3/activities", 500, &["state"])?;
    let states: Vec<ActivityState> = paging.filters.words("state")?;
    if states.len() > 1 || states.contains(&ActivityState::Initialized) {
        return Err(invalid("state"));
    }
    let view = shared.now(|world, context| {
        let now = context.now;
        let activities = world.accounts[caller.seat.account].activities.iter().rev();
        let shown = activities.filter(|activity| {
            let wanted = states.is_empty() || states.contains(&activity.state(now));
            wanted && activity.is_listed(now)
        });
        let page = Page::of(shown, paging.start, paging.limit);
        let activities = page
            .items
            .iter()
            .map(|activity| views::activity(activity, now));
        json!({
            "activities": activities.collect::<Vec<_>>(),
            "_links": paging.links(page.next),
        })
    });
    answer::ok(&view)
}
