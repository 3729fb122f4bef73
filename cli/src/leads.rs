use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::args::{Follow, Leads, Receipts, Replay, word};
use crate::client::{ApiError, Client};
use crate::show::{Column, Printer};

const LEADS: &[Column] = &[
    ("Lead", "/lead_id"),
    ("Received", "/received_at"),
    ("Status", "/status"),
    ("Why", "/why"),
    ("Address", "/contact/email"),
];
const CONSENT: &[Column] = &[
    ("Permission", "/permission"),
    ("Consent given", "/consent/given_at"),
    ("Page", "/consent/page_url"),
    ("Site", "/consent/origin"),
    ("Statement", "/consent/statement"),
];
const NOTES: &[Column] = &[("Field", "/field"), ("Note", "/what")];
const TIMELINE: &[Column] = &[
    ("At", "/at"),
    ("Status", "/status"),
    ("Why", "/why"),
    ("Detail", "/detail"),
];

pub async fn run<W: Write>(
    client: &Client,
    command: Leads,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    match command {
        Leads::List(list) => {
            let mut url = client.at(&["customers", &list.customer, "leads"])?;
            url.query_pairs_mut()
                .append_pair("limit", &list.limit.clamp(1, 100).to_string());
            for (name, value) in [("status", list.status.map(word)), ("since", list.since)] {
                if let Some(value) = value {
                    url.query_pairs_mut().append_pair(name, &value);
                }
            }
            let leads = client.all(&url, "leads", list.limit).await?;
            printer.table(LEADS, &leads, &leads)
        }
        Leads::Show { lead } => {
            let lead = client.get(&client.at(&["leads", &lead])?).await?;
            if printer.json {
                return printer.raw(&lead);
            }
            printer.table(LEADS, &json!([lead.clone()]), &lead)?;
            printer.lines(CONSENT, &lead)?;
            if lead["notes"] != json!([]) {
                printer.table(NOTES, &lead["notes"], &lead)?;
            }
            printer.table(TIMELINE, &lead["timeline"], &lead)
        }
        Leads::Receipt { lead } => {
            let receipt = client
                .get(&client.at(&["leads", &lead, "receipt"])?)
                .await?;
            printer.text(receipt["receipt"].as_str().unwrap_or_default(), &receipt)
        }
        Leads::Receipts(wanted) => receipts(client, &wanted, printer).await,
        Leads::Follow(wanted) => follow(client, &wanted, printer).await,
        Leads::Erase { lead, .. } => {
            let url = client.at(&["leads", &lead])?;
            let done = client.send(Method::DELETE, &url, None).await?;
            printer.text("Erased.", &done)
        }
        Leads::Forget {
            customer, email, ..
        } => {
            let url = client.at(&["customers", &customer, "erasures"])?;
            let body = Some(json!({"email": email}));
            printer.record(&client.send(Method::POST, &url, body).await?)
        }
    }
}

/// Prints a line for each lead: its receipt, or why it has none. Erased leads are skipped: there is nothing to prove.
async fn receipts<W: Write>(
    client: &Client,
    wanted: &Receipts,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let mut url = client.at(&["customers", &wanted.customer, "leads"])?;
    url.query_pairs_mut().append_pair("limit", "100");
    if let Some(since) = &wanted.since {
        url.query_pairs_mut().append_pair("since", since);
    }
    let (mut cursor, mut without) = (None, 0);
    loop {
        let page = client.page(&url, cursor.as_deref()).await?;
        for lead in page["leads"].as_array().into_iter().flatten() {
            let id = lead["lead_id"].as_str().unwrap_or_default();
            let mut line = json!({
                "lead_id": id, "received_at": lead["received_at"], "email": lead["contact"]["email"],
            });
            match client.get(&client.at(&["leads", id, "receipt"])?).await {
                Ok(answer) => line["receipt"] = answer["receipt"].clone(),
                Err(error) => match error.downcast_ref::<ApiError>() {
                    Some(gone) if gone.status == StatusCode::GONE => continue, // erased
                    Some(refused) if concerns_only_this_lead(refused.status) => {
                        line["error"] = json!(refused.to_string());
                        without += 1;
                    }
                    _ => return Err(error),
                },
            }
            printer.line(&line)?;
        }
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    match without {
        0 => Ok(()),
        without => bail!("leads without a receipt: {without}; the `error` of each says why"),
    }
}

/// Whether an error is about this lead only: its record was changed, or it is gone or too new to be found.
fn concerns_only_this_lead(status: StatusCode) -> bool {
    [StatusCode::CONFLICT, StatusCode::NOT_FOUND].contains(&status)
}

/// Prints each lead when it comes in and whenever it changed between two polls.
async fn follow<W: Write>(
    client: &Client,
    wanted: &Follow,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let mut url = client.at(&["customers", &wanted.customer, "leads"])?;
    url.query_pairs_mut().append_pair("limit", "100");
    let mut seen: HashMap<String, Value> = HashMap::new();
    for look in 0..wanted.looks {
        if look > 0 {
            tokio::time::sleep(Duration::from_secs(wanted.every)).await;
        }
        let page = client.get(&url).await?;
        let leads = page["leads"].as_array().cloned().unwrap_or_default();
        let mut now = HashMap::new();
        for lead in leads.iter().rev() {
            let id = lead["lead_id"].as_str().unwrap_or_default().to_owned();
            let state = json!([lead["status"], lead["why"]]);
            if seen.get(&id) != Some(&state) {
                print(lead, printer)?;
            }
            now.insert(id, state);
        }
        seen = now;
    }
    Ok(())
}

fn print<W: Write>(lead: &Value, printer: &mut Printer<'_, W>) -> Result<()> {
    if printer.json {
        return printer.line(lead);
    }
    let text = |name: &str| lead[name].as_str().unwrap_or_default();
    let state = [text("status"), text("why")].join(" ");
    printer.say(&format!(
        "{}  {}  {}",
        text("received_at"),
        text("lead_id"),
        state.trim()
    ))
}

/// Replays, also as a dry run, until all matching leads were covered, and prints the totals; after an error, those so
/// far.
pub async fn replay<W: Write>(
    client: &Client,
    replay: &Replay,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let url = client.at(&["customers", &replay.customer, "replays"])?;
    let mut body = json!({
        "status": replay.status.map(word), "reason": replay.reason, "since": replay.since, "until": replay.until,
        "exported": replay.exported, "dry_run": replay.dry_run,
    });
    if !replay.leads.is_empty() {
        body["lead_ids"] = json!(replay.leads);
    }
    let mut sum = None;
    let ended = loop {
        let mut answer = match client.send(Method::POST, &url, Some(body.clone())).await {
            Ok(answer) => answer,
            Err(error) => break Err(error),
        };
        let members = answer.as_object_mut();
        let cursor = members.and_then(|members| members.remove("next_cursor"));
        sum = Some(match sum {
            Some(before) => added(before, answer),
            None => answer,
        });
        match cursor {
            Some(cursor) if cursor.is_string() => body["cursor"] = cursor,
            _ => break Ok(()),
        }
    };
    if let Some(sum) = sum {
        printer.record(&sum)?;
        return ended.context("not all leads were looked at; the numbers are of those that were");
    }
    ended
}

/// Merges two answers: numbers of the same name are added up, everything else is taken from the later one.
fn added(before: Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(mut before), Value::Object(after)) => {
            for (name, after) in after {
                let sum = match before.remove(&name) {
                    Some(before) => added(before, after),
                    None => after,
                };
                before.insert(name, sum);
            }
            Value::Object(before)
        }
        (before, after) => match (before.as_u64(), after.as_u64()) {
            (Some(before), Some(after)) => json!(before + after),
            _ => after,
        },
    }
}
