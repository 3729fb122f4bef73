//! Every alarm of the template, set off by what it watches.
//!
//! The local stand-in for `CloudWatch` evaluates alarms but meters only functions: it reads neither embedded metrics
//! nor metric filters, and watches neither queues nor the HTTP API. What `CloudWatch` would find there is read here,
//! from the logs, the queue and the answers of the running stack, and published under the name that the alarm watches.

pub mod cloudwatch;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use cc_sandbox::faults::{Action, Fault};
use jiff::{SignedDuration, Timestamp};
use leadfeed_tests::eventually;
use leadfeed_tests::scene::PATIENCE;
use reqwest::Method;
use serde_json::{Value, json};

use self::cloudwatch::CloudWatch;
use crate::mails::Mails;
use crate::permissions::lacking;
use crate::scene::{Scene, alone, finally, the_stack};
use crate::{queue, rows};

/// As many as set off the alarm by default.
const QUARANTINED: u128 = 100;

#[tokio::test]
async fn every_alarm_rings_for_what_it_watches() {
    let _alone = alone().await;
    let watch = CloudWatch::new().await.unwrap();
    assert_eq!(watch.ringing().await.unwrap(), BTreeSet::new());
    let mails = Mails::listen("mails-of-alarms").await.unwrap();

    for (function, alarm) in [
        ("OauthCallback", "OauthCallbackErrorsAlarm"),
        ("LeadWebhook", "LeadWebhookErrorsAlarm"),
        ("AdminApi", "AdminApiErrorsAlarm"),
        ("QueueDrain", "QueueDrainErrorsAlarm"),
        ("Scheduler", "SchedulerErrorsAlarm"),
    ] {
        a_function_fails(function).await.unwrap();
        watch.functions_were_metered(alarm).await.unwrap();
    }
    dead_letters(&watch).await.unwrap();
    the_api_answers_5xx(&watch).await.unwrap();
    a_seal_is_broken(&watch).await.unwrap();
    a_request_is_called_wrong(&watch).await.unwrap();
    a_vault_does_not_answer(&watch).await.unwrap();
    what_the_scheduler_measures(&watch).await.unwrap();

    assert_eq!(watch.ringing().await.unwrap(), watch.alarms());
    assert_eq!(mailed(&mails).await.unwrap(), watch.alarms());
}

/// The names of the alarms that were mailed.
async fn mailed(mails: &Mails) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    while let Some(message) = mails.next().await? {
        if message["NewStateValue"] == "ALARM" {
            let name = message["AlarmName"].as_str();
            names.extend(name.map(str::to_owned));
        }
    }
    Ok(names)
}

/// Removes a permission that the function needs, for one invocation; unreadable events have that effect too.
async fn a_function_fails(function: &str) -> Result<()> {
    if function == "Scheduler" {
        let nothing = json!({});
        let run = the_stack().invoke(function, &nothing);
        lacking(function, "FindDueLeads", run).await??;
    } else {
        let nonsense = json!({"Records": [{"body": "x"}]});
        the_stack().invoke(function, &nonsense).await?;
    }
    Ok(())
}

/// An unreadable message returns to the queue until it becomes a dead letter.
async fn dead_letters(watch: &CloudWatch) -> Result<()> {
    let url = the_stack().deployment().output("LeadDeadLettersUrl")?;
    let (_, name) = url.rsplit_once('/').context("a queue without a name")?;
    let dies = async {
        queue::send("no lead", "nobody").await?;
        queue::until_there_are(url, 1).await
    };
    queue::hides_for(0).await?;
    let dead = finally(dies, queue::hides_for(360)).await?;
    let counts = "ApproximateNumberOfMessagesVisible";
    watch
        .meter(
            "DeadLettersAlarm",
            "AWS/SQS",
            counts,
            ("QueueName", name),
            dead,
        )
        .await?;
    queue::take_from(url).await.map(drop)
}

async fn the_api_answers_5xx(watch: &CloudWatch) -> Result<()> {
    let scene = Scene::of("alarms-5xx").await;
    let path = format!("/v1/customers/{}", scene.customer);
    let asked = scene.operator.call(Method::GET, &path, None);
    let (status, _) = lacking("AdminApi", "Directory", asked).await??;
    let answered = if status.is_server_error() { 1.0 } else { 0.0 };
    let api = ("ApiId", the_stack().deployment().resource("HttpApi")?);
    watch
        .meter("HttpErrorsAlarm", "AWS/ApiGateway", "5xx", api, answered)
        .await
}

/// Somebody with access to the table changes what a person agreed to.
async fn a_seal_is_broken(watch: &CloudWatch) -> Result<()> {
    let scene = Scene::of("alarms-seal").await;
    let lead = scene.submit("alarms-seal@example.com").await;
    scene.until(&lead, "waiting").await;
    rows::change_consent(&lead).await?;
    let path = format!("/v1/leads/{lead}/receipt");
    let (_, receipt) = scene.operator.call(Method::GET, &path, None).await?;
    ensure!(receipt["code"] == "seal_broken", "{receipt}");
    watch.read_filters("admin-api").await
}

/// Constant Contact does not accept the media type of our request.
async fn a_request_is_called_wrong(watch: &CloudWatch) -> Result<()> {
    let scene = Scene::connected("alarms-wrong").await;
    let fault = Fault::once("/v3/contacts/sign_up_form", Action::Empty { status: 415 });
    let sandbox = the_stack().sandbox().running();
    sandbox.with(|lab| lab.faults.add(fault));
    let lead = scene.submit("alarms-wrong@example.com").await;
    scene.until(&lead, "waiting").await;
    the_log_rings(watch, "WrongCallsAlarm").await
}

/// Drains may no longer read tokens, which new customers' leads need.
async fn a_vault_does_not_answer(watch: &CloudWatch) -> Result<()> {
    let scenes = [
        Scene::connected("alarms-vault-1").await,
        Scene::connected("alarms-vault-2").await,
        Scene::connected("alarms-vault-3").await,
    ];
    let all_wait = async {
        for scene in &scenes {
            let lead = scene.submit("alarms-vault@example.com").await;
            scene.until(&lead, "waiting").await;
        }
    };
    lacking("QueueDrain", "RefreshTokens", all_wait).await?;
    the_log_rings(watch, "StoreFailuresAlarm").await
}

/// The drain's log only arrives once it is done with its whole batch.
async fn the_log_rings(watch: &CloudWatch, alarm: &str) -> Result<()> {
    let look = async || {
        watch.read_filters("queue-drain").await?;
        anyhow::Ok(watch.rings(alarm).await?.then_some(()))
    };
    let rings = eventually(PATIENCE, async || look().await.transpose(), Option::is_some).await;
    rings.with_context(|| format!("{alarm} does not ring for what is in the drain's log"))?
}

async fn what_the_scheduler_measures(watch: &CloudWatch) -> Result<()> {
    let stack = the_stack();
    let scene = Scene::connected("alarms-gauges").await;
    let lead = scene.submit("alarms-gauges@example.com").await;
    scene.until(&lead, "delivered").await;
    let before = Timestamp::now() - SignedDuration::from_hours(3);
    let form = scene.form["form_id"].as_str().unwrap();
    let late = rows::a_lead_from(before, &scene.customer, form).await?;
    let aside = rows::leads_aside(QUARANTINED, &scene.customer, form).await?;
    rows::lose_connection(&scene.customer).await?;
    let app = |per_day: u32| {
        json!({
            "client_id": stack.sandbox().client_id(),
            "client_secret": stack.sandbox().client_secret(),
            "calls_per_day": per_day,
        })
    };
    let put = async |per_day| {
        scene
            .operator
            .done(Method::PUT, "/v1/apps/default", Some(&app(per_day)))
            .await
    };
    put(1).await?;

    finally(stack.invoke("Scheduler", &json!({})), put(10_000)).await?;

    for lead in aside.iter().chain([&late]) {
        rows::remove(lead).await?;
    }
    let removed = format!("/v1/customers/{}", scene.customer);
    scene.operator.done(Method::DELETE, &removed, None).await?;
    watch.read_embedded("scheduler").await
}

/// The values of an embedded metrics line, by name.
pub fn embedded(line: &Value) -> Option<Vec<(String, f64)>> {
    let described = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array()?;
    let names = described
        .iter()
        .filter_map(|metric| metric["Name"].as_str());
    names
        .map(|name| Some((name.to_owned(), line[name].as_f64()?)))
        .collect()
}
