//! Metric filters: each counts what its function logs, as it logs it on Lambda.
//!
//! The local stand-in for `CloudWatch` takes every pattern in braces for a match, so patterns are held against lines here.

use std::env;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use leadfeed_shared::app::admin::Properties;
use leadfeed_shared::app::deliver::batch::Message;
use leadfeed_shared::domain::ids::{CustomerId, LeadId};
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::{Fault, Memory, samples};
use leadfeed_shared::ports::{Clock as _, Ledger as _};
use leadfeed_tests::history;
use serde_json::Value;

use crate::of_kind;

const SELF: &str =
    "logs::each_filter_counts_the_broken_seals_in_its_functions_log_and_nothing_else";

/// Tells the process that the test begins which log it is to write.
const GROUP: &str = "LEADFEED_TEST_WRITES_LOG";

#[tokio::test]
async fn each_filter_counts_the_broken_seals_in_its_functions_log_and_nothing_else() {
    if let Ok(group) = env::var(GROUP) {
        return write_log(&group).await;
    }
    for (name, filter) in of_kind("AWS::Logs::MetricFilter") {
        let group = filter["Properties"]["LogGroupName"].as_str().unwrap();
        let pattern = filter["Properties"]["FilterPattern"].as_str().unwrap();
        let pattern = Pattern::parse(pattern).unwrap_or_else(|| panic!("{name}: {pattern}"));
        let lines = log_of(group);
        let broken = match group {
            "AdminApiLogs" => 2, // no receipt, and in no file
            _ => 1,
        };

        assert_eq!(pattern.count(&lines), broken, "{name}: {lines:#?}");
        assert!(lines.len() > broken, "nothing else is in the log");
        for other in [pattern.elsewhere(), pattern.of_other_words()] {
            assert_eq!(other.count(&lines), 0, "{other:?}");
        }
    }
}

/// What a function logs where a lead's seal is broken, and where something else goes wrong.
async fn write_log(group: &str) {
    lambda_http::tracing::init_default_subscriber();
    let memory = Memory::new(Timestamp::now());
    let (customer, lead) = broken_lead(&memory).await;
    match group {
        "QueueDrainLogs" => {
            let task = Task::Released { customer, lead };
            let bodies = [serde_json::to_string(&task).unwrap(), "no lead".to_owned()];
            let messages = bodies.map(|body| Message {
                id: body.clone(),
                body: Some(body),
            });
            let deadline = memory.clock.now() + SignedDuration::from_secs(60);
            let again = memory.drain().drain(messages.into(), deadline).await;
            assert_eq!(again, ["no lead"]);
        }
        "AdminApiLogs" => {
            let admin = memory.admin();
            assert!(admin.receipt(&lead).await.is_err());
            let settings = Properties::parse(br#"{"name":"Engines","brand":"Engines"}"#).unwrap();
            admin.put_customer(&customer, settings).await.unwrap();
            let query = Properties::from_query([]);
            let file = admin.export(&customer, query, Timestamp::MAX).await;
            assert_eq!(file.unwrap().rows, 0);
            memory.faults.next(Fault::FailBefore);
            assert!(!admin.health().await.is_good());
        }
        other => panic!("what {other} holds has to be written here"),
    }
}

/// A lead that was sealed by another key.
async fn broken_lead(memory: &Memory) -> (CustomerId, LeadId) {
    let (form, now) = (samples::form(), memory.clock.now());
    let lead = history::lead(&form.customer, &form.id, "ada@example.com", now, 1);
    let recorded = memory.ledger.record(&lead, &LeadState::Queued, now).await;
    recorded.unwrap();
    (form.customer, lead.id)
}

/// The lines that a process logs as the functions do on Lambda, where the template asks for JSON.
fn log_of(group: &str) -> Vec<Value> {
    let output = Command::new(env::current_exe().unwrap())
        .args([SELF, "--exact", "--nocapture"])
        .env(GROUP, group)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env_remove("AWS_LAMBDA_LOG_LEVEL")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    // The test's name may stand before the first one.
    let lines = said.lines().filter_map(|line| line.get(line.find('{')?..));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// `{ $.a.b = "text" }`, without wildcards: the one kind of pattern that the template has.
#[derive(Debug, Clone)]
struct Pattern {
    path: Vec<String>,
    text: String,
}

impl Pattern {
    /// `None` for any other kind.
    fn parse(pattern: &str) -> Option<Self> {
        let pair = pattern.strip_prefix("{ $.")?.strip_suffix("\" }")?;
        let (path, text) = pair.split_once(" = \"")?;
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
        };
        let is_plain = !text.is_empty() && !text.contains(['"', '*', '\\']);
        let text = text.to_owned();
        (path.iter().all(is_name) && is_plain).then_some(Self { path, text })
    }

    /// How many lines it matches.
    fn count(&self, lines: &[Value]) -> usize {
        let at = |line: &Value| {
            let found = self.path.iter().fold(line, |found, name| &found[name]);
            found.as_str() == Some(self.text.as_str())
        };
        lines.iter().filter(|line| at(line)).count()
    }

    /// The same words a level higher.
    fn elsewhere(&self) -> Self {
        Self {
            path: self.path[1..].to_vec(),
            text: self.text.clone(),
        }
    }

    fn of_other_words(&self) -> Self {
        Self {
            text: self.text.replace("sealed", "made"),
            ..self.clone()
        }
    }
}

#[test]
fn no_other_kind_of_pattern_is_taken_for_one_that_is_understood() {
    for pattern in [
        "",
        "{ $.fields.message = * }",
        r#"{ $.fields.message = "a*" }"#,
        r#"{ $.fields.message != "a" }"#,
        r#"{ $.fields..message = "a" }"#,
        r#"{ $.fields.message = "a" && $.level = "ERROR" }"#,
        r#"{$.fields.message="a"}"#,
        r#""a""#,
    ] {
        assert!(Pattern::parse(pattern).is_none(), "{pattern}");
    }
}
