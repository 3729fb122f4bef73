//! Alarms: each failure has one, each is explained, and each notifies somebody.

use std::collections::BTreeSet;
use std::fs;

use jiff::Timestamp;
use leadfeed_shared::app::observe::QUARANTINED;
use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason, ReconnectReason};
use leadfeed_shared::domain::ids::CustomerId;
use leadfeed_shared::ports::{Event, Gauge};
use serde_json::{Value, json};

use crate::{assert_lines, functions, of_kind, resources, root, template};

/// What each alarm watches and when it fires: its [`COLUMNS`], its dimensions, and the condition of its resource.
const ALARMS: &str = "
AdminApiErrorsAlarm: Sum AWS/Lambda Errors GreaterThanThreshold 0 1 300 notBreaching FunctionName=AdminApi
BrokenSealsAlarm: Sum Leadfeed/${AWS::StackName} BrokenSeals GreaterThanThreshold 0 1 300 notBreaching
BudgetAlarm: Maximum Leadfeed BudgetUsed GreaterThanThreshold 80 1 300 notBreaching Stack=AWS::StackName
CanaryAlarm: Maximum Leadfeed CanaryLate GreaterThanThreshold 300 1 60 breaching Stack=AWS::StackName HasCanary
DeadLettersAlarm: Maximum AWS/SQS ApproximateNumberOfMessagesVisible GreaterThanThreshold 0 1 300 notBreaching QueueName=LeadDeadLetters.QueueName
HttpErrorsAlarm: Sum AWS/ApiGateway 5xx GreaterThanThreshold 0 1 300 notBreaching ApiId=HttpApi
LeadWebhookErrorsAlarm: Sum AWS/Lambda Errors GreaterThanThreshold 0 1 300 notBreaching FunctionName=LeadWebhook
LostConnectionsAlarm: Maximum Leadfeed LostConnections GreaterThanThreshold 0 1 300 notBreaching Stack=AWS::StackName
OauthCallbackErrorsAlarm: Sum AWS/Lambda Errors GreaterThanThreshold 0 1 300 notBreaching FunctionName=OauthCallback
OldestLeadAlarm: Maximum Leadfeed OldestUndelivered GreaterThanThreshold OldestLeadAlarmSeconds 3 300 breaching Stack=AWS::StackName
QuarantineAlarm: Maximum Leadfeed Quarantined GreaterThanOrEqualToThreshold QuarantineAlarmLeads 1 300 notBreaching Stack=AWS::StackName
QueueDrainErrorsAlarm: Sum AWS/Lambda Errors GreaterThanThreshold 0 1 300 notBreaching FunctionName=QueueDrain
SchedulerErrorsAlarm: Sum AWS/Lambda Errors GreaterThanThreshold 0 1 300 notBreaching FunctionName=Scheduler
StoreFailuresAlarm: Sum Leadfeed/${AWS::StackName} StoreFailures GreaterThanThreshold 2 1 600 notBreaching
WrongCallsAlarm: Sum Leadfeed/${AWS::StackName} WrongCalls GreaterThanThreshold 0 1 300 notBreaching
";

const COLUMNS: [&str; 8] = [
    "Statistic",
    "Namespace",
    "MetricName",
    "ComparisonOperator",
    "Threshold",
    "EvaluationPeriods",
    "Period",
    "TreatMissingData",
];

#[test]
fn every_function_error_and_a_silent_scheduler_raise_an_alarm() {
    let alarms = of_kind("AWS::CloudWatch::Alarm");
    for name in functions().into_keys() {
        let watches = |alarm: &Value| {
            let properties = &alarm["Properties"];
            properties["MetricName"] == "Errors" && properties["Dimensions"][0]["Value"] == name
        };
        assert!(alarms.values().any(watches), "{name}");
    }
    let oldest_lead = &alarms["OldestLeadAlarm"]["Properties"];
    assert_eq!(
        oldest_lead["TreatMissingData"], "breaching",
        "a scheduler that does not run publishes no metrics"
    );
}

#[test]
fn every_alarm_has_exactly_the_listed_metric_and_condition() {
    let alarms = of_kind("AWS::CloudWatch::Alarm");
    assert_lines(ALARMS, alarms.iter().map(line));
}

/// An alarm as a line of [`ALARMS`], with all properties that have no column at its end.
fn line((name, alarm): (&String, &Value)) -> String {
    let properties = &alarm["Properties"];
    let mut parts: Vec<_> = COLUMNS.map(|name| properties[name].to_string()).into();
    let dimensions = properties["Dimensions"].as_array().into_iter().flatten();
    parts.extend(dimensions.map(|one| format!("{}={}", one["Name"], one["Value"])));
    parts.extend(alarm.get("Condition").map(Value::to_string));
    let ignored = [
        "AlarmActions",
        "AlarmDescription",
        "Dimensions",
        "OKActions",
    ];
    let others = properties.as_object().unwrap().keys().cloned();
    parts.extend(others.filter(|name| {
        let name = name.as_str();
        !COLUMNS.contains(&name) && !ignored.contains(&name)
    }));
    format!("{name}: {}", parts.join(" ").replace('"', ""))
}

/// The dashboard, of a stack with or without a canary.
fn dashboard(canary: bool) -> Value {
    let body = &of_kind("AWS::CloudWatch::Dashboard")["Dashboard"]["Properties"]["DashboardBody"];
    let widget = &body[1]["CanaryWidget"];
    assert_eq!(widget[0], "HasCanary");
    let widget = widget[if canary { 1 } else { 2 }].as_str().unwrap();
    let text = body[0].as_str().unwrap();
    assert!(text.contains("${CanaryWidget}"));
    serde_json::from_str(&text.replace("${CanaryWidget}", widget)).unwrap()
}

/// Namespaces and names of the metrics that a dashboard shows, except those found by an expression.
fn shown(dashboard: &Value) -> BTreeSet<(String, String)> {
    let widgets = dashboard["widgets"].as_array().unwrap().iter();
    let metrics = widgets.flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    metrics
        .filter(|metric| !metric[0].is_object())
        .map(|metric| (text(&metric[0]), text(&metric[1])))
        .collect()
}

fn leadfeed_metrics(names: impl IntoIterator<Item = (String, String)>) -> BTreeSet<String> {
    let metrics = names.into_iter().filter(|(space, _)| space == "Leadfeed");
    metrics.map(|(_, name)| name).collect()
}

#[test]
fn alarms_and_dashboard_cover_exactly_the_measured_gauges() {
    let measured: BTreeSet<_> = Gauge::ALL.map(|gauge| gauge.name().to_owned()).into();
    let watched = of_kind("AWS::CloudWatch::Alarm").into_values();
    let watched = watched.map(|alarm| {
        let text = |name: &str| alarm["Properties"][name].as_str().unwrap().to_owned();
        (text("Namespace"), text("MetricName"))
    });

    assert_eq!(leadfeed_metrics(watched), measured);
    assert_eq!(leadfeed_metrics(shown(&dashboard(true))), measured);
}

#[test]
fn quarantine_alarm_threshold_cannot_exceed_the_number_of_leads_counted() {
    let parameter = &template()["Parameters"]["QuarantineAlarmLeads"];
    assert_eq!(parameter["MaxValue"], QUARANTINED);
}

#[test]
fn health_check_uses_the_same_thresholds_as_the_alarms() {
    let alarms = of_kind("AWS::CloudWatch::Alarm");
    let variables = &resources()["AdminApi"]["Properties"]["Environment"]["Variables"];
    for (alarm, variable) in [
        ("OldestLeadAlarm", "LEADFEED_OLDEST_LEAD_ALARM"),
        ("QuarantineAlarm", "LEADFEED_QUARANTINE_ALARM"),
    ] {
        let threshold = &alarms[alarm]["Properties"]["Threshold"];
        assert!(threshold.is_string(), "{alarm}");
        assert_eq!(&variables[variable], threshold, "{alarm}");
    }
}

#[test]
fn alarms_on_gauges_watch_only_this_stack() {
    for (name, alarm) in of_kind("AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        if properties["Namespace"] == "Leadfeed" {
            let stack = json!([{"Name": "Stack", "Value": "AWS::StackName"}]);
            assert_eq!(properties["Dimensions"], stack, "{name}");
        }
    }
}

/// The filter that counts by a dimension: one metric for each of its values, which the dashboard searches for.
const SEARCHED: &str = "RefusedSubmissions";

#[test]
fn every_metric_filter_without_dimensions_has_an_alarm_and_is_on_the_dashboard() {
    let alarms = of_kind("AWS::CloudWatch::Alarm");
    let shown = shown(&dashboard(false));
    for (name, filter) in of_kind("AWS::Logs::MetricFilter") {
        let counted = filter["Properties"]["MetricTransformations"]
            .as_array()
            .unwrap();
        for metric in counted {
            if !metric["Dimensions"].is_null() {
                assert_eq!(name, SEARCHED);
                let watches =
                    |alarm: &Value| alarm["Properties"]["MetricName"] == metric["MetricName"];
                assert!(!alarms.values().any(watches), "{name}");
                continue;
            }
            let (space, metric) = (&metric["MetricNamespace"], &metric["MetricName"]);
            // This metric has no dimension; with one it would be a different metric.
            let watches = |alarm: &Value| {
                let properties = &alarm["Properties"];
                properties["Namespace"] == *space
                    && properties["MetricName"] == *metric
                    && properties["Dimensions"].is_null()
            };
            assert!(alarms.values().any(watches), "{name}");
            let pair = [space, metric].map(|text| text.as_str().unwrap().to_owned());
            assert!(shown.contains(&<(String, String)>::from(pair)), "{name}");
        }
    }
}

#[test]
fn dashboard_shows_traffic_and_errors_and_the_canary_only_if_there_is_one() {
    let names = |canary| {
        let shown = shown(&dashboard(canary)).into_iter();
        shown.map(|(_, name)| name).collect::<BTreeSet<_>>()
    };

    for name in ["Count", "NumberOfMessagesDeleted", "5xx", "Errors"] {
        assert!(names(false).contains(name), "{name}");
    }
    assert!(names(true).contains("CanaryLate"));
    assert!(!names(false).contains("CanaryLate"));
}

#[test]
fn refused_submissions_are_on_the_dashboard() {
    let filter = &of_kind("AWS::Logs::MetricFilter")[SEARCHED]["Properties"];
    let metric = &filter["MetricTransformations"][0];
    let dashboard = dashboard(false);

    let search = format!(
        "SEARCH('{{\"{}\",{}}} MetricName=\"{}\"', 'Sum', 300)",
        metric["MetricNamespace"].as_str().unwrap(),
        metric["Dimensions"][0]["Key"].as_str().unwrap(),
        metric["MetricName"].as_str().unwrap(),
    );
    let widgets = dashboard["widgets"].as_array().unwrap();
    let shows = |widget: &Value| widget["properties"]["metrics"][0][0]["expression"] == search;
    assert!(widgets.iter().any(shows), "{search}");
}

#[test]
fn runbook_has_a_section_for_every_alarm() {
    let runbook = fs::read_to_string(root().join("docs/operator/runbook.md")).unwrap();
    for alarm in of_kind("AWS::CloudWatch::Alarm").into_keys() {
        assert!(runbook.contains(&format!("\n## {alarm}\n")), "{alarm}");
    }
}

#[test]
fn every_alarm_and_its_recovery_notify_the_given_topic_or_else_the_given_address() {
    let otherwise = json!(["HasAlarmMail", ["AlarmMails"], "AWS::NoValue"]);
    let expected = json!(["HasAlarmTopic", ["AlarmTopicArn"], otherwise]);
    for (name, alarm) in of_kind("AWS::CloudWatch::Alarm") {
        for when in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm["Properties"][when], expected, "{when} of {name}");
        }
    }
}

/// What the topic's policy grants to a service.
fn grants(service: &str) -> Vec<Value> {
    let policy = &of_kind("AWS::SNS::TopicPolicy")["AlarmMailsPolicy"]["Properties"];
    let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
    let is_for = |statement: &&Value| {
        statement["Principal"]["Service"]
            .to_string()
            .contains(service)
    };
    statements.iter().filter(is_for).cloned().collect()
}

/// EventBridge publishes to no topic whose policy has a condition for it (its user guide, resource-based policies).
#[test]
fn event_bus_may_publish_unconditionally_and_alarms_only_under_a_condition() {
    for (service, is_conditional) in [
        ("cloudwatch.amazonaws.com", true),
        ("events.amazonaws.com", false),
    ] {
        let grants = grants(service);
        assert_eq!(grants.len(), 1, "{service}");
        assert_eq!(grants[0]["Effect"], "Allow");
        assert_eq!(grants[0]["Action"], "sns:Publish");
        let has_condition = !grants[0]["Condition"].is_null();
        assert_eq!(has_condition, is_conditional, "{service}");
    }
}

#[test]
fn every_function_that_publishes_events_has_its_stack_id() {
    for (name, function) in functions() {
        let variables = &function["Properties"]["Environment"]["Variables"];
        if !variables["LEADFEED_EVENT_BUS"].is_null() {
            assert_eq!(variables["LEADFEED_STACK"], "AWS::StackId", "{name}");
        }
    }
}

#[test]
fn mail_rule_matches_exactly_the_events_that_need_a_person() {
    let at = Timestamp::UNIX_EPOCH;
    let customer: CustomerId = "engines".parse().unwrap();
    let connection_event = |status| Event::Connection {
        customer_id: customer.clone(),
        status,
        at,
    };
    let needs_reconnect = ConnectionStatus::NeedsReconnect {
        reason: ReconnectReason::InvalidGrant,
        since: at,
    };
    let limited = ConnectionStatus::Limited {
        reason: LimitedReason::AppDeactivated,
    };
    let list_gone = Event::ListGone {
        customer_id: customer.clone(),
        list_id: "5e7b1a1c-0000-11ee-8c99-0242ac120002".parse().unwrap(),
        status: "list_missing",
        at,
    };
    let rules = of_kind("AWS::Events::Rule");
    let pattern = &rules["LostConnectionMail"]["Properties"]["EventPattern"];
    assert_eq!(pattern["resources"], json!(["AWS::StackId"]));
    let matches = |event: &Event| {
        let status = &serde_json::to_value(event).unwrap()["status"];
        let has = |list: &Value, value: &Value| list.as_array().unwrap().contains(value);
        has(&pattern["detail-type"], &event.kind().into())
            && has(&pattern["detail"]["status"], status)
    };

    for event in [
        connection_event(needs_reconnect),
        connection_event(limited),
        list_gone,
    ] {
        assert!(matches(&event), "{event:?}");
    }
    for status in [ConnectionStatus::Active, ConnectionStatus::Disconnected] {
        assert!(!matches(&connection_event(status.clone())), "{status:?}");
    }
}
