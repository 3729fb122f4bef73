//! The demo: a customer connects, leads arrive.

use anyhow::Result;
use reqwest::Method;
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
    /// Creates the customer and the form, and connects the account as a person would.
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
            // All leads of a file come from this one machine.
            "rate_limits": {"per_minute": 60_000, "per_minute_and_origin": 60_000, "per_day": 1_000_000},
        });
        let form = operator.add_form(CUSTOMER, &form).await?;
        let link = operator.connect_link(CUSTOMER).await?;
        customer::connect(&link, None).await?;
        step.done();
        let path = format!("/v1/customers/{CUSTOMER}/connection");
        let connection = operator.call_ok(Method::GET, &path, None).await?;
        progress.print(&format!(
            "\n  Analytical Engines is connected to the account {} and its list {}.",
            connection["account"]["name"], connection["lists"][0]["name"],
        ));
        Ok(Self { operator, form })
    }

    /// Sends these leads, or the built-in ones, and prints the outcome of each. True if all were settled.
    pub async fn run(
        &self,
        stack: &Stack,
        custom_rows: Option<Vec<Row>>,
        progress: &Progress,
    ) -> Result<bool> {
        let built_in = custom_rows.is_none();
        let rows = match custom_rows {
            Some(rows) => rows,
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
                outcome.summary()
            ));
            if built_in {
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

    /// What the user can try next.
    pub async fn next_steps(&self, stack: &Stack) -> Result<String> {
        let (url, token) = (stack.url(), stack.admin_token());
        let hosted = text(&self.form, "hosted_url")?;
        let submit = text(&self.form, "submit_url")?;
        let link = self.operator.connect_link(CUSTOMER).await?;
        let path = format!("/v1/customers/{CUSTOMER}/manage-links");
        let page = self.operator.call_ok(Method::POST, &path, None).await?;
        let (page, sandbox) = (text(&page, "url")?, stack.sandbox().url());
        let endpoint = stack.aws().endpoint();
        Ok(format!(
            "The stack is up. Open in a browser:\n\n\
             \x20 watch contacts arrive          {sandbox}\n\
             \x20 fill in the customer's form    {hosted}\n\
             \x20 connect as the customer        {link}\n\
             \x20 see the customer's own page    {page}\n\n\
             Send a lead as a script would:\n\n\
             \x20 curl {submit} -H 'content-type: application/json' \
             -d '{{\"email\":\"mary@example.com\",\"consent\":{{\"given\":true}}}}'\n\n\
             Ask the operator's API what became of it:\n\n\
             \x20 curl {url}/v1/customers/{CUSTOMER}/leads -H 'authorization: Bearer {token}'\n\n\
             Read what the functions logged:\n\n\
             \x20 AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={REGION} AWS_ACCESS_KEY_ID={ROOT_KEY} \
             AWS_SECRET_ACCESS_KEY={ROOT_KEY} cargo run -- tool sam logs --stack-name {STACK}\n\n\
             Ctrl-C stops everything."
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
