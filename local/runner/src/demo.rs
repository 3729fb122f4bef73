//! The main job before the user's eyes: a customer connects, leads arrive.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::aws::{REGION, ROOT_KEY};
use crate::customer;
use crate::leads::{self, Row};
use crate::operator::{Operator, text};
use crate::progress::Progress;
use crate::sam::STACK;
use crate::sending::{Outcome, send};
use crate::stack::Stack;

const CUSTOMER: &str = "demo";
const FORM_LEADS: &str = include_str!("../leads/forms.csv");
const JSON_LEADS: &str = include_str!("../leads/scripts.jsonl");

/// A connected customer with a form.
#[derive(Debug)]
pub struct Demo {
    operator: Operator,
    form: Value,
}

impl Demo {
    /// Makes the customer and the form, and connects the account as a person would.
    pub async fn prepare(stack: &Stack, progress: &Progress) -> Result<Self> {
        let operator = Operator::of(stack)?;
        let step = progress.step("making a customer and a form, and connecting an account");
        operator
            .add_customer(CUSTOMER, "Analytical Engines")
            .await?;
        let statement =
            "Yes, Analytical Engines may mail me its news. I can unsubscribe at any time.";
        let form = json!({
            "name": "Newsletter",
            "consent_statement": statement,
            // A whole file of leads comes from this one machine.
            "rate_limits": {"per_minute": 60_000, "per_minute_and_origin": 60_000},
        });
        let form = operator.add_form(CUSTOMER, &form).await?;
        let link = operator.connect_link(CUSTOMER).await?;
        customer::connect(&link).await?;
        step.done();
        Ok(Self { operator, form })
    }

    /// Sends the leads of a file, or the built-in ones, and says what became of each. True where each was settled.
    pub async fn run(
        &self,
        stack: &Stack,
        file: Option<&Path>,
        progress: &Progress,
    ) -> Result<bool> {
        let rows = match file {
            Some(file) => leads::read(file)?,
            None => [leads::from_csv(FORM_LEADS)?, leads::from_jsonl(JSON_LEADS)].concat(),
        };
        let before = stack.sandbox().contacts();
        let outcomes = send(
            &self.operator,
            &text(&self.form, "submit_url")?,
            &rows,
            progress,
        )
        .await?;
        let width = rows
            .iter()
            .map(|row| row.email.chars().count())
            .max()
            .unwrap_or_default();
        progress.print("");
        for (row, outcome) in rows.iter().zip(&outcomes) {
            let line = row.line;
            progress.print(&format!(
                "  {line:>5}  {:width$}  {}",
                row.email,
                outcome.words()
            ));
            if file.is_none() {
                timeline(outcome)
                    .iter()
                    .for_each(|entry| progress.print(&format!("         {entry}")));
            }
        }
        let arrived = stack.sandbox().contacts() - before;
        progress.print(&format!(
            "\n{}; the sandbox holds {arrived} new contacts",
            summary(&rows, &outcomes)
        ));
        Ok(outcomes.iter().all(Outcome::is_settled))
    }

    /// What a person may do next.
    pub async fn what_to_click(&self, stack: &Stack) -> Result<String> {
        let (url, token) = (stack.url(), stack.admin_token());
        let hosted = text(&self.form, "hosted_url")?;
        let submit = text(&self.form, "submit_url")?;
        let link = self.operator.connect_link(CUSTOMER).await?;
        Ok(format!(
            "The stack is up. Open or run:\n\n\
             \x20 the connect page (works once)   {link}\n\
             \x20 the hosted form                 {hosted}\n\
             \x20 contacts arriving               {}\n\n\
             \x20 curl {submit} -d email=mary@example.com -d consent=yes -H 'accept: application/json'\n\
             \x20 curl {url}/v1/customers/{CUSTOMER}/leads -H 'authorization: Bearer {token}'\n\n\
             And their logs, with AWS_ENDPOINT_URL={} AWS_DEFAULT_REGION={REGION} \
             AWS_ACCESS_KEY_ID={ROOT_KEY} AWS_SECRET_ACCESS_KEY={ROOT_KEY}:\n\
             \x20 cargo run -- tool sam logs --stack-name {STACK}\n\n\
             Ctrl-C stops everything.",
            stack.sandbox().url(),
            stack.aws().endpoint(),
        ))
    }
}

fn timeline(outcome: &Outcome) -> Vec<String> {
    let Outcome::Lead(lead) = outcome else {
        return Vec::new();
    };
    let entries = lead["timeline"].as_array().into_iter().flatten();
    entries
        .filter_map(|entry| {
            Some(format!(
                "{}  {}",
                entry["at"].as_str()?,
                entry["status"].as_str()?
            ))
        })
        .collect()
}

fn summary(rows: &[Row], outcomes: &[Outcome]) -> String {
    let delivered = outcomes
        .iter()
        .filter(|outcome| outcome.is_delivered())
        .count();
    let unsettled = outcomes
        .iter()
        .filter(|outcome| !outcome.is_settled())
        .count();
    let refused = rows.len() - delivered - unsettled;
    let sum = format!("{delivered} delivered, {refused} refused with a reason");
    if unsettled == 0 {
        sum
    } else {
        format!("{sum}, {unsettled} NOT DELIVERED")
    }
}
