//! The stack's `CloudWatch`: its alarms and logs, and the metrics that the real one would collect by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use leadfeed_local::STACK;
use serde_json::{Value, json};

use super::embedded;
use crate::scene::the_stack;

pub struct CloudWatch {
    alarms: BTreeMap<String, Value>,
    since: Timestamp,
    /// How many lines each metric filter has counted so far.
    counted: Mutex<BTreeMap<String, usize>>,
}

impl CloudWatch {
    /// With the template's alarms.
    pub async fn new() -> Result<Self> {
        let described = monitoring("DescribeAlarms", &json!({"MaxRecords": 100})).await?;
        let alarms = described["MetricAlarms"].as_array().context("no alarms")?;
        let named = alarms
            .iter()
            .filter_map(|alarm| Some((alarm["AlarmName"].as_str()?.to_owned(), alarm.clone())));
        Ok(Self {
            alarms: named.collect(),
            since: Timestamp::now(),
            counted: Mutex::default(),
        })
    }

    pub fn alarms(&self) -> BTreeSet<String> {
        self.alarms.keys().cloned().collect()
    }

    pub async fn firing(&self) -> Result<BTreeSet<String>> {
        let now = Self::new().await?.alarms;
        let firing = now
            .into_iter()
            .filter(|(_, alarm)| alarm["StateValue"] == "ALARM");
        Ok(firing.map(|(name, _)| name).collect())
    }

    /// Whether this alarm is in state ALARM.
    pub async fn is_firing(&self, alarm: &str) -> Result<bool> {
        let name = the_stack().deployment().resource(alarm)?;
        Ok(self.firing().await?.contains(name))
    }

    /// Publishes a value as AWS does. The alarm has to watch its dimension, which the local stand-in ignores.
    pub async fn publish(
        &self,
        alarm: &str,
        namespace: &str,
        name: &str,
        (dimension, of): (&str, &str),
        value: f64,
    ) -> Result<()> {
        let watched = &self.alarm(alarm)?["Dimensions"];
        let dimensions = json!([{"Name": dimension, "Value": of}]);
        ensure!(*watched == dimensions, "{alarm} watches {watched}");
        put(&json!(namespace), &json!(name), &dimensions, value).await
    }

    /// Fails unless the function's errors were counted under the metric that this alarm watches.
    pub async fn ensure_errors_were_counted(&self, alarm: &str) -> Result<()> {
        let watched = self.alarm(alarm)?;
        let statistics = json!({
            "Namespace": watched["Namespace"],
            "MetricName": watched["MetricName"],
            "Dimensions": watched["Dimensions"],
            "StartTime": self.since.as_second() - 60,
            "EndTime": Timestamp::now().as_second() + 60,
            "Period": 300,
            "Statistics": ["Sum"],
        });
        let found = monitoring("GetMetricStatistics", &statistics).await?;
        let points = found["Datapoints"].as_array().into_iter().flatten();
        let errors: f64 = points.filter_map(|point| point["Sum"].as_f64()).sum();
        ensure!(errors > 0.0, "{alarm} counted no error: {found}");
        put(&json!("Test"), &json!("LookAgain"), &json!([]), 0.0).await
    }

    /// Publishes the embedded metrics in the function's log.
    pub async fn publish_embedded(&self, function: &str) -> Result<()> {
        for line in self.lines(function).await? {
            let namespace = &line["_aws"]["CloudWatchMetrics"][0]["Namespace"];
            let dimensions = json!([{"Name": "Stack", "Value": line["Stack"]}]);
            for (name, value) in embedded(&line).unwrap_or_default() {
                put(namespace, &json!(name), &dimensions, value).await?;
            }
        }
        Ok(())
    }

    /// The values that the function has recorded under a name, oldest first.
    pub async fn values(&self, function: &str, name: &str) -> Result<Vec<f64>> {
        let lines = self.lines(function).await?;
        let values = lines.iter().filter_map(embedded).flatten();
        Ok(values
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value)
            .collect())
    }

    /// Publishes how many new lines the metric filters of a function's log group match.
    pub async fn publish_filter_counts(&self, function: &str) -> Result<()> {
        let group = json!({"logGroupName": group(function)});
        let filters = logs("DescribeMetricFilters", &group).await?;
        let lines = self.messages(function).await?;
        for filter in filters["metricFilters"].as_array().into_iter().flatten() {
            let pattern = filter["filterPattern"].as_str().unwrap_or_default();
            let text = message_of(pattern).context("an unknown kind of pattern")?;
            let found = lines.iter().filter(|line| line.contains(text));
            let (name, found) = (filter["filterName"].to_string(), found.count());
            let before = self.counted.lock().unwrap().insert(name, found);
            let count = f64::from(u32::try_from(found - before.unwrap_or(0))?);
            let metric = &filter["metricTransformations"][0];
            put(
                &metric["metricNamespace"],
                &metric["metricName"],
                &json!([]),
                count,
            )
            .await?;
        }
        Ok(())
    }

    fn alarm(&self, logical: &str) -> Result<&Value> {
        let name = the_stack().deployment().resource(logical)?;
        self.alarms
            .get(name)
            .with_context(|| format!("{logical} is not deployed"))
    }

    /// The JSON lines of the function's log since the beginning.
    async fn lines(&self, function: &str) -> Result<Vec<Value>> {
        let messages = self.messages(function).await?;
        let lines = messages.iter();
        Ok(lines
            .filter_map(|message| serde_json::from_str(message).ok())
            .collect())
    }

    /// The function's log since the beginning.
    async fn messages(&self, function: &str) -> Result<Vec<String>> {
        let request =
            json!({"logGroupName": group(function), "startTime": self.since.as_millisecond()});
        let found = logs("FilterLogEvents", &request).await?;
        let events = found["events"].as_array().into_iter().flatten();
        let messages = events.filter_map(|event| event["message"].as_str());
        Ok(messages.map(str::to_owned).collect())
    }
}

/// The text that `{ $.fields.message = "…" }` matches. The local Lambda makes functions log as text, without fields.
fn message_of(pattern: &str) -> Option<&str> {
    let quoted = pattern.strip_prefix("{ $.fields.message = \"")?;
    quoted.strip_suffix("\" }")
}

fn group(function: &str) -> String {
    format!("/aws/lambda/{STACK}/{function}")
}

async fn put(namespace: &Value, name: &Value, dimensions: &Value, value: f64) -> Result<()> {
    let datum = json!({"MetricName": name, "Dimensions": dimensions, "Value": value});
    let data = json!({"Namespace": namespace, "MetricData": [datum]});
    monitoring("PutMetricData", &data).await.map(drop)
}

async fn monitoring(action: &str, body: &Value) -> Result<Value> {
    let target = format!("GraniteServiceVersion20100801.{action}");
    the_stack().aws().json("monitoring", &target, body).await
}

async fn logs(action: &str, body: &Value) -> Result<Value> {
    let target = format!("Logs_20140328.{action}");
    the_stack().aws().json("logs", &target, body).await
}
