//! The HTTP API: its routes, timeouts, throttling and access log.

use std::time::Duration;

use jiff::SignedDuration;
use leadfeed_shared::adapters::{AwsTimeouts, SiteVerify};
use leadfeed_shared::app::intake::{IN_FLIGHT_FOR, MAX_STEPS};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{assert_lines, functions, of_kind, template};

#[test]
fn access_log_expires_and_identifies_neither_the_client_nor_the_link() {
    let settings =
        &of_kind("AWS::ApiGatewayV2::Stage")["HttpStage"]["Properties"]["AccessLogSettings"];
    let group = settings["DestinationArn"].as_str().unwrap();
    let group = group.trim_end_matches(".Arn");
    let format = settings["Format"].as_str().unwrap();
    let fields: Vec<&str> = format
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
    let allowed = [
        "requestTime",
        "requestId",
        "routeKey",
        "status",
        "responseLatency",
        "error.responseType",
        "integration.status",
    ];
    assert_eq!(fields, allowed);
}

#[test]
fn public_url_pattern_accepts_only_lowercase_https_hosts_or_loopback() {
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
fn functions_behind_the_api_time_out_before_the_api_does() {
    let default = 15;
    for name in ["OauthCallback", "LeadWebhook", "AdminApi"] {
        let timeout = functions()[name]["Properties"]["Timeout"]
            .as_u64()
            .unwrap_or(default);
        assert!(timeout < 30, "{name}");
    }
}

#[test]
fn api_gateway_throttles_requests_at_the_requests_per_second_parameter() {
    let stages = of_kind("AWS::ApiGatewayV2::Stage");
    let limit = json!("RequestsPerSecond"); // a reference to the parameter
    let bounds = json!({"ThrottlingRateLimit": limit, "ThrottlingBurstLimit": limit});

    let [stage] = &stages.values().collect::<Vec<_>>()[..] else {
        panic!("{stages:?}")
    };
    assert_eq!(stage["Properties"]["DefaultRouteSettings"], bounds);
}

#[test]
fn lead_webhook_answers_before_its_timeout_even_if_every_call_is_slow() {
    let timeout = functions()["LeadWebhook"]["Properties"]["Timeout"].as_u64();
    let timeout = Duration::from_secs(timeout.unwrap());
    let slowest = AwsTimeouts::SHORT.operation * MAX_STEPS + SiteVerify::TIMEOUT;

    assert!(slowest < timeout, "{slowest:?}");
    assert!(IN_FLIGHT_FOR > SignedDuration::try_from(timeout).unwrap());
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
fn routes_are_created_one_after_the_other() {
    let routes = of_kind("AWS::ApiGatewayV2::Route");
    let mut created = Vec::new();
    let mut last = Value::Null;
    while let Some((name, _)) = routes.iter().find(|(_, route)| route["DependsOn"] == last) {
        last = json!(name);
        created.push(name);
    }

    assert_eq!(created.len(), routes.len(), "{created:?}");
}

#[test]
fn every_route_targets_its_listed_function_which_the_api_may_invoke() {
    let integrations = of_kind("AWS::ApiGatewayV2::Integration");
    let permissions = of_kind("AWS::Lambda::Permission");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let line = |route: Value| {
        let target = text(&route["Properties"]["Target"]);
        let integration = target.strip_prefix("integrations/${").unwrap();
        let integration = &integrations[integration.strip_suffix('}').unwrap()];
        let function = text(&integration["Properties"]["IntegrationUri"]);
        let function = function.strip_suffix(".Arn").unwrap();
        let allowed = |permission: &Value| {
            let permission = &permission["Properties"];
            permission["FunctionName"] == function
                && permission["Principal"] == "apigateway.amazonaws.com"
                && text(&permission["SourceArn"]).ends_with(":${HttpApi}/*")
        };
        assert!(permissions.values().any(allowed), "{function}");
        format!("{}: {function}", text(&route["Properties"]["RouteKey"]))
    };

    assert_lines(
        ROUTES,
        of_kind("AWS::ApiGatewayV2::Route").into_values().map(line),
    );
}
