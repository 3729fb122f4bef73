use leadfeed_shared::domain::consent::Origin;
use leadfeed_shared::domain::submission::Submission;
use serde_json::{Value, json};

use crate::deployment::Deployment;

async fn form(deployment: &Deployment) -> String {
    let made = deployment
        .json(&[
            "forms",
            "create",
            "engines",
            "--name",
            "News",
            "--consent",
            "Analytical Engines may mail me.",
        ])
        .await;
    made["form_id"].as_str().unwrap().to_owned()
}

async fn sign_up(deployment: &Deployment, form: &str, email: &str) -> String {
    let intake = deployment.memory.intake();
    let form = intake.open_form(form).await.unwrap();
    let fields = [
        ("email", email),
        ("first_name", "Ada\u{1b}[31m"),
        ("consent", "yes"),
    ];
    let fields = Submission::from_pairs(fields).unwrap();
    let accepted = intake.accept(&form, fields, &Origin::default()).await;
    accepted.unwrap().lead.to_string()
}

#[tokio::test]
async fn customers_and_forms_come_and_go() {
    let deployment = Deployment::new().await;

    let (made, _) = deployment
        .leadfeed(&["customers", "put", "looms", "--name", "Looms"])
        .await;
    let (listed, _) = deployment.leadfeed(&["customers", "list"]).await;
    let form = form(&deployment).await;
    let (forms, _) = deployment.leadfeed(&["forms", "list", "engines"]).await;
    let (snippet, _) = deployment.leadfeed(&["forms", "snippet", &form]).await;
    let closed = deployment.json(&["forms", "close", &form]).await;
    let (link, _) = deployment.leadfeed(&["links", "manage", "engines"]).await;
    let (removed, _) = deployment.leadfeed(&["customers", "remove", "looms"]).await;
    let (missing, succeeded) = deployment.leadfeed(&["customers", "show", "looms"]).await;

    assert!(made.contains("brand") && made.contains("Looms"), "{made}");
    assert!(
        listed.contains("engines") && listed.contains("Looms"),
        "{listed}"
    );
    assert!(forms.contains(&form) && forms.contains("yes"), "{forms}");
    assert!(snippet.starts_with("<form action="), "{snippet}");
    assert_eq!(closed["open"], false);
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
async fn leads_are_shown_followed_replayed_and_forgotten() {
    let deployment = Deployment::new().await;
    let form = form(&deployment).await;
    let lead = sign_up(&deployment, &form, "ada@example.com").await;

    let (listed, _) = deployment.leadfeed(&["leads", "list", "engines"]).await;
    let (shown, _) = deployment.leadfeed(&["leads", "show", &lead]).await;
    let (followed, _) = deployment
        .leadfeed(&["leads", "follow", "engines", "--every", "0", "--looks", "3"])
        .await;
    let dry = deployment
        .json(&["replay", "engines", "--status", "waiting", "--dry-run"])
        .await;
    let forgotten = deployment
        .json(&["leads", "forget", "engines", "ada@example.com"])
        .await;

    assert!(
        listed.contains("queued") && listed.contains("ada@example.com"),
        "{listed}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert_eq!(
        followed.lines().count(),
        1,
        "once while nothing changes: {followed}"
    );
    assert!(
        followed.contains(&lead) && !followed.contains("ada@"),
        "{followed}"
    );
    assert_eq!((&dry["dry_run"], &dry["leads"]), (&json!(true), &json!({})));
    assert_eq!(forgotten, json!({"erased": 1}));
}

#[tokio::test]
async fn a_file_is_saved_under_its_name_and_never_over_another() {
    let deployment = Deployment::new().await;
    let form = form(&deployment).await;
    sign_up(&deployment, &form, "ada@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let csv = ["csv", "engines", "--status", "all", "--into", into];

    let saved: Value = deployment.json(&csv).await;
    let (again, succeeded) = deployment.leadfeed(&csv).await;

    assert_eq!(saved["rows"], 1);
    let file = std::fs::read_to_string(saved["file"].as_str().unwrap()).unwrap();
    assert!(file.starts_with("Email Address,") && file.contains("ada@example.com"));
    assert!(!succeeded && again.contains("cannot be made"), "{again}");
}

#[tokio::test]
async fn faults_are_told_by_field_and_secrets_by_nobody() {
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
async fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (script, succeeded) =
            crate::deployment::leadfeed("", "", &["completions", shell]).await;
        assert!(succeeded && script.contains("doctor"), "{shell}");
    }
}
