//! `/activities`: bulk work that runs after the request.

use axum::http::StatusCode;
use serde_json::json;

use super::answer::{self, Answer};
use super::call::Call;
use super::params::invalid;
use super::{file, views};
use crate::contract::{AddMemberships, AddTags, IMPORT_CUT, JsonImport};
use crate::world::{Account, Activity, ActivityState, Context, Page, Refusal};

impl Call {
    /// Starts an activity and answers 201 with it.
    fn start(
        &self,
        start: impl for<'a> FnOnce(&'a mut Account, &mut Context<'_>) -> Result<&'a Activity, Refusal>,
    ) -> Answer {
        let view = self.change_account(|account, context| {
            let activity = start(account, context)?;
            Ok::<_, Refusal>(views::started(activity, context.now))
        })?;
        answer::with_status(StatusCode::CREATED, &view)
    }
}

pub async fn json_import(call: Call) -> Answer {
    let input = call.json_by(|body| JsonImport::parse(body, IMPORT_CUT))?;
    call.start(|account, context| account.import(input, context))
}

pub async fn file_import(call: Call) -> Answer {
    let input = file::read(&call.headers, call.body.clone(), IMPORT_CUT).await?;
    call.start(|account, context| account.import(input, context))
}

pub async fn add_tags(call: Call) -> Answer {
    let input: AddTags = call.json()?;
    call.start(|account, context| account.add_tags(&input, context))
}

pub async fn add_memberships(call: Call) -> Answer {
    let input: AddMemberships = call.json()?;
    call.start(|account, context| account.add_memberships(&input, context))
}

pub async fn get(call: Call) -> Answer {
    let id = call.id("activity_id")?;
    call.params(&[])?;
    let view = call.read_account(|account, now| {
        let mut activities = account.activities.iter();
        let activity = activities.find(|activity| activity.id == id);
        activity.map(|activity| views::activity(activity, now))
    });
    answer::ok(&view.ok_or_else(|| Refusal::NotFound("The activity was not found.".into()))?)
}

/// The latest first, of the last ten days.
pub async fn list(call: Call) -> Answer {
    let paging = call.paging("/v3/activities", 500, &["state"])?;
    let states: Vec<ActivityState> = paging.filters.words("state")?;
    if states.len() > 1 || states.contains(&ActivityState::Initialized) {
        return Err(invalid("state"));
    }
    let view = call.read_account(|account, now| {
        let activities = account.activities.iter().rev();
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
