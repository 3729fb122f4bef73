//! Every alarm of the template, triggered by what it watches.
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
use leadfeed_tests::scene::TIMEOUT;
use reqwest::Method;
use serde_json::{Value, json};

use self::cloudwatch::CloudWatch;
use crate::mails::Mails;
use crate::permissions::without_permission;
use crate::scene::{Scene, exclusive, finally, the_stack};
use crate::{queue, rows};

/// As many as trigger the alarm by default.
const QUARANTINED: u128 = 100;

#[tokio::test]
async fn every_alarm_fires_and_is_mailed_when_its_condition_occurs() {
    let _exclusive = exclusive().await;
    let cloudwatch = CloudWatch::new().await.unwrap();
    assert_eq!(cloudwatch.firing().await.unwrap(), BTreeSet::new());
    let mails = Mails::listen("mails-of-alarms").await.unwrap();

    for (function, alarm) in [
        ("OauthCallback", "OauthCallbackErrorsAlarm"),
        ("LeadWebhook", "LeadWebhookErrorsAlarm"),
        ("AdminApi", "AdminApiErrorsAlarm"),
        ("QueueDrain", "QueueDrainErrorsAlarm"),
        ("Scheduler", "SchedulerErrorsAlarm"),
    ] {
        make_function_fail(function).await.unwrap();
        cloudwatch.ensure_errors_were_counted(alarm).await.unwrap();
    }
    make_dead_letter(&cloudwatch).await.unwrap();
    make_api_answer_5xx(&cloudwatch).await.unwrap();
    break_seal(&cloudwatch).await.unwrap();
    make_request_wrong(&cloudwatch).await.unwrap();
    make_vault_unavailable(&cloudwatch).await.unwrap();
    trigger_gauge_alarms(&cloudwatch).await.unwrap();

    assert_eq!(cloudwatch.firing().await.unwrap(), cloudwatch.alarms());
    assert_eq!(mailed_alarms(&mails).await.unwrap(), cloudwatch.alarms());
}

/// The names of the alarms that were mailed.
async fn mailed_alarms(mails: &Mails) -> Result<BTreeSet<String>> {
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
async fn make_function_fail(function: &str) -> Result<()> {
    if function == "Scheduler" {
        let nothing = json!({});
        let run = the_stack().invoke(function, &nothing);
        without_permission(function, "FindDueLeads", run).await??;
    } else {
        let nonsense = json!({"Records": [{"body": "x"}]});
        the_stack().invoke(function, &nonsense).await?;
    }
    Ok(())
}

/// An unreadable message returns to the queue until it becomes a dead letter.
async fn make_dead_letter(cloudwatch: &CloudWatch) -> Result<()> {
    let url = the_stack().deployment().output("LeadDeadLettersUrl")?;
    let (_, name) = url.rsplit_once('/').context("the queue has no name")?;
    let fail = async {
        queue::send("no lead", "nobody").await?;
        queue::wait_for_messages(url, 1).await
    };
    queue::set_visibility_timeout(0).await?;
    let visible = finally(fail, queue::set_visibility_timeout(360)).await?;
    let metric = "ApproximateNumberOfMessagesVisible";
    cloudwatch
        .publish(
            "DeadLettersAlarm",
            "AWS/SQS",
            metric,
            ("QueueName", name),
            visible,
        )
        .await?;
    queue::take_from(url).await.map(drop)
}

async fn make_api_answer_5xx(cloudwatch: &CloudWatch) -> Result<()> {
    let scene = Scene::new("alarms-5xx").await;
    let path = format!("/v1/customers/{}", scene.customer);
    let request = scene.operator.call(Method::GET, &path, None);
    let (status, _) = without_permission("AdminApi", "Directory", request).await??;
    let errors = if status.is_server_error() { 1.0 } else { 0.0 };
    let api = ("ApiId", the_stack().deployment().resource("HttpApi")?);
    cloudwatch
        .publish("HttpErrorsAlarm", "AWS/ApiGateway", "5xx", api, errors)
        .await
}

/// Changes a consent in the table, as somebody with access to it could.
async fn break_seal(cloudwatch: &CloudWatch) -> Result<()> {
    let scene = Scene::new("alarms-seal").await;
    let lead = scene.submit("alarms-seal@example.com").await;
    scene.wait_for_status(&lead, "waiting").await;
    rows::change_consent(&lead).await?;
    let path = format!("/v1/leads/{lead}/receipt");
    let (_, receipt) = scene.operator.call(Method::GET, &path, None).await?;
    ensure!(receipt["code"] == "seal_broken", "{receipt}");
    cloudwatch.publish_filter_counts("admin-api").await
}

/// Constant Contact does not accept the media type of our request.
async fn make_request_wrong(cloudwatch: &CloudWatch) -> Result<()> {
    let scene = Scene::connected("alarms-wrong").await;
    let fault = Fault::once("/v3/contacts/sign_up_form", Action::Empty { status: 415 });
    let sandbox = the_stack().sandbox().running();
    sandbox.with(|lab| lab.faults.add(fault));
    let lead = scene.submit("alarms-wrong@example.com").await;
    scene.wait_for_status(&lead, "waiting").await;
    wait_for_log_alarm(cloudwatch, "WrongCallsAlarm").await
}

/// Drains may no longer read tokens, which new customers' leads need.
async fn make_vault_unavailable(cloudwatch: &CloudWatch) -> Result<()> {
    let scenes = [
        Scene::connected("alarms-vault-1").await,
        Scene::connected("alarms-vault-2").await,
        Scene::connected("alarms-vault-3").await,
    ];
    let leads_wait = async {
        for scene in &scenes {
            let lead = scene.submit("alarms-vault@example.com").await;
            scene.wait_for_status(&lead, "waiting").await;
        }
    };
    without_permission("QueueDrain", "RefreshTokens", leads_wait).await?;
    wait_for_log_alarm(cloudwatch, "StoreFailuresAlarm").await
}

/// Waits for the drain's log, which only arrives after its whole batch is done.
async fn wait_for_log_alarm(cloudwatch: &CloudWatch, alarm: &str) -> Result<()> {
    let read = async || {
        cloudwatch.publish_filter_counts("queue-drain").await?;
        anyhow::Ok(cloudwatch.is_firing(alarm).await?.then_some(()))
    };
    let firing = eventually(TIMEOUT, async || read().await.transpose(), Option::is_some).await;
    firing.with_context(|| format!("{alarm} does not fire for the drain's log"))?
}

async fn trigger_gauge_alarms(cloudwatch: &CloudWatch) -> Result<()> {
    let stack = the_stack();
    let scene = Scene::connected("alarms-gauges").await;
    let lead = scene.submit("alarms-gauges@example.com").await;
    scene.wait_for_status(&lead, "delivered").await;
    let three_hours_ago = Timestamp::now() - SignedDuration::from_hours(3);
    let form = scene.form["form_id"].as_str().unwrap();
    let late = rows::record_late_lead(three_hours_ago, &scene.customer, form).await?;
    let quarantined = rows::record_quarantined_leads(QUARANTINED, &scene.customer, form).await?;
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
            .call_ok(Method::PUT, "/v1/apps/default", Some(&app(per_day)))
            .await
    };
    put(1).await?;

    finally(stack.invoke("Scheduler", &json!({})), put(10_000)).await?;

    for lead in quarantined.iter().chain([&late]) {
        rows::remove(lead).await?;
    }
    let path = format!("/v1/customers/{}", scene.customer);
    scene.operator.call_ok(Method::DELETE, &path, None).await?;
    cloudwatch.publish_embedded("scheduler").await
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
