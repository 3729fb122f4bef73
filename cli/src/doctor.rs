//! The `doctor` command: checks a deployment in the order of a lead's way, and names the first problem at each step.

mod customer;
mod stack;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use crate::args::Stack;
use crate::client::{Client, http};
use crate::show::{Column, Printer};

/// The result of one step.
pub struct Finding {
    /// A stable code for the result; `ok` if nothing is wrong.
    pub code: &'static str,
    /// The step.
    pub step: &'static str,
    /// What is wrong and what to do.
    pub advice: String,
}

const FINDINGS: &[Column] = &[
    ("Step", "/step"),
    ("Found", "/found"),
    ("What to do", "/advice"),
];

impl Finding {
    pub fn good(step: &'static str) -> Self {
        Self::of(step, "ok", "")
    }

    pub fn of(step: &'static str, code: &'static str, advice: impl Into<String>) -> Self {
        Self {
            code,
            step,
            advice: advice.into(),
        }
    }

    fn is_good(&self) -> bool {
        self.code == "ok"
    }

    fn shown(&self) -> Value {
        json!({"step": self.step, "found": self.code, "advice": self.advice})
    }
}

/// Checks the stack, then what a customer needs. A step that others depend on ends the checks if it fails.
///
/// # Errors
/// If nothing can be printed or no client can be made.
pub async fn run<W: Write>(
    at: &Stack,
    customer: Option<&str>,
    printer: &mut Printer<'_, W>,
) -> Result<ExitCode> {
    let mut findings = Vec::new();
    check(at, customer, &mut findings).await?;
    let shown = Value::Array(findings.iter().map(Finding::shown).collect());
    printer.table(FINDINGS, &shown, &shown)?;
    Ok(if findings.iter().all(Finding::is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn check(at: &Stack, customer: Option<&str>, findings: &mut Vec<Finding>) -> Result<()> {
    let http = http()?;
    let address = stack::address(&http, &at.url).await;
    let reached = address.is_good();
    findings.push(address);
    if !reached {
        return Ok(());
    }
    if at.token.is_none() {
        let advice =
            "Set LEADFEED_TOKEN to what the output AdminTokenCommand prints when you run it.";
        findings.push(Finding::of("admin token", "token_missing", advice));
        return Ok(());
    }
    let client = Client::of(at)?;
    match stack::health(&http, at).await {
        Ok(checks) => findings.extend(checks),
        Err(finding) => {
            findings.push(finding);
            return Ok(());
        }
    }
    findings.push(stack::public_address(&http, &at.url).await);
    let Some(customer) = customer else {
        return Ok(());
    };
    let is_set = findings.iter().all(|found| found.code != "app_not_set");
    findings.extend(customer::check(&http, &client, customer, is_set).await);
    Ok(())
}
