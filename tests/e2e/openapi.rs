//! Requests that schemathesis generates from `docs/openapi.yaml`, against the running stack.

use std::fs;
use std::process::Command;

use leadfeed_local::progress::Progress;
use leadfeed_local::tools::program_of;
use serde_json::json;

use crate::scene::{Scene, shared, the_stack};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.yaml");

/// The checks of each response. Whether generated data is accepted is not checked: the API is stricter than its
/// document about names that have to exist.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,ignored_auth,unsupported_method";

/// Runs schemathesis, with these parameters in its configuration instead of generated ones.
async fn schemathesis(parameters: &str, arguments: &[&str]) {
    let progress = Progress::new();
    let program = program_of(&progress, "schemathesis", "schemathesis");
    let program = program.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("schemathesis.toml");
    let token = the_stack().admin_token();
    let auth = format!("[auth.openapi.adminToken]\nbearer = \"{token}\"\n");
    fs::write(&config, format!("{auth}{parameters}")).unwrap();
    let mut command = Command::new(program);
    command.arg("--config-file").arg(&config);
    command.args([
        "run",
        DOCUMENT,
        "--url",
        the_stack().url(),
        "--checks",
        CHECKS,
    ]);
    command.args(["--generation-deterministic", "--workers", "2"]);
    command.args(["--no-color", "--request-timeout", "30"]);
    command.args(arguments).current_dir(folder.path());
    command.env("NO_PROXY", "*");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}");
    let passed = stdout.lines().find(|line| line.contains(" passed"));
    eprintln!(
        "{}",
        passed.unwrap_or_else(|| panic!("no request was made: {stdout}"))
    );
}

#[tokio::test]
async fn generated_requests_get_no_5xx_and_only_documented_responses() {
    let _shared = shared().await;
    let scene = Scene::new("schemathesis").await;
    let lead = scene.submit("schemathesis@example.com").await;
    let form = scene.form["form_id"].as_str().unwrap();
    let ids = json!({
        "path.customer_id": scene.customer, "path.form_id": form, "path.lead_id": lead, "path.app_id": "made-up",
    });
    let ids = ids.as_object().unwrap().iter();
    let ids: String = ids
        .map(|(name, id)| format!("\"{name}\" = {id}\n"))
        .collect();

    // Existing things: every property and parameter at its bounds, one by one.
    let bounds = [
        "--phases",
        "coverage",
        "--mode",
        "positive",
        "--exclude-method",
        "DELETE",
    ];
    schemathesis(&format!("[parameters]\n{ids}"), &bounds).await;
    // Things that do not exist or are not allowed.
    schemathesis("", &["--phases", "fuzzing", "--max-examples", "2"]).await;
}
