use std::io::Write;

use anyhow::{Context, Result};
use clap::ValueEnum as _;
use reqwest::header::{CONTENT_DISPOSITION, LINK};
use reqwest::{Method, Response};
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use url::form_urlencoded::Serializer;

use crate::args::Csv;
use crate::client::Client;
use crate::show::Printer;

/// Downloads every part, each as it comes.
pub async fn download<W: Write>(
    client: &Client,
    wanted: &Csv,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let word = |value: Option<clap::builder::PossibleValue>| {
        value
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    };
    let query = Serializer::new(String::new())
        .append_pair("status", &word(wanted.status.to_possible_value()))
        .append_pair("dialect", &word(wanted.dialect.to_possible_value()))
        .append_pair("look", if wanted.look { "true" } else { "false" })
        .finish();
    let mut path = format!("/v1/customers/{}/leads.csv?{query}", wanted.customer);
    loop {
        let mut part = client.ask(Method::GET, &path, None).await?;
        let header = |part: &Response, name| {
            let value = part
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let name = header(&part, CONTENT_DISPOSITION.as_str())
            .and_then(|value| value.split('"').nth(1).map(str::to_owned))
            .filter(|name| !name.contains(['/', '\\']))
            .context("the stack did not name the file")?;
        let rows = header(&part, "leadfeed-rows").unwrap_or_default();
        let next = header(&part, LINK.as_str());
        let to = wanted.into.join(&name);
        let mut file = File::create_new(&to)
            .await
            .with_context(|| format!("{} cannot be made", to.display()))?;
        while let Some(bytes) = part.chunk().await? {
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        if printer.json {
            printer.line(&json!({"file": to, "rows": rows.parse::<u32>().ok()}))?;
        } else {
            printer.say(&format!("{}  {rows} rows", to.display()))?;
        }
        match next
            .as_deref()
            .and_then(|link| link.split(['<', '>']).nth(1))
        {
            Some(target) => target.clone_into(&mut path),
            None => return Ok(()),
        }
    }
}
