//! The `people` commands: what is held about a person.

use std::io::Write;

use anyhow::{Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Stdin;
use crate::args::People;
use crate::client::Client;
use crate::show::{Column, Printer};

const LEAD: &[Column] = &[
    ("Lead", "/lead_id"),
    ("Form", "/form_id"),
    ("Received", "/received_at"),
    ("Status", "/status"),
    ("Why", "/why"),
    ("Permission", "/permission"),
    ("Agreed to", "/consent/statement"),
    ("At", "/consent/given_at"),
    ("On page", "/consent/page_url"),
    ("Of site", "/consent/origin"),
    ("From", "/consent/ip"),
    ("With", "/consent/user_agent"),
];

pub async fn run<W: Write>(
    client: &Client,
    command: People,
    stdin: Stdin<'_>,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let People::Find { customer, email } = command;
    let url = client.at(&["customers", &customer, "people"])?;
    let email = match email {
        Some(email) => email,
        None => typed(stdin)?,
    };
    let (mut request, mut leads) = (json!({"email": email}), Vec::new());
    let suppressed = loop {
        let page = client
            .send(Method::POST, &url, Some(request.clone()))
            .await?;
        leads.extend(page["leads"].as_array().cloned().unwrap_or_default());
        match page["next_cursor"].as_str() {
            Some(cursor) => request["cursor"] = json!(cursor),
            None => break page["suppressed"].clone(),
        }
    };
    if printer.json {
        return printer.raw(&json!({"suppressed": suppressed, "leads": leads}));
    }
    show(&leads, suppressed == true, printer)
}

/// Reads the address that was typed or piped in.
fn typed(stdin: Stdin<'_>) -> Result<String> {
    if stdin.is_terminal {
        eprint!("Address: ");
    }
    let mut line = String::new();
    stdin.lines.read_line(&mut line)?;
    match line.trim() {
        "" => bail!("no address: pass it as an argument, or on standard input"),
        email => Ok(email.to_owned()),
    }
}

fn show<W: Write>(leads: &[Value], suppressed: bool, printer: &mut Printer<'_, W>) -> Result<()> {
    let listed = if suppressed { "is" } else { "is not" };
    printer.say(&format!(
        "Leads of this address: {}. It {listed} suppressed.",
        leads.len()
    ))?;
    for lead in leads {
        printer.say("")?;
        printer.lines(LEAD, lead)?;
    }
    Ok(())
}
