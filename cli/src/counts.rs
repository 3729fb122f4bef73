//! The `counts` command: how many leads there are in each state.

use std::io::Write;

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::args::Counts;
use crate::client::Client;
use crate::show::{Column, Printer};

const NUMBERS: &[Column] = &[
    ("Submitted", "/submitted"),
    ("Delivered", "/delivered"),
    ("Waiting", "/waiting"),
    ("Refused", "/refused"),
    ("Quarantined", "/quarantined"),
    ("Exported", "/exported"),
    ("Erased", "/erased"),
];
const DAY: Column = ("Day", "/day");
const CUSTOMER: Column = ("Customer", "/customer_id");
const REASONS: &[Column] = &[("Reason", "/reason"), ("Leads", "/leads")];

pub async fn run<W: Write>(
    client: &Client,
    wanted: &Counts,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    match &wanted.customer {
        Some(customer) => of_one(client, customer, wanted, printer).await,
        None => of_all(client, wanted, printer).await,
    }
}

async fn of_one<W: Write>(
    client: &Client,
    customer: &str,
    wanted: &Counts,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let span = [wanted.since.as_deref(), wanted.until.as_deref()];
    let counts = ask(client, customer, span).await?;
    let mut days = counts["days"].as_array().cloned().unwrap_or_default();
    if printer.json || wanted.csv {
        return print(DAY, days, &counts, wanted, printer);
    }
    let mut total = counts["total"].clone();
    total["day"] = json!("all");
    days.push(total);
    print(DAY, days, &counts, wanted, printer)?;
    let reasons = counts["total"]["reasons"].as_object().into_iter().flatten();
    let reasons = reasons.map(|(reason, leads)| json!({"reason": reason, "leads": leads}));
    let reasons: Value = reasons.collect();
    if reasons
        .as_array()
        .is_some_and(|reasons| !reasons.is_empty())
    {
        printer.table(REASONS, &reasons, &counts)?;
    }
    Ok(())
}

/// Reads one customer after the other, all for the days of the first answer.
async fn of_all<W: Write>(
    client: &Client,
    wanted: &Counts,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let mut span = [wanted.since.clone(), wanted.until.clone()];
    let (mut answers, mut rows) = (Vec::new(), Vec::new());
    for customer in client.customers().await?.as_array().into_iter().flatten() {
        let customer = customer["customer_id"].as_str().unwrap_or_default();
        let counts = ask(client, customer, span.each_ref().map(Option::as_deref)).await?;
        span = ["since", "until"].map(|end| counts[end].as_str().map(str::to_owned));
        let mut row = counts["total"].clone();
        row["customer_id"] = json!(customer);
        rows.push(row);
        answers.push(counts);
    }
    if !printer.json && !wanted.csv {
        rows.push(sum(&rows));
    }
    print(CUSTOMER, rows, &Value::Array(answers), wanted, printer)
}

async fn ask(client: &Client, customer: &str, span: [Option<&str>; 2]) -> Result<Value> {
    let mut url = client.at(&["customers", customer, "counts"])?;
    for (name, day) in ["since", "until"].into_iter().zip(span) {
        if let Some(day) = day {
            url.query_pairs_mut().append_pair(name, day);
        }
    }
    client.get(&url).await
}

/// Adds all rows up into one.
fn sum(rows: &[Value]) -> Value {
    let mut all = Map::from_iter([("customer_id".to_owned(), json!("all"))]);
    for (_, at) in NUMBERS {
        let numbers = rows.iter().filter_map(|row| row.pointer(at)?.as_i64());
        let name = at.trim_start_matches('/').to_owned();
        all.insert(name, json!(numbers.sum::<i64>()));
    }
    Value::Object(all)
}

/// Prints rows of numbers, with what they count. Neither a day nor an ID needs quotes in CSV.
fn print<W: Write>(
    of: Column,
    rows: Vec<Value>,
    whole: &Value,
    wanted: &Counts,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let columns = [&[of], NUMBERS].concat();
    if printer.json || !wanted.csv {
        return printer.table(&columns, &Value::Array(rows), whole);
    }
    let names = columns.iter().map(|(_, at)| at.trim_start_matches('/'));
    printer.say(&names.collect::<Vec<_>>().join(","))?;
    for row in rows {
        let cell = |(_, at): &Column| match row.pointer(at) {
            Some(Value::String(text)) => text.clone(),
            other => other.map(Value::to_string).unwrap_or_default(),
        };
        printer.say(&columns.iter().map(cell).collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}
