//! The operator's command-line tool: what the admin API can do, as commands with tables or JSON.

mod args;
mod client;
mod confirm;
mod counts;
mod csv;
mod doctor;
mod leads;
mod people;
mod settings;
mod show;

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory as _;
use reqwest::Method;
use serde_json::{Map, Value, json};

pub use args::Options;
use args::{App, Command, Connection, Customers, Forms, Links, ListCustomers, Suppressions, word};
use client::Client;
use show::{Column, Printer};

const CUSTOMERS: &[Column] = &[
    ("Customer", "/customer_id"),
    ("Name", "/name"),
    ("Brand", "/brand"),
    ("Application", "/app_id"),
    ("Connection", "/connection/status"),
    ("Why", "/connection/reason"),
    ("Leads wait for", "/connection/blocked"),
    ("Created", "/created_at"),
];
const FORMS: &[Column] = &[
    ("Form", "/form_id"),
    ("Name", "/name"),
    ("Open", "/open"),
    ("Consent statement", "/consent_statement"),
];
const SUPPRESSIONS: &[Column] = &[("Person", "/suppression_id"), ("Since", "/since")];
const BUDGET: &[Column] = &[
    ("Application", "/app_id"),
    ("Per second", "/calls_per_second"),
    ("Per day", "/calls_per_day"),
    ("Today", "/calls_today"),
    ("Left", "/calls_left_today"),
    ("Closed until", "/closed_until"),
    ("Resets at", "/resets_at"),
];
const CHECKS: &[Column] = &[("Check", "/name"), ("OK", "/ok"), ("What to do", "/detail")];
const LOST: &[Column] = &[
    ("Customer", "/customer_id"),
    ("Connection", "/status"),
    ("Why", "/reason"),
    ("Since", "/since"),
];

/// The standard input.
pub struct Stdin<'i> {
    pub lines: &'i mut dyn BufRead,
    /// Whether it is a terminal, so that somebody can be asked.
    pub is_terminal: bool,
}

/// Runs one command and prints to `out`. At a terminal, asks before anything that cannot be undone.
///
/// # Errors
/// If the API refused, or could not be reached.
pub async fn run(options: Options, mut stdin: Stdin<'_>, out: &mut impl Write) -> Result<ExitCode> {
    confirm::ask(&options.command, &mut stdin)?;
    let mut printer = Printer {
        out,
        json: options.json,
    };
    let client = Client::of(&options.stack);
    match options.command {
        Command::Customers(command) => customers(&client?, command, &mut printer).await?,
        Command::Connection(command) => connection(&client?, command, &mut printer).await?,
        Command::Forms(command) => forms(&client?, command, &mut printer).await?,
        Command::Links(command) => links(&client?, command, &mut printer).await?,
        Command::Leads(command) => leads::run(&client?, command, &mut printer).await?,
        Command::People(command) => people::run(&client?, command, stdin, &mut printer).await?,
        Command::Suppressions(command) => suppressions(&client?, command, &mut printer).await?,
        Command::Replay(replay) => leads::replay(&client?, &replay, &mut printer).await?,
        Command::Csv(wanted) => csv::download(&client?, &wanted, &mut printer).await?,
        Command::Counts(wanted) => counts::run(&client?, &wanted, &mut printer).await?,
        Command::App(App::Put(app)) => settings::put_app(&client?, app, &mut printer).await?,
        Command::Budget { app } => {
            let budget = client?.budget(&app).await?;
            printer.table(BUDGET, &json!([budget.clone()]), &budget)?;
        }
        Command::Health => {
            let client = client?;
            let health = client.get(&client.at(&["health"])?).await?;
            printer.table(CHECKS, &health["checks"], &health)?;
            let lost = &health["lost_connections"];
            if !printer.json && lost.as_array().is_some_and(|lost| !lost.is_empty()) {
                printer.table(LOST, lost, &health)?;
            }
            if health["status"] != "ok" {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Doctor { customer } => {
            return doctor::run(&options.stack, customer.as_deref(), &mut printer).await;
        }
        Command::Completions { shell } => {
            let mut command = Options::command();
            clap_complete::generate(shell, &mut command, "leadfeed", printer.out);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn customers<W: Write>(
    client: &Client,
    command: Customers,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    match command {
        Customers::List(wanted) => {
            let mut all = client.customers().await?;
            if let Some(all) = all.as_array_mut() {
                all.retain(|customer| is_wanted(customer, &wanted));
            }
            printer.table(CUSTOMERS, &all, &all)
        }
        Customers::Show { id } => {
            printer.record(&client.get(&client.at(&["customers", &id])?).await?)
        }
        Customers::Put(put) => settings::put_customer(client, put, printer).await,
        Customers::Remove { id, .. } => {
            let url = client.at(&["customers", &id])?;
            let done = client.send(Method::DELETE, &url, None).await?;
            printer.text("Removed.", &done)
        }
    }
}

fn is_wanted(customer: &Value, wanted: &ListCustomers) -> bool {
    let connection = &customer["connection"];
    wanted
        .status
        .is_none_or(|status| connection["status"] == word(status))
        && (!wanted.blocked || !connection["blocked"].is_null())
}

async fn connection<W: Write>(
    client: &Client,
    command: Connection,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    match command {
        Connection::Show { customer } => {
            let url = client.at(&["customers", &customer, "connection"])?;
            printer.record(&client.get(&url).await?)
        }
        Connection::End { customer, .. } => {
            let url = client.at(&["customers", &customer, "connection"])?;
            let done = client.send(Method::DELETE, &url, None).await?;
            printer.text("Disconnected.", &done)
        }
    }
}

async fn forms<W: Write>(
    client: &Client,
    command: Forms,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let at = |form: &str| client.at(&["forms", form]);
    match command {
        Forms::List { customer } => {
            let forms = client
                .get(&client.at(&["customers", &customer, "forms"])?)
                .await?;
            printer.table(FORMS, &forms["forms"], &forms)
        }
        Forms::Show { form } => printer.record(&client.get(&at(&form)?).await?),
        Forms::Snippet { form, fetch } => {
            let form = client.get(&at(&form)?).await?;
            let snippet = if fetch {
                "snippet_fetch"
            } else {
                "snippet_html"
            };
            if form["signed_only"] == true {
                bail!(
                    "this form accepts only signed webhooks, so there is nothing to paste into a page"
                );
            }
            printer.text(form[snippet].as_str().unwrap_or_default(), &form)
        }
        Forms::Create(create) => {
            let mut body = json!({
                "name": create.name, "consent_statement": create.consent,
                "list_ids": create.lists, "allowed_origins": create.origins, "return_url": create.return_url,
            });
            // An older stack does not know these properties.
            if create.signed_only {
                body["signed_only"] = true.into();
            }
            if let Some(url) = create.privacy_url {
                body["privacy_url"] = url.into();
            }
            let made = client.at(&["customers", &create.customer, "forms"])?;
            printer.record(&client.send(Method::POST, &made, Some(body)).await?)
        }
        Forms::Patch { form, file } => {
            let change = object(&file).await?;
            printer.record(&client.change(&at(&form)?, change).await?)
        }
        Forms::Rotate { form } => {
            let rotate = client.at(&["forms", &form, "webhook-rotations"])?;
            printer.record(&client.send(Method::POST, &rotate, None).await?)
        }
        Forms::Open { form } => {
            let body = Some(json!({"open": true}));
            printer.record(&client.send(Method::PATCH, &at(&form)?, body).await?)
        }
        Forms::Close { form } => {
            let body = Some(json!({"open": false}));
            printer.record(&client.send(Method::PATCH, &at(&form)?, body).await?)
        }
        Forms::Remove { form, .. } => {
            let done = client.send(Method::DELETE, &at(&form)?, None).await?;
            printer.text("Removed.", &done)
        }
    }
}

async fn suppressions<W: Write>(
    client: &Client,
    command: Suppressions,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    match command {
        Suppressions::List { customer } => {
            let url = client.at(&["customers", &customer, "suppressions"])?;
            let all = client.all(&url, "suppressions", usize::MAX).await?;
            printer.table(SUPPRESSIONS, &all, &all)
        }
        Suppressions::Add { customer, email } => {
            let url = client.at(&["customers", &customer, "suppressions"])?;
            let body = Some(json!({"email": email}));
            printer.record(&client.send(Method::POST, &url, body).await?)
        }
        Suppressions::Remove { customer, email } => {
            let url = client.at(&["customers", &customer, "suppression-removals"])?;
            let body = Some(json!({"email": email}));
            let done = client.send(Method::POST, &url, body).await?;
            printer.text("Removed.", &done)
        }
    }
}

async fn links<W: Write>(
    client: &Client,
    command: Links,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let (customer, kind) = match command {
        Links::Connect { customer } => (customer, "connect-links"),
        Links::Manage { customer } => (customer, "manage-links"),
        Links::Revoke { customer } => {
            let url = client.at(&["customers", &customer, "manage-links"])?;
            let done = client.send(Method::DELETE, &url, None).await?;
            return printer.text("Revoked.", &done);
        }
    };
    let url = client.at(&["customers", &customer, kind])?;
    let link = client.send(Method::POST, &url, None).await?;
    printer.text(link["url"].as_str().unwrap_or_default(), &link)
}

/// Reads a JSON object from a file.
async fn object(file: &Path) -> Result<Value> {
    let text = tokio::fs::read_to_string(file).await;
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

/// An object without its `null`s.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.collect::<Map<_, _>>())
        }
        value => value,
    }
}
