use clap::Parser as _;
use leadfeed_cli::Options;
use serde_json::{Value, json};

use crate::deployment::Deployment;

/// Creates a form of `engines`.
pub const CREATE_FORM: [&str; 7] = [
    "forms",
    "create",
    "engines",
    "--name",
    "News",
    "--consent",
    "Analytical Engines may mail me.",
];

pub async fn create_form(deployment: &Deployment) -> String {
    let made = deployment.json(&CREATE_FORM).await;
    made["form_id"].as_str().unwrap().to_owned()
}

pub async fn sign_up(deployment: &Deployment, form: &str, email: &str) -> String {
    let form = deployment.memory.intake().form(form).await.unwrap();
    let fields = [
        ("email", email),
        ("first_name", "Ada\u{1b}[31m"),
        ("phone_number", "call me"),
    ];
    let accepted = deployment.memory.sign_up(&form, &fields).await;
    accepted.lead.to_string()
}

#[tokio::test]
async fn customers_forms_and_links_are_created_listed_closed_and_removed() {
    let deployment = Deployment::new().await;

    let (made, _) = deployment
        .leadfeed(&["customers", "put", "looms", "--name", "Looms"])
        .await;
    let (listed, _) = deployment.leadfeed(&["customers", "list"]).await;
    let form = create_form(&deployment).await;
    let (forms, _) = deployment.leadfeed(&["forms", "list", "engines"]).await;
    let (snippet, _) = deployment.leadfeed(&["forms", "snippet", &form]).await;
    let closed = deployment.json(&["forms", "close", &form]).await;
    let (link, _) = deployment.leadfeed(&["links", "manage", "engines"]).await;
    let (revoked, _) = deployment.leadfeed(&["links", "revoke", "engines"]).await;
    let (removed, _) = deployment
        .leadfeed(&["customers", "remove", "looms", "--yes"])
        .await;
    let (missing, succeeded) = deployment.leadfeed(&["customers", "show", "looms"]).await;

    assert!(made.contains("brand") && made.contains("Looms"), "{made}");
    assert!(
        listed.contains("engines") && listed.contains("Looms"),
        "{listed}"
    );
    assert!(forms.contains(&form) && forms.contains("yes"), "{forms}");
    assert!(snippet.starts_with("<form action="), "{snippet}");
    assert_eq!(closed["open"], false);
    assert_eq!(revoked, "Revoked.\n");
    assert!(
        link.starts_with(&format!("{}/manage/", deployment.url)),
        "{link}"
    );
    assert_eq!(removed, "Removed.\n");
    assert_eq!(
        (missing.as_str(), succeeded),
        ("There is no such customer.", false)
    );
}

#[tokio::test]
async fn omitted_options_keep_the_settings_of_customers_and_applications() {
    let deployment = Deployment::new().await;
    let put = ["customers", "put", "looms"];
    let all = [
        ["--name", "Looms Ltd"],
        ["--brand", "Looms"],
        ["--app", "own"],
        ["--return-url", "https://looms.example/thanks"],
        ["--return-host", "looms.example"],
        ["--return-host", "www.looms.example"],
        ["--bulk-import", "when_over_budget"],
        ["--retention-days", "30"],
    ];
    let all = [&put[..], all.as_flattened()].concat();
    let longer = [&put[..], &["--retention-days", "90"]].concat();
    let emptied = [&put[..], &["--return-url", "", "--return-host", ""]].concat();
    let app = ["app", "put", "--client-id", "id", "--client-secret", "one"];
    let limits = ["--calls-per-second", "10", "--calls-per-day", "50000"];
    let next = ["app", "put", "--client-id", "id", "--client-secret", "two"];

    let made = deployment.json(&all).await;
    let kept = deployment.json(&longer).await;
    let cleared = deployment.json(&emptied).await;
    deployment.json(&[&app[..], &limits].concat()).await;
    let rotated = deployment.json(&next).await;

    let hosts = json!(["looms.example", "www.looms.example"]);
    assert_eq!(made["return_hosts"], hosts);
    assert_eq!(made["brand"], "Looms");
    let mut expected = made.clone();
    expected["retention_days"] = json!(90);
    assert_eq!(kept, expected);
    assert_eq!(cleared["return_url"], Value::Null);
    assert_eq!(cleared["return_hosts"], json!([]));
    assert_eq!(cleared["bulk_import"], "when_over_budget");
    let limits = json!({"app_id": "default", "calls_per_second": 10, "calls_per_day": 50_000});
    assert_eq!(rotated, limits);
}

#[tokio::test]
async fn form_is_patched_from_a_file_and_its_webhook_secret_rotated() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("change.json");
    let patch = ["forms", "patch", &form, "--file", file.to_str().unwrap()];
    let thanks = "https://engines.example/thanks";

    let change = json!({"name": "Letters", "return_url": thanks});
    std::fs::write(&file, change.to_string()).unwrap();
    let changed = deployment.json(&patch).await;
    std::fs::write(&file, r#"{"return_url": null}"#).unwrap();
    let back = deployment.json(&patch).await;
    std::fs::write(&file, "no JSON").unwrap();
    let (fault, succeeded) = deployment.leadfeed(&patch).await;
    let rotated = deployment.json(&["forms", "rotate", &form]).await;

    assert_eq!(
        (&changed["name"], &changed["return_url"]),
        (&json!("Letters"), &json!(thanks))
    );
    assert_eq!(
        (&back["name"], &back["return_url"]),
        (&json!("Letters"), &Value::Null)
    );
    assert!(!succeeded && fault.contains("is not JSON"), "{fault}");
    assert_ne!(rotated["webhook_secret"], back["webhook_secret"]);
}

#[tokio::test]
async fn address_is_suppressed_and_unsuppressed_and_a_receipt_is_printed() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let lead = sign_up(&deployment, &form, "ada@example.com").await;
    let person = ["engines", "ada@example.com"];

    let (receipt, _) = deployment.leadfeed(&["leads", "receipt", &lead]).await;
    let added = deployment
        .json(&[&["suppressions", "add"][..], &person].concat())
        .await;
    let (listed, _) = deployment
        .leadfeed(&["suppressions", "list", "engines"])
        .await;
    let (removed, _) = deployment
        .leadfeed(&[&["suppressions", "remove"][..], &person].concat())
        .await;
    let left = deployment.json(&["suppressions", "list", "engines"]).await;

    assert_eq!(receipt.trim().split('.').count(), 3, "{receipt}");
    let id = added["suppression_id"].as_str().unwrap();
    assert!(listed.contains(id) && !listed.contains("ada@"), "{listed}");
    assert_eq!((removed.as_str(), left), ("Removed.\n", json!([])));
}

#[tokio::test]
async fn leads_are_listed_shown_followed_and_forgotten() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let lead = sign_up(&deployment, &form, "ada@example.com").await;

    let (listed, _) = deployment.leadfeed(&["leads", "list", "engines"]).await;
    let (shown, _) = deployment.leadfeed(&["leads", "show", &lead]).await;
    let (followed, _) = deployment
        .leadfeed(&["leads", "follow", "engines", "--every", "0", "--looks", "3"])
        .await;
    let forgotten = deployment
        .json(&["leads", "forget", "engines", "ada@example.com", "--yes"])
        .await;

    assert!(
        listed.contains("queued") && listed.contains("ada@example.com"),
        "{listed}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown}");
    for expected in [
        "Consent given  2026-11-23T12:00:00Z",
        "Statement      Analytical Engines may mail me.",
        "omitted",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    assert_eq!(
        followed.lines().count(),
        1,
        "printed once if nothing changes: {followed}"
    );
    assert!(
        followed.contains(&lead) && !followed.contains("ada@"),
        "{followed}"
    );
    assert_eq!(forgotten, json!({"erased": 1}));
}

#[tokio::test]
async fn waiting_lead_is_requeued_by_a_replay_but_not_by_a_dry_run() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    sign_up(&deployment, &form, "ada@example.com").await;
    let memory = &deployment.memory;
    memory.drain_all().await;
    let replay = ["replay", "engines", "--status", "waiting"];

    let dry = deployment
        .json(&[&replay[..], &["--dry-run"]].concat())
        .await;
    let queued_by_dry_run = memory.queue.receive(10);
    let done = deployment.json(&replay).await;

    let leads = json!({"waiting.not_connected": 1});
    assert_eq!((&dry["dry_run"], &dry["leads"]), (&json!(true), &leads));
    assert!(queued_by_dry_run.is_empty());
    assert_eq!((&done["dry_run"], &done["leads"]), (&json!(false), &leads));
    assert_eq!(memory.queue.receive(10).len(), 1);
}

#[tokio::test]
async fn replay_over_several_pages_prints_one_total() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    for number in 0..501 {
        sign_up(&deployment, &form, &format!("p{number}@example.com")).await;
    }
    deployment.memory.drain_all().await;

    let replay = ["replay", "engines", "--status", "waiting", "--dry-run"];
    let sum = deployment.json(&replay).await;

    let leads = json!({"waiting.not_connected": 501});
    let expected = json!({"dry_run": true, "leads": leads, "exported": 0, "others": 0, "blocked": "not_connected"});
    assert_eq!(sum, expected);
}

#[tokio::test]
async fn refused_csv_download_says_nothing_about_marked_leads() {
    let deployment = Deployment::new().await;
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();

    let csv = ["csv", "nobody", "--into", into];
    let (output, succeeded) = deployment.leadfeed(&csv).await;

    assert_eq!(
        (output.as_str(), succeeded),
        ("There is no such customer.", false)
    );
}

#[tokio::test]
async fn errors_name_their_field_and_secrets_are_not_printed() {
    let deployment = Deployment::new().await;

    let (fault, succeeded) = deployment
        .leadfeed(&[
            "forms",
            "create",
            "engines",
            "--name",
            "x",
            "--consent",
            "I agree.",
        ])
        .await;
    let (app, _) = deployment
        .leadfeed(&[
            "app",
            "put",
            "--client-id",
            "id",
            "--client-secret",
            "SENTINEL",
        ])
        .await;
    let (budget, _) = deployment.leadfeed(&["budget"]).await;

    assert!(!succeeded && fault.contains("consent_statement"), "{fault}");
    assert!(
        app.contains("default") && !app.contains("SENTINEL"),
        "{app}"
    );
    assert!(budget.contains("10000"), "{budget}");
}

#[tokio::test]
async fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, succeeded) =
            crate::deployment::leadfeed("", "", &["completions", shell]).await;
        assert!(succeeded && script.contains("doctor"), "{shell}");
    }
}

#[test]
fn unknown_option_value_is_refused_listing_the_known_ones() {
    for (command, word) in [
        (&["replay", "engines", "--status", "waitng"][..], "waiting"),
        (&["leads", "list", "engines", "--status", "x"], "delivered"),
        (
            &["customers", "put", "engines", "--bulk-import", "always"],
            "when_over_budget",
        ),
    ] {
        let arguments = ["leadfeed"].iter().chain(command);
        let refused = Options::try_parse_from(arguments).unwrap_err().to_string();

        assert!(refused.contains(word), "{refused}");
    }
}
