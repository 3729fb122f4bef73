//! Posts rows to a form and follows each lead to its end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::leads::Row;
use crate::operator::{Operator, text};
use crate::progress::Progress;

const CONCURRENCY: usize = 4;
const POLL_EVERY: Duration = Duration::from_millis(250);
const FINAL_STATUSES: [&str; 4] = ["delivered", "refused", "quarantined", "erased"];
/// How long nothing may change before the rest is reported as it is.
const STALL_TIMEOUT: Duration = Duration::from_secs(90);

/// The outcome of a row.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It was accepted as this lead.
    Lead(Value),
    /// It was refused with a reason.
    Rejected {
        /// The stable code.
        code: String,
        /// Field and code of each fault.
        faults: Vec<String>,
    },
    /// Something broke.
    Failed(String),
}

impl Outcome {
    /// Whether a row ended as it should: delivered, or refused with a reason.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Lead(lead) => lead["status"] == "delivered" || lead["status"] == "refused",
            Self::Rejected { .. } => true,
            Self::Failed(_) => false,
        }
    }

    /// Whether it is a contact now.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Lead(lead) if lead["status"] == "delivered")
    }

    /// The outcome in a word or two.
    pub fn summary(&self) -> String {
        match self {
            Self::Lead(lead) => {
                let details = ["why", "detail", "action", "contact_id"]
                    .iter()
                    .filter_map(|name| lead[*name].as_str());
                let summary: Vec<&str> =
                    lead["status"].as_str().into_iter().chain(details).collect();
                summary.join("  ")
            }
            Self::Rejected { code, faults } => format!("refused  {code}  {}", faults.join(", ")),
            Self::Failed(why) => format!("FAILED  {why}"),
        }
    }
}

/// Sends all rows to `submit_url` and waits for their outcomes, returned in the order of the rows.
pub async fn send(
    operator: &Operator,
    submit_url: &str,
    rows: &[Row],
    progress: &Progress,
) -> Result<Vec<Outcome>> {
    let client = Client::builder().no_proxy().build()?;
    let step = progress.count("sending the leads in", rows.len());
    let sent = stream::iter(rows)
        .map(|row| submit(&client, submit_url, row))
        .buffered(CONCURRENCY);
    let sent: Vec<Sent> = sent
        .enumerate()
        .inspect(|(index, _)| step.at(index + 1))
        .map(|(_, sent)| sent)
        .try_collect()
        .await?;
    step.done();
    let step = progress.count("following them to their ends", rows.len());
    let mut outcomes = Vec::with_capacity(sent.len());
    let mut last_change = Instant::now();
    for sent in sent {
        let outcome = match sent {
            Sent::Accepted(id) => follow(operator, &id, &mut last_change).await?,
            Sent::NotAccepted(outcome) => outcome,
        };
        outcomes.push(outcome);
        step.at(outcomes.len());
    }
    step.done();
    Ok(outcomes)
}

enum Sent {
    Accepted(String),
    NotAccepted(Outcome),
}

async fn submit(client: &Client, url: &str, row: &Row) -> Result<Sent> {
    let (kind, body) = row.body.parts();
    let request = client
        .post(url)
        .header("content-type", kind)
        .header("accept", "application/json");
    let answer = request.body(body.to_owned()).send().await?;
    let status = answer.status();
    let body: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
    Ok(match status {
        StatusCode::ACCEPTED => Sent::Accepted(text(&body, "lead_id")?),
        status if status.is_client_error() => Sent::NotAccepted(rejected(&body)),
        status => Sent::NotAccepted(Outcome::Failed(format!("the form answered {status}"))),
    })
}

fn rejected(problem: &Value) -> Outcome {
    let fault = |fault: &Value| {
        Some(format!(
            "{}: {}",
            fault["field"].as_str()?,
            fault["code"].as_str()?
        ))
    };
    Outcome::Rejected {
        code: problem["code"]
            .as_str()
            .unwrap_or("without a code")
            .to_owned(),
        faults: problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(fault)
            .collect(),
    }
}

/// Polls the lead until it has come to an end, or nothing has changed for long.
async fn follow(operator: &Operator, id: &str, last_change: &mut Instant) -> Result<Outcome> {
    let mut seen: Option<Value> = None;
    loop {
        let lead = operator
            .lead(id)
            .await
            .context("a lead that was taken in cannot be shown")?;
        let status = lead["status"].clone();
        let ended = FINAL_STATUSES.iter().any(|end| status == **end);
        if ended || seen.as_ref().is_some_and(|seen| *seen != status) {
            *last_change = Instant::now();
        }
        seen = Some(status);
        if ended || last_change.elapsed() > STALL_TIMEOUT {
            return Ok(Outcome::Lead(lead));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}
