//! Alarms: each failure has one, each is explained, and each reaches somebody.

use std::fs;

use jiff::Timestamp;
use leadfeed_shared::domain::connection::{ConnectionStatus, ReconnectReason};
use leadfeed_shared::ports::Event;
use serde_json::Value;

use crate::{functions, of_kind, root, sources};

#[test]
fn whatever_ends_in_an_error_raises_an_alarm() {
    let alarms = of_kind("AWS::CloudWatch::Alarm");
    for name in functions().into_keys() {
        let watches = |alarm: &Value| {
            let properties = &alarm["Properties"];
            properties["MetricName"] == "Errors" && properties["Dimensions"][0]["Value"] == name
        };
        assert!(alarms.values().any(watches), "{name}");
    }
    let silent = &alarms["OldestLeadAlarm"]["Properties"];
    assert_eq!(
        silent["TreatMissingData"], "breaching",
        "a scheduler that does not run measures nothing"
    );
}

#[test]
fn every_metric_of_ours_that_an_alarm_or_the_dashboard_watches_is_recorded() {
    let sources = ["gauges", "canary"].map(|name| root().join(format!("shared/src/app/{name}.rs")));
    let recorded = sources
        .map(|source| fs::read_to_string(source).unwrap())
        .concat();
    let dashboard =
        of_kind("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"]["DashboardBody"]
            .as_str()
            .unwrap()
            .to_owned();
    for (name, alarm) in of_kind("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        if properties["Namespace"] == "Leadfeed" {
            let metric = format!("\"{}\"", properties["MetricName"].as_str().unwrap());
            assert!(recorded.contains(&metric), "{name}: {metric}");
            assert!(dashboard.contains(&metric), "{name}: {metric}");
        }
    }
    serde_json::from_str::<Value>(&dashboard).unwrap();
}

#[test]
fn every_line_that_a_filter_counts_is_one_that_its_function_logs() {
    let functions = functions();
    for (name, filter) in of_kind("AWS::Logs::MetricFilter") {
        let properties = &filter["Properties"];
        let pattern = properties["FilterPattern"].as_str().unwrap();
        let words = pattern.split('"').nth(1).unwrap();
        let group = &properties["LogGroupName"];
        let mut function = functions
            .values()
            .filter(|function| function["Properties"]["LoggingConfig"]["LogGroup"] == *group);
        let function = function.next().unwrap()["Properties"]["CodeUri"].as_str();
        let mut logged = String::new();
        for folder in [function.unwrap(), "shared"] {
            sources(&root().join(folder).join("src"), &mut logged);
        }
        assert!(logged.contains(&format!("\"{words}\"")), "{name}");
        for dimension in properties["MetricTransformations"][0]["Dimensions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let field = dimension["Value"].as_str().unwrap();
            let field = field.strip_prefix("$.fields.").unwrap();
            let line = format!("{field}, \"{words}\"");
            assert!(logged.contains(&line), "{name}: {field}");
        }
    }
}

#[test]
fn refused_submissions_are_on_the_dashboard() {
    let filter = &of_kind("AWS::Logs::MetricFilter")["RefusedSubmissions"]["Properties"];
    let metric = &filter["MetricTransformations"][0];
    let dashboard = &of_kind("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"];
    let body: Value = serde_json::from_str(dashboard["DashboardBody"].as_str().unwrap()).unwrap();

    let search = format!(
        "SEARCH('{{\"{}\",{}}} MetricName=\"{}\"', 'Sum', 300)",
        metric["MetricNamespace"].as_str().unwrap(),
        metric["Dimensions"][0]["Key"].as_str().unwrap(),
        metric["MetricName"].as_str().unwrap(),
    );
    let widgets = body["widgets"].as_array().unwrap();
    let shows = |widget: &Value| widget["properties"]["metrics"][0][0]["expression"] == search;
    assert!(widgets.iter().any(shows), "{search}");
}

#[test]
fn the_runbook_says_of_every_alarm_what_to_do() {
    let runbook = fs::read_to_string(root().join("docs/operator/runbook.md")).unwrap();
    for alarm in of_kind("AWS::CloudWatch::Alarm").into_keys() {
        assert!(runbook.contains(&format!("\n## {alarm}\n")), "{alarm}");
    }
}

#[test]
fn every_alarm_is_mailed_where_an_address_is_given() {
    for (name, alarm) in of_kind("AWS::CloudWatch::Alarm") {
        let actions = alarm["Properties"]["AlarmActions"].to_string();
        for to in ["AlarmTopicArn", "AlarmMails"] {
            assert!(actions.contains(to), "{name} does not tell {to}");
        }
    }
}

#[test]
fn a_lost_connection_is_mailed_by_a_rule_that_its_event_matches() {
    let at = Timestamp::UNIX_EPOCH;
    let event = Event::Connection {
        customer_id: "engines".parse().unwrap(),
        status: ConnectionStatus::NeedsReconnect {
            reason: ReconnectReason::InvalidGrant,
            since: at,
        },
        at,
    };
    let rules = of_kind("AWS::Events::Rule");
    let pattern = &rules["LostConnectionMail"]["Properties"]["EventPattern"];

    let detail = serde_json::to_value(&event).unwrap();
    let kinds = pattern["detail-type"].as_array().unwrap();
    assert!(kinds.contains(&event.kind().into()));
    let statuses = pattern["detail"]["status"].as_array().unwrap();
    assert!(statuses.contains(&detail["status"]));
}
