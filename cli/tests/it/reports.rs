//! Reports on many customers, days or leads at once.

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use leadfeed_cli::Stdin;
use leadfeed_shared::domain::tally::TallyChanges;
use leadfeed_shared::ports::Tallies as _;
use serde_json::{Value, json};

use crate::commands::{create_form, sign_up};
use crate::deployment::{Deployment, TOKEN, run_with_stdin};
use crate::doctor::connect;

async fn deployment_with_looms() -> Deployment {
    let deployment = Deployment::new().await;
    let put = ["customers", "put", "looms", "--name", "Looms"];
    assert!(deployment.leadfeed(&put).await.1);
    deployment
}

/// Adds this number of leads of a customer to the tally of a day in November.
async fn count(deployment: &Deployment, customer: &str, day: i8, label: &str, number: usize) {
    let mut changes = TallyChanges::default();
    for _ in 0..number {
        changes.count(date(2026, 11, day), None, Some(label.into()));
    }
    let customer = customer.parse().unwrap();
    let directory = &deployment.memory.directory;
    let written = directory.tally(&customer, &changes, Timestamp::UNIX_EPOCH);
    written.await.unwrap();
}

#[tokio::test]
async fn customers_are_listed_with_and_filtered_by_their_connection_status() {
    let deployment = deployment_with_looms().await;
    connect(&deployment, |_| {}).await;
    let ids = async |filter: &[&str]| {
        let listed = deployment
            .json(&[&["customers", "list"], filter].concat())
            .await;
        let ids = listed.as_array().unwrap().iter();
        ids.map(|customer| customer["customer_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let (table, _) = deployment.leadfeed(&["customers", "list"]).await;

    let line = |id: &str| table.lines().find(|line| line.contains(id)).unwrap();
    assert!(line("engines").contains("active"), "{table}");
    assert!(line("looms").contains("not_connected"), "{table}");
    assert_eq!(ids(&[]).await, ["engines", "looms"]);
    assert_eq!(ids(&["--status", "active"]).await, ["engines"]);
    assert_eq!(ids(&["--blocked"]).await, ["looms"]);
    assert_eq!(ids(&["--status", "active", "--blocked"]).await, [""; 0]);
}

#[tokio::test]
async fn leads_of_one_customer_are_counted_by_day() {
    let deployment = deployment_with_looms().await;
    count(&deployment, "engines", 22, "delivered", 2).await;
    count(&deployment, "engines", 23, "refused.suppressed", 3).await;

    let (table, _) = deployment.leadfeed(&["counts", "engines"]).await;
    let span = ["--since", "2026-11-23", "--until", "2026-11-23"];
    let counts = [&["counts", "engines", "--csv"][..], &span].concat();
    let (csv, _) = deployment.leadfeed(&counts).await;
    let (far, succeeded) = deployment
        .leadfeed(&["counts", "engines", "--since", "2020-01-01"])
        .await;

    let row = |name: &str| -> Vec<&str> {
        let mut lines = table.lines().map(|line| line.split_whitespace().collect());
        lines
            .find(|row: &Vec<_>| row.first() == Some(&name))
            .unwrap()
    };
    assert_eq!(
        row("2026-11-22"),
        ["2026-11-22", "2", "2", "0", "0", "0", "0", "0"]
    );
    assert_eq!(row("all"), ["all", "5", "2", "0", "3", "0", "0", "0"]);
    assert_eq!(row("refused.suppressed"), ["refused.suppressed", "3"]);
    assert_eq!(
        csv,
        "day,submitted,delivered,waiting,refused,quarantined,exported,erased\n2026-11-23,3,0,0,3,0,0,0\n"
    );
    assert!(!succeeded && far.contains("91 days before"), "{far}");
}

#[tokio::test]
async fn leads_of_all_customers_are_counted_and_summed() {
    let deployment = deployment_with_looms().await;
    count(&deployment, "engines", 23, "delivered", 2).await;
    count(&deployment, "looms", 23, "waiting.no_list", 1).await;

    let (table, _) = deployment.leadfeed(&["counts"]).await;
    let (csv, _) = deployment.leadfeed(&["counts", "--csv"]).await;
    let answers = deployment.json(&["counts", "--since", "2026-11-23"]).await;

    let last = table
        .lines()
        .find(|line| line.trim_start().starts_with("all"));
    let last: Vec<_> = last.unwrap().split_whitespace().collect();
    assert_eq!(last, ["all", "3", "2", "1", "0", "0", "0", "0"]);
    let rows: Vec<_> = csv.lines().skip(1).collect();
    assert_eq!(rows, ["engines,2,2,0,0,0,0,0", "looms,1,0,1,0,0,0,0"]);
    let looms = &answers[1];
    assert_eq!(
        (&looms["customer_id"], &looms["since"]),
        (&json!("looms"), &json!("2026-11-23"))
    );
    assert_eq!(looms["days"][0]["reasons"], json!({"waiting.no_list": 1}));
}

#[tokio::test]
async fn person_is_found_by_an_address_given_as_argument_or_on_stdin() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let lead = sign_up(&deployment, &form, "ada@example.com").await;
    let find = ["people", "find", "engines"];
    let given = [&find[..], &["ada@example.com"]].concat();
    let piped = async |line: &str| {
        let stdin = Stdin {
            lines: &mut line.as_bytes(),
            is_terminal: false,
        };
        run_with_stdin(stdin, &deployment.url, TOKEN, &find).await
    };

    let (shown, _) = deployment.leadfeed(&given).await;
    let from_stdin = piped("ada@example.com\r\n").await;
    let (nobody, _) = piped("eve@example.com").await;
    let (nothing, succeeded) = piped("\n").await;
    let found = deployment.json(&given).await;

    assert!(shown.contains(&lead) && shown.contains("Analytical Engines may mail me."));
    assert!(shown.contains("2026-11-23T12:00:00Z"), "{shown}");
    assert_eq!(from_stdin, (shown, true));
    assert_eq!(nobody, "Leads of this address: 0. It is not suppressed.\n");
    assert!(!succeeded && nothing.contains("no address"), "{nothing}");
    assert_eq!(found["leads"][0]["lead_id"], json!(lead));
    assert_eq!(found["suppressed"], false);
}

#[tokio::test]
async fn all_leads_of_a_person_are_found_across_pages() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    for _ in 0..45 {
        sign_up(&deployment, &form, "ada@example.com").await;
        deployment
            .memory
            .clock
            .advance(SignedDuration::from_mins(2));
    }

    let found = deployment
        .json(&["people", "find", "engines", "ada@example.com"])
        .await;

    assert_eq!(found["leads"].as_array().unwrap().len(), 45);
}

#[tokio::test]
async fn receipts_of_all_leads_except_erased_ones_are_printed() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    let mut leads = Vec::new();
    for number in 0..103 {
        let email = format!("p{number}@example.com");
        leads.push(sign_up(&deployment, &form, &email).await);
        deployment
            .memory
            .clock
            .advance(SignedDuration::from_mins(1));
    }
    let erased = leads.remove(7);
    let erase = ["leads", "erase", &erased, "--yes"];
    assert!(deployment.leadfeed(&erase).await.1);
    let receipts = ["leads", "receipts", "engines"];

    let (all, succeeded) = deployment.leadfeed(&receipts).await;
    let since = [&receipts[..], &["--since", "2026-11-23T13:42:00Z"]].concat();
    let (newest, _) = deployment.leadfeed(&since).await;

    let lines: Vec<Value> = all
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    leads.reverse();
    let ids = lines.iter().map(|line| line["lead_id"].as_str().unwrap());
    assert!(succeeded && ids.eq(leads.iter().map(String::as_str)));
    assert_eq!(lines[0]["email"], "p102@example.com");
    for line in &lines {
        let receipt = line["receipt"].as_str().unwrap();
        assert_eq!(receipt.split('.').count(), 3, "{line}");
    }
    assert_eq!(newest.lines().count(), 1, "{newest}");
    assert!(newest.contains(&leads[0]), "{newest}");
}

#[tokio::test]
async fn lead_with_a_tampered_record_is_reported_and_other_receipts_are_printed() {
    let deployment = Deployment::new().await;
    let form = create_form(&deployment).await;
    sign_up(&deployment, &form, "ada@example.com").await;
    let ledger = &deployment.memory.ledger;
    ledger.tamper(|record| record.lead.consent.statement = "Anybody may mail me.".into());
    deployment
        .memory
        .clock
        .advance(SignedDuration::from_mins(1));
    sign_up(&deployment, &form, "eve@example.com").await;

    let receipts = ["leads", "receipts", "engines"];
    let (output, succeeded) = deployment.leadfeed(&receipts).await;

    let lines: Vec<_> = output.lines().collect();
    assert!(!succeeded && lines.len() == 3, "{output}");
    assert!(lines[0].contains("\"receipt\":"), "{output}");
    assert!(
        lines[1].contains("was changed after it was sealed"),
        "{output}"
    );
    assert!(lines[2].contains("leads without a receipt: 1"), "{output}");
}

#[tokio::test]
async fn health_lists_every_lost_connection() {
    use leadfeed_shared::domain::connection::{ConnectionStatus, LimitedReason};
    let deployment = Deployment::new().await;
    let reason = LimitedReason::AppDeactivated;
    connect(&deployment, |row| {
        row.status = ConnectionStatus::Limited { reason }
    })
    .await;

    let (table, _) = deployment.leadfeed(&["health"]).await;
    let health = deployment.json(&["health"]).await;

    assert!(table.contains("app_deactivated"), "{table}");
    assert_eq!(health["lost_connections"][0]["customer_id"], "engines");
}
