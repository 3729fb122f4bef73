//! Rules for `template.yaml`.
#![expect(
    clippy::unwrap_used,
    reason = "a template that does not parse fails the test"
)]

mod alarms;
mod book;
mod build;
mod docs;
mod errors;
mod logs;
mod roles;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;
use leadfeed_shared::adapters::{AwsTimeouts, SiteVerify};
use leadfeed_shared::app::intake::{IN_FLIGHT_FOR, MOST_STEPS};
use regex_lite::Regex;
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
fn assert_lines(said: &str, found: impl Iterator<Item = String>) {
    let mut said: Vec<_> = said.trim().lines().map(str::to_owned).collect();
    let mut unsaid: Vec<_> = found.collect();
    unsaid.retain(|line| {
        let known = said.iter().position(|said| said == line);
        known.map(|at| said.remove(at)).is_none()
    });
    assert!(
        said.is_empty() && unsaid.is_empty(),
        "the template lacks {said:#?}\nand has {unsaid:#?}"
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
fn a_message_stays_hidden_for_six_times_the_drains_timeout() {
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
fn the_drain_reports_single_failures_and_shares_its_limits() {
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
fn nothing_throttles_the_queues_poller_which_would_burn_receive_counts() {
    for (name, function) in functions() {
        let reserved = &function["Properties"]["ReservedConcurrentExecutions"];
        assert!(reserved.is_null(), "{name}");
    }
    let template = text();
    let least = template.split("DrainConcurrency:\n").nth(1).unwrap();
    let least = least.split("Description:").next().unwrap();
    assert!(least.contains("MinValue: 2"), "{least}");
}

#[test]
fn tables_survive_the_stack_and_can_be_wound_back() {
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
        let forgets = json!({"AttributeName": "expires_at", "Enabled": true});
        assert_eq!(properties["TimeToLiveSpecification"], forgets, "{name}");
    }
}

#[test]
fn the_key_of_seals_and_receipts_survives_the_stack_as_the_ledger_does() {
    let key = &of_kind("AWS::SecretsManager::Secret")["SigningKey"];

    assert_eq!(key["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(key["UpdateReplacePolicy"], "Retain");
}

#[test]
fn the_access_log_forgets_and_says_neither_who_asked_nor_for_which_link() {
    let settings =
        &of_kind("AWS::ApiGatewayV2::Stage")["HttpStage"]["Properties"]["AccessLogSettings"];
    let group = settings["DestinationArn"].as_str().unwrap();
    let group = group.trim_end_matches(".Arn");
    let format = settings["Format"].as_str().unwrap();
    let said: Vec<&str> = format
        .split("$context.")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();

    let groups = of_kind("AWS::Logs::LogGroup");
    assert_eq!(
        groups[group]["Properties"]["RetentionInDays"],
        "LogRetentionDays"
    );
    serde_json::from_str::<Value>(format).unwrap();
    let harmless = [
        "requestTime",
        "requestId",
        "routeKey",
        "status",
        "responseLatency",
        "error.responseType",
        "integration.status",
    ];
    assert_eq!(said, harmless);
}

#[test]
fn a_public_address_is_one_on_which_browsers_keep_the_sessions_cookie() {
    let template = template();
    let pattern = template["Parameters"]["PublicUrl"]["AllowedPattern"].as_str();
    let pattern = Regex::new(&format!("^(?:{})$", pattern.unwrap())).unwrap();

    for good in ["", "https://leads.example.com", "http://127.0.0.1:8080"] {
        assert!(pattern.is_match(good), "{good}");
    }
    for bad in [
        "http://leads.example.com",
        "https://leads.example.com/",
        "leads.example.com",
        "http://127x0x0x1",
        "https://Leads.Example.com",
        "https://leads.example.com:443",
        "https://leads.example.com?x",
        "https://leads.exämple.com",
    ] {
        assert!(!pattern.is_match(bad), "{bad}");
    }
}

#[test]
fn the_outputs_name_what_an_operator_needs_after_the_first_deploy() {
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
fn every_function_logs_into_a_group_that_forgets() {
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
fn functions_behind_the_api_answer_before_it_gives_up() {
    let default = 15;
    for name in ["OauthCallback", "LeadWebhook", "AdminApi"] {
        let timeout = functions()[name]["Properties"]["Timeout"]
            .as_u64()
            .unwrap_or(default);
        assert!(timeout < 30, "{name}");
    }
}

#[test]
fn the_scheduler_runs_every_minute_one_run_at_a_time_and_the_next_minute_is_the_retry() {
    let scheduler = &functions()["Scheduler"]["Properties"];
    let once = json!({"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60});
    let schedule = json!({"Schedule": "rate(1 minute)", "RetryPolicy": once});
    let every_minute = json!({"Type": "Schedule", "Properties": schedule});

    assert_eq!(scheduler["Events"], json!({"EveryMinute": every_minute}));
    assert_eq!(scheduler["EventInvokeConfig"], once);
    assert!(scheduler["Timeout"].as_u64().unwrap() < 60);
}

#[test]
fn a_flood_is_bounded_at_the_gateway_by_a_parameter() {
    let stages = of_kind("AWS::ApiGatewayV2::Stage");
    let limit = json!("RequestsPerSecond"); // a reference to the parameter
    let bounds = json!({"ThrottlingRateLimit": limit, "ThrottlingBurstLimit": limit});

    let [stage] = &stages.values().collect::<Vec<_>>()[..] else {
        panic!("{stages:?}")
    };
    assert_eq!(stage["Properties"]["DefaultRouteSettings"], bounds);
}

#[test]
fn a_lead_has_its_answer_in_time_however_slow_all_that_it_asks_is() {
    let timeout = functions()["LeadWebhook"]["Properties"]["Timeout"].as_u64();
    let timeout = Duration::from_secs(timeout.unwrap());
    let asked = AwsTimeouts::SHORT.operation * MOST_STEPS + SiteVerify::PATIENCE;

    assert!(asked < timeout, "{asked:?}");
    assert!(IN_FLIGHT_FOR > SignedDuration::try_from(timeout).unwrap());
}

#[test]
fn no_secret_is_a_parameter_or_stands_in_the_template() {
    for (name, secret) in of_kind("AWS::SecretsManager::Secret") {
        assert!(secret["Properties"]["SecretString"].is_null(), "{name}");
    }
}

/// Which function answers at each route.
const ROUTES: &str = "
ANY /connect/{proxy+}: OauthCallback
ANY /f/{proxy+}: LeadWebhook
ANY /hooks/{proxy+}: LeadWebhook
ANY /manage/{proxy+}: AdminApi
ANY /servlet/servlet.WebToLead: LeadWebhook
ANY /v1/{proxy+}: AdminApi
GET /.well-known/jwks.json: AdminApi
GET /oauth/callback: OauthCallback
";

#[test]
fn every_route_leads_to_its_function_which_the_api_may_invoke() {
    let integrations = of_kind("AWS::ApiGatewayV2::Integration");
    let permissions = of_kind("AWS::Lambda::Permission");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |route: Value| {
        let target = text(&route["Properties"]["Target"]);
        let integration = target.strip_prefix("integrations/${").unwrap();
        let integration = &integrations[integration.strip_suffix('}').unwrap()];
        let function = text(&integration["Properties"]["IntegrationUri"]);
        let function = function.strip_suffix(".Arn").unwrap();
        let allowed = |permission: &Value| permission["Properties"]["FunctionName"] == function;
        assert!(permissions.values().any(allowed), "{function}");
        format!("{}: {function}", text(&route["Properties"]["RouteKey"]))
    };

    assert_lines(
        ROUTES,
        of_kind("AWS::ApiGatewayV2::Route").into_values().map(line),
    );
}
