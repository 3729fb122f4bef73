//! Rules for `template.yaml`.
#![expect(
    clippy::unwrap_used,
    reason = "a template that does not parse fails the test"
)]

mod alarms;
mod api;
mod book;
mod build;
mod docs;
mod errors;
mod logs;
mod roles;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The repository.
fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// The template as it is written.
fn text() -> String {
    fs::read_to_string(root().join("template.yaml")).unwrap()
}

/// Tags are dropped: `!GetAtt Ledger.Arn` reads as `"Ledger.Arn"`.
fn template() -> Value {
    serde_saphyr::from_str(&text()).unwrap()
}

/// Resources by logical id.
fn resources() -> BTreeMap<String, Value> {
    serde_json::from_value(template()["Resources"].clone()).unwrap()
}

fn of_kind(kind: &str) -> BTreeMap<String, Value> {
    let found: BTreeMap<_, _> = resources()
        .into_iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .collect();
    assert!(!found.is_empty(), "no {kind} in the template");
    found
}

fn functions() -> BTreeMap<String, Value> {
    of_kind("AWS::Serverless::Function")
}

/// Checks that the template has exactly the lines that a test lists, in any order; otherwise prints the differences.
fn assert_lines(expected: &str, found: impl Iterator<Item = String>) {
    let mut missing: Vec<_> = expected.trim().lines().map(str::to_owned).collect();
    let mut unexpected: Vec<_> = found.collect();
    unexpected.retain(|line| {
        let known = missing.iter().position(|expected| expected == line);
        known.map(|at| missing.remove(at)).is_none()
    });
    assert!(
        missing.is_empty() && unexpected.is_empty(),
        "the template lacks {missing:#?}\nand has, unexpectedly, {unexpected:#?}"
    );
}

#[test]
fn there_are_five_functions_built_by_cargo_lambda_from_their_own_folders() {
    let functions = functions();

    assert_eq!(functions.len(), 5);
    for (name, function) in functions {
        assert_eq!(
            function["Metadata"]["BuildMethod"], "rust-cargolambda",
            "{name}"
        );
        let folder = function["Properties"]["CodeUri"].as_str().unwrap();
        assert!(folder.starts_with("functions/"), "{name}");
        let manifest = root().join(folder).join("Cargo.toml");
        assert!(manifest.exists(), "{name}");
    }
}

#[test]
fn queue_visibility_timeout_is_six_times_the_drain_timeout() {
    let timeout = functions()["QueueDrain"]["Properties"]["Timeout"]
        .as_u64()
        .unwrap();
    let queue = &of_kind("AWS::SQS::Queue")["LeadQueue"]["Properties"];

    assert_eq!(queue["VisibilityTimeout"].as_u64().unwrap(), 6 * timeout);
    assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64().unwrap() >= 5);
    assert_eq!(
        queue["RedrivePolicy"]["deadLetterTargetArn"],
        "LeadDeadLetters.Arn"
    );
}

#[test]
fn every_queue_is_encrypted_and_keeps_messages_for_two_weeks() {
    for (name, queue) in of_kind("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{name}");
        assert_eq!(
            queue["Properties"]["MessageRetentionPeriod"],
            14 * 24 * 60 * 60,
            "{name}"
        );
    }
}

#[test]
fn drain_mapping_reports_batch_item_failures_and_limits_concurrency() {
    for (name, mapping) in of_kind("AWS::Lambda::EventSourceMapping") {
        let properties = &mapping["Properties"];
        assert_eq!(
            properties["FunctionResponseTypes"][0], "ReportBatchItemFailures",
            "{name}"
        );
        assert_eq!(
            properties["ScalingConfig"]["MaximumConcurrency"], "DrainConcurrency",
            "{name}"
        );
    }
}

#[test]
fn no_function_reserves_concurrency_and_drain_concurrency_is_at_least_two() {
    for (name, function) in functions() {
        let reserved = &function["Properties"]["ReservedConcurrentExecutions"];
        assert!(reserved.is_null(), "{name}");
    }
    let template = text();
    let parameter = template.split("DrainConcurrency:\n").nth(1).unwrap();
    let parameter = parameter.split("Description:").next().unwrap();
    assert!(parameter.contains("MinValue: 2"), "{parameter}");
}

#[test]
fn tables_survive_stack_deletion_and_allow_point_in_time_recovery() {
    for (name, table) in of_kind("AWS::DynamoDB::Table") {
        assert_eq!(table["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(table["UpdateReplacePolicy"], "Retain", "{name}");
        let properties = &table["Properties"];
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{name}");
        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{name}");
        assert_eq!(
            properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{name}"
        );
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{name}");
        let expiry = json!({"AttributeName": "expires_at", "Enabled": true});
        assert_eq!(properties["TimeToLiveSpecification"], expiry, "{name}");
    }
}

#[test]
fn signing_key_survives_stack_deletion() {
    let key = &of_kind("AWS::SecretsManager::Secret")["SigningKey"];

    assert_eq!(key["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(key["UpdateReplacePolicy"], "Retain");
}

/// If its name or this block changes, `CloudFormation` generates another key, and no seal, link or webhook secret that
/// was made with the old one is valid any more.
#[test]
fn signing_key_keeps_its_name_and_how_it_was_generated() {
    let key = &of_kind("AWS::SecretsManager::Secret")["SigningKey"]["Properties"];
    let generated = json!({
        "PasswordLength": 64,
        "ExcludeCharacters": r##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~"##,
    });

    assert_eq!(key["Name"], "leadfeed/${AWS::StackName}/keys/signing");
    assert_eq!(key["GenerateSecretString"], generated);
}

#[test]
fn outputs_contain_what_an_operator_needs_after_the_first_deploy() {
    let template = template();
    let outputs = template["Outputs"].as_object().unwrap();
    let value = |name: &str| outputs[name]["Value"].to_string();

    assert!(value("CallbackUrl").contains("${Url}/oauth/callback"));
    assert!(value("ApiUrl").contains("HttpApi.ApiEndpoint"));
    assert!(value("StoreAppCommand").contains(
        "aws secretsmanager put-secret-value --region ${AWS::Region} --secret-id leadfeed/${AWS::StackName}/app/default"
    ));
    assert!(value("AdminTokenCommand").contains("leadfeed/${AWS::StackName}/keys/admin"));
    for (name, output) in outputs {
        assert!(output["Description"].is_string(), "{name}");
    }
    for (name, parameter) in template["Parameters"].as_object().unwrap() {
        assert!(parameter["Description"].is_string(), "{name}");
    }
    assert_eq!(template["Parameters"]["Architecture"]["Default"], "arm64");
}

#[test]
fn deploy_guide_names_the_tools_in_the_versions_that_are_tested() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let (guide, tools) = (read("docs/operator/deploy.md"), read("local/sam.txt"));
    let guide = guide.split_whitespace().collect::<Vec<_>>().join(" ");

    for (name, package) in [
        ("SAM CLI", "aws-sam-cli"),
        ("cargo-lambda", "cargo-lambda"),
        ("zig", "ziglang"),
    ] {
        let pinned = format!("{package}==");
        let version = tools.lines().find_map(|line| line.strip_prefix(&pinned));
        let version = version.unwrap().trim_end_matches(" \\");
        assert!(
            guide.contains(&format!("{name} {version}")),
            "{name} {version}"
        );
    }
}

#[test]
fn every_sample_event_is_read_by_a_test_of_its_function() {
    let root = root();
    let mut tests = String::new();
    for function in [
        "admin-api",
        "lead-webhook",
        "oauth-callback",
        "queue-drain",
        "scheduler",
    ] {
        sources(
            &root.join("functions").join(function).join("tests"),
            &mut tests,
        );
    }
    let events = fs::read_dir(root.join("events")).unwrap();
    let names: Vec<_> = events.map(|event| event.unwrap().file_name()).collect();

    assert!(names.len() >= 5, "one for each function");
    for name in names {
        let name = name.to_str().unwrap();
        assert!(tests.contains(&format!("{name}\"")), "{name}");
    }
}

/// Appends every source below a folder to `all`.
fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else {
            all.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_function_logs_into_a_group_with_limited_retention() {
    let groups = of_kind("AWS::Logs::LogGroup");

    for (name, function) in functions() {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"]
            .as_str()
            .unwrap();
        assert_eq!(
            groups[group]["Properties"]["RetentionInDays"], "LogRetentionDays",
            "{name}"
        );
    }
}

#[test]
fn scheduler_runs_every_minute_without_overlap_or_retries() {
    let scheduler = &functions()["Scheduler"]["Properties"];
    let no_retry = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60});
    let schedule = json!({"Schedule": "rate(1 minute)", "RetryPolicy": no_retry});
    let every_minute = json!({"Type": "Schedule", "Properties": schedule});

    assert_eq!(scheduler["Events"], json!({"EveryMinute": every_minute}));
    assert_eq!(scheduler["EventInvokeConfig"], no_retry);
    assert!(scheduler["Timeout"].as_u64().unwrap() < 60);
}

#[test]
fn no_secret_value_is_in_the_template() {
    for (name, secret) in of_kind("AWS::SecretsManager::Secret") {
        assert!(secret["Properties"]["SecretString"].is_null(), "{name}");
    }
}
