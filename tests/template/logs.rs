//! Metric filters: each counts what its function logs, in the format that it logs on Lambda.
//!
//! The local stand-in for `CloudWatch` treats every pattern in braces as a match, so patterns are tested on lines here.

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use lambda_http::{Body, RequestExt as _};
use leadfeed_shared::app::admin::Properties;
use leadfeed_shared::app::deliver::Message;
use leadfeed_shared::domain::connection::{Connection, Learned};
use leadfeed_shared::domain::crm::CrmError;
use leadfeed_shared::domain::ids::{CustomerId, ImportId, LeadId};
use leadfeed_shared::domain::import::{ImportJob, Stage};
use leadfeed_shared::domain::lead::LeadState;
use leadfeed_shared::domain::task::Task;
use leadfeed_shared::fakes::{Fault, Memory, samples};
use leadfeed_shared::ports::{Clock as _, Forms as _, Imports as _, Ledger as _};
use leadfeed_tests::history;
use serde_json::{Value, json};

use crate::{functions, of_kind, template};

const SELF: &str = "logs::each_metric_filter_counts_exactly_its_own_log_lines";

/// The account, and the id of anything in it.
const ACCOUNT: &str = "account-1";
const REMOTE: &str = "5e7b1a1c-0000-11ee-8c99-0242ac120002";

/// Set for the test's child process: the log to write.
const GROUP: &str = "LEADFEED_TEST_WRITES_LOG";

/// How many lines of its function's log each filter counts.
const COUNTS: [(&str, usize); 8] = [
    ("BrokenSealsInAdminApi", 2), // a missing receipt, and a row missing from an export
    ("BrokenSealsInDrain", 1),
    ("RefusedSubmissions", 2), // one without consent, one while a store fails
    ("StoreFailuresInDrain", 2), // before a token is requested, and during a refresh
    ("UnkeptTokensInDrain", 4), // every attempt for the same pair
    ("UnkeptTokensInScheduler", 4),
    ("WrongCallsInDrain", 1),
    ("WrongCallsInScheduler", 1),
];

/// With text logs, or with its own log level, a function's lines would match no filter and raise no alarm.
#[test]
fn every_function_logs_in_the_json_format_that_metric_filters_read() {
    let globals = &template()["Globals"]["Function"]["LoggingConfig"];
    assert_eq!(*globals, json!({"LogFormat": "JSON"}));
    for (name, function) in functions() {
        let own = function["Properties"]["LoggingConfig"].as_object();
        assert!(own.unwrap().keys().eq(["LogGroup"]), "{name}");
    }
}

#[tokio::test]
async fn each_metric_filter_counts_exactly_its_own_log_lines() {
    if let Ok(group) = env::var(GROUP) {
        return write_log(&group).await;
    }
    let mut counts = BTreeMap::from(COUNTS);
    for (name, filter) in of_kind("AWS::Logs::MetricFilter") {
        let count = counts.remove(&*name);
        let count = count.unwrap_or_else(|| panic!("the expected count of {name} is missing"));
        let (pattern, lines) = read(&filter);

        assert_eq!(pattern.matching(&lines).len(), count, "{name}: {lines:#?}");
        assert!(lines.len() > count, "the log of {name} has no other lines");
        for other in [pattern.at_other_path(), pattern.with_other_text()] {
            assert_eq!(other.matching(&lines).len(), 0, "{other:?}");
        }
    }
    assert!(counts.is_empty(), "{counts:?}");
}

#[test]
fn refused_submissions_are_counted_by_problem_code() {
    let filter = &of_kind("AWS::Logs::MetricFilter")["RefusedSubmissions"];
    let dimensions = &filter["Properties"]["MetricTransformations"][0]["Dimensions"];
    assert_eq!(dimensions.as_array().unwrap().len(), 1);
    let code = Path::parse(dimensions[0]["Value"].as_str().unwrap()).unwrap();
    let (pattern, lines) = read(filter);

    let refused = pattern.matching(&lines).into_iter();
    let codes: Vec<_> = refused.map(|line| code.of(line)).collect();

    assert_eq!(codes, ["consent_required", "unavailable"]);
}

#[test]
fn store_failure_is_logged_with_its_cause() {
    let lines = log_of("QueueDrainLogs");
    let failures: Vec<_> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "leads are put off, as a store failed")
        .map(|line| &line["fields"]["error"])
        .collect();

    let [first, ..] = &failures[..] else {
        panic!("{lines:#?}")
    };
    let error = first.as_str().unwrap();
    assert!(error.starts_with("the store is unavailable: "), "{error}");
}

/// A filter's pattern, and the lines of its log.
fn read(filter: &Value) -> (Pattern, Vec<Value>) {
    let property = |name: &str| filter["Properties"][name].as_str().unwrap();
    let pattern = property("FilterPattern");
    let known = Pattern::parse(pattern).unwrap_or_else(|| panic!("{pattern}"));
    (known, log_of(property("LogGroupName")))
}

/// Writes the log of a function in which everything that its filters count goes wrong, and something else too.
async fn write_log(group: &str) {
    lambda_http::tracing::init_default_subscriber();
    // At noon, a budget of unknown state has calls left.
    let memory = Memory::new("2026-11-23T12:00:00Z".parse().unwrap());
    match group {
        "LeadWebhookLogs" => refuse(&memory).await,
        "QueueDrainLogs" => deliver(&memory).await,
        "SchedulerLogs" => import(&memory).await,
        "AdminApiLogs" => show(&memory).await,
        other => panic!("nothing writes the log group {other}"),
    }
}

/// A submission without consent, and one whose form cannot be read.
async fn refuse(memory: &Memory) {
    memory.directory.put_form(&samples::form()).await.unwrap();
    assert_eq!(post(memory, "email=ada%40example.com").await, 422);
    memory.faults.next(Fault::FailBefore);
    assert_eq!(
        post(memory, "email=ada%40example.com&consent=yes").await,
        503
    );
}

/// A lead with a broken seal, one whose call the API rejects as wrong, an invalid message, a lead whose customer cannot
/// be read, one whose token cannot, and one whose new token is lost.
async fn deliver(memory: &Memory) {
    connect(memory).await;
    let (customer, lead) = broken_lead(memory).await;
    memory.directory.put_form(&samples::form()).await.unwrap();
    let mut messages = vec![
        posted(memory, "grace").await,
        message(&Task::Released { customer, lead }),
    ];
    messages.push(Message {
        body: Some("no lead".to_owned()),
        ..messages[0].clone()
    });
    memory.crm.fail_next(CrmError::BadRequest(415));
    let deadline = memory.clock.now() + SignedDuration::from_secs(60);
    let again = memory.drain().drain(messages, deadline).await;
    assert_eq!(again.len(), 1);
    let messages = vec![posted(memory, "alan").await];
    let claimed = memory.faults.steps() + 1;
    memory.faults.at(claimed + 1, Fault::FailBefore);
    assert!(memory.drain().drain(messages, deadline).await.is_empty());
    memory.clock.advance(SignedDuration::from_hours(25));
    for (name, steps) in [("joan", 8..9), ("mary", 12..16)] {
        let messages = vec![posted(memory, name).await];
        fail_steps(memory, steps);
        let deadline = memory.clock.now() + SignedDuration::from_secs(60);
        assert!(memory.drain().drain(messages, deadline).await.is_empty());
        memory.clock.advance(SignedDuration::from_secs(31));
    }
}

/// Makes these next steps fail.
fn fail_steps(memory: &Memory, steps: Range<u64>) {
    let so_far = memory.faults.steps();
    for step in steps {
        memory.faults.at(so_far + step, Fault::FailBefore);
    }
}

/// The message of an accepted lead.
async fn posted(memory: &Memory, name: &str) -> Message {
    let fields = format!("email={name}%40example.com&consent=yes");
    assert_eq!(post(memory, &fields).await, 202);
    message(&memory.queue.receive(1)[0])
}

fn message(task: &Task) -> Message {
    Message {
        id: "a message".to_owned(),
        body: Some(serde_json::to_string(task).unwrap()),
    }
}

/// Polls two imports: the API rejects one request as wrong and forbids the other. An idle connection loses its new
/// token.
async fn import(memory: &Memory) {
    connect(memory).await;
    let (customer, now) = (samples::form().customer, memory.clock.now());
    for (number, error) in (1..).zip([CrmError::BadRequest(415), CrmError::Forbidden]) {
        let id = ImportId::new(number);
        let running = ImportJob {
            stage: Stage::Running {
                activity: REMOTE.parse().unwrap(),
                since: now,
                rows: 50,
            },
            ..ImportJob::new(id, customer.clone(), vec![], now)
        };
        assert!(memory.ledger.save_import(&running, None).await.unwrap());
        memory.crm.fail_next(error);
    }
    let deadline = now + SignedDuration::from_secs(35);
    memory.bulk().run(deadline).await.1.unwrap();
    memory.clock.advance(SignedDuration::from_hours(24 * 70));
    fail_steps(memory, 8..12);
    let kept_alive = memory.keeper().keep_alive(Timestamp::MAX).await;
    assert_eq!(kept_alive.unwrap(), 0);
}

/// A lead with a broken seal, whose receipt and row are requested, and a table that does not answer.
async fn show(memory: &Memory) {
    let admin = memory.admin();
    let (customer, lead) = broken_lead(memory).await;
    assert!(admin.receipt(&lead).await.is_err());
    put_customer(memory).await;
    let query = Properties::from_query([]);
    let file = admin.export(&customer, query, Timestamp::MAX).await;
    assert_eq!(file.unwrap().rows, 0);
    memory.faults.next(Fault::FailBefore);
    assert!(!admin.health().await.is_healthy());
}

/// The status for a submission of these fields.
async fn post(memory: &Memory, fields: &str) -> u16 {
    let path = format!("/f/{}", samples::form().id);
    let request = lambda_http::http::Request::post(format!("https://leads.example{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(fields))
        .unwrap()
        .with_raw_http_path(&path);
    let answer = lead_webhook::handle(&memory.intake(), request).await;
    answer.status().as_u16()
}

/// A lead that was sealed with another key.
async fn broken_lead(memory: &Memory) -> (CustomerId, LeadId) {
    let (form, now) = (samples::form(), memory.clock.now());
    let lead = history::lead(&form.customer, &form.id, "ada@example.com", now, 1);
    let recorded = memory.ledger.record(&lead, &LeadState::Queued, now).await;
    recorded.unwrap();
    (form.customer, lead.id)
}

async fn put_customer(memory: &Memory) {
    let settings = Properties::parse(br#"{"name":"Engines","brand":"Engines"}"#).unwrap();
    let customer = samples::form().customer;
    memory
        .admin()
        .put_customer(&customer, settings)
        .await
        .unwrap();
}

/// The customer, connected.
async fn connect(memory: &Memory) {
    put_customer(memory).await;
    memory.crm.open_account(ACCOUNT, "Engines");
    let connection = Connection {
        lists: vec![REMOTE.parse().unwrap()],
        learned: Learned::default(),
        ..samples::connection(memory.clock.now())
    };
    memory.put_connected(connection, "client").await;
}

/// The lines that a process logs in the format of functions on Lambda, where the template requires JSON.
fn log_of(group: &str) -> Vec<Value> {
    let output = Command::new(env::current_exe().unwrap())
        .args([SELF, "--exact", "--nocapture"])
        .env(GROUP, group)
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env_remove("AWS_LAMBDA_LOG_LEVEL")
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    // The test's name may precede the first one.
    let lines = stdout
        .lines()
        .filter_map(|line| line.get(line.find('{')?..));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// `$.a.b`: the path of a value in a line.
#[derive(Debug, Clone)]
struct Path(Vec<String>);

impl Path {
    /// `None` for anything else.
    fn parse(path: &str) -> Option<Self> {
        let names = path.strip_prefix("$.")?.split('.');
        let names: Vec<_> = names.map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
        };
        names.iter().all(is_name).then_some(Self(names))
    }

    fn of<'a>(&self, line: &'a Value) -> &'a Value {
        self.0.iter().fold(line, |found, name| &found[name])
    }
}

/// `{ $.a.b = "text" }`, without wildcards: the only kind of pattern in the template.
#[derive(Debug, Clone)]
struct Pattern {
    path: Path,
    text: String,
}

impl Pattern {
    /// `None` for anything else.
    fn parse(pattern: &str) -> Option<Self> {
        let pair = pattern.strip_prefix("{ ")?.strip_suffix("\" }")?;
        let (path, text) = pair.split_once(" = \"")?;
        let path = Path::parse(path)?;
        let is_plain = !text.is_empty() && !text.contains(['"', '*', '\\']);
        let text = text.to_owned();
        is_plain.then_some(Self { path, text })
    }

    /// The lines it matches.
    fn matching<'a>(&self, lines: &'a [Value]) -> Vec<&'a Value> {
        let lines = lines.iter();
        lines
            .filter(|line| self.path.of(line) == self.text.as_str())
            .collect()
    }

    /// The same text one level higher.
    fn at_other_path(&self) -> Self {
        Self {
            path: Path(self.path.0[1..].to_vec()),
            text: self.text.clone(),
        }
    }

    fn with_other_text(&self) -> Self {
        Self {
            text: format!("not {}", self.text),
            ..self.clone()
        }
    }
}

#[test]
fn unsupported_filter_patterns_are_rejected() {
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
