//! Changes settings that the API replaces as a whole: what the command line does not mention stays as it is.

use std::io::Write;

use anyhow::Result;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::args::{PutApp, PutCustomer, word};
use crate::client::Client;
use crate::show::Printer;

/// Properties of a customer that are shown but are not settings.
const SHOWN: [&str; 2] = ["customer_id", "created_at"];

/// Creates a customer, or changes the given settings.
pub async fn put_customer<W: Write>(
    client: &Client,
    put: PutCustomer,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let url = client.at(&["customers", &put.id])?;
    let before = client.find(&url).await?;
    let new_brand = put.name.clone().filter(|_| before.is_none());
    let hosts = (!put.return_hosts.is_empty()).then(|| {
        let hosts = put.return_hosts.into_iter();
        hosts.filter(|host| !host.is_empty()).collect::<Vec<_>>()
    });
    let given = json!({
        "name": put.name, "brand": put.brand.or(new_brand), "app_id": put.app, "return_url": put.return_url,
        "return_hosts": hosts, "bulk_import": put.bulk_import.map(word), "retention_days": put.retention_days,
    });
    let mut settings = members(before.unwrap_or_default());
    settings.retain(|name, _| !SHOWN.contains(&name.as_str()));
    for (name, value) in members(given) {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => drop(settings.remove(&name)),
            value => drop(settings.insert(name, value)),
        }
    }
    let body = Some(Value::Object(settings));
    printer.record(&client.send(Method::PUT, &url, body).await?)
}

/// Stores an application's id and secret, and its limits if given.
pub async fn put_app<W: Write>(
    client: &Client,
    app: PutApp,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let before = client.budget(&app.id).await?;
    let limit =
        |given: Option<u32>, name: &str| given.map_or_else(|| before[name].clone(), Value::from);
    let body = json!({
        "client_id": app.client_id, "client_secret": app.client_secret.expose_secret(),
        "calls_per_second": limit(app.calls_per_second, "calls_per_second"),
        "calls_per_day": limit(app.calls_per_day, "calls_per_day"),
    });
    let url = client.at(&["apps", &app.id])?;
    printer.record(&client.send(Method::PUT, &url, Some(body)).await?)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
