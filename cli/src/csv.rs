//! The `csv` command: downloads leads as files.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use reqwest::header::{CONTENT_DISPOSITION, LINK};
use reqwest::{Method, Response};
use serde_json::json;
use tempfile::NamedTempFile;
use url::Url;

use crate::args::{Csv, Selection, word};
use crate::client::{ApiError, Client};
use crate::show::Printer;

/// Maximum files of one name in one folder.
const MAX_FILES_PER_NAME: u32 = 1_000;

/// A part that was saved.
struct Saved {
    to: PathBuf,
    rows: String,
    /// The query of the next part.
    next: Option<String>,
}

/// Downloads the parts one after the other. The stack marks leads before it answers, so each file is created before its
/// part is requested.
pub async fn download<W: Write>(
    client: &Client,
    wanted: &Csv,
    printer: &mut Printer<'_, W>,
) -> Result<()> {
    let mut url = first(client, wanted)?;
    loop {
        let file = NamedTempFile::new_in(&wanted.into)
            .with_context(|| format!("cannot create a file in {}", wanted.into.display()))?;
        let saved = save(client, &url, file, &wanted.into).await;
        let Saved { to, rows, next } = saved.map_err(|error| explained(error, wanted))?;
        if printer.json {
            printer.line(&json!({"file": to, "rows": rows.parse::<u32>().ok()}))?;
        } else {
            printer.say(&format!("{}  {rows} rows", to.display()))?;
        }
        match next {
            Some(next) => url.set_query(Some(&next)),
            None => return Ok(()),
        }
    }
}

/// The URL of the first part.
fn first(client: &Client, wanted: &Csv) -> Result<Url> {
    let mut url = client.at(&["customers", &wanted.customer, "leads.csv"])?;
    url.query_pairs_mut()
        .append_pair("status", &word(wanted.status))
        .append_pair("dialect", &word(wanted.dialect))
        .append_pair("look", if wanted.dry_run { "true" } else { "false" });
    if let Some(form) = &wanted.form {
        url.query_pairs_mut().append_pair("form", form);
    }
    Ok(url)
}

/// Downloads a part into a file, which gets its name once it is complete.
async fn save(client: &Client, url: &Url, mut file: NamedTempFile, into: &Path) -> Result<Saved> {
    let mut part = client.ask(Method::GET, url, None).await?;
    let name = header(&part, CONTENT_DISPOSITION.as_str())
        .and_then(|value| value.split('"').nth(1).map(str::to_owned))
        .filter(|name| !name.contains(['/', '\\']))
        .context("the stack did not name the file")?;
    let rows = header(&part, "leadfeed-rows").unwrap_or_default();
    let link = header(&part, LINK.as_str());
    let next = link.and_then(|link| {
        let (_, query) = link.split(['<', '>']).nth(1)?.split_once('?')?;
        Some(query.to_owned())
    });
    loop {
        let bytes = part.chunk().await.map_err(reqwest::Error::without_url);
        match bytes.context("the download was interrupted")? {
            Some(bytes) => file.write_all(&bytes)?,
            None => break,
        }
    }
    file.as_file().sync_all()?;
    let to = keep(file, into, &name)?;
    Ok(Saved { to, rows, next })
}

fn header(part: &Response, name: &str) -> Option<String> {
    let value = part.headers().get(name)?;
    value.to_str().ok().map(str::to_owned)
}

/// Gives a file its name, or the name with a number if that exists.
fn keep(mut file: NamedTempFile, into: &Path, name: &str) -> Result<PathBuf> {
    let stem = name.strip_suffix(".csv").unwrap_or(name);
    for number in 1..=MAX_FILES_PER_NAME {
        let to = match number {
            1 => into.join(name),
            number => into.join(format!("{stem}.{number}.csv")),
        };
        match file.persist_noclobber(&to) {
            Ok(_) => return Ok(to),
            Err(taken) if taken.error.kind() == ErrorKind::AlreadyExists => file = taken.file,
            Err(other) => {
                let why = format!("cannot create {}", to.display());
                return Err(other.error).context(why);
            }
        }
    }
    bail!("{} has too many files named {name}", into.display())
}

/// Adds to the error how to get the leads that the stack may have marked, but that are in no file.
fn explained(error: Error, wanted: &Csv) -> Error {
    let refused = error.downcast_ref::<ApiError>();
    let is_refused = refused.is_some_and(|refused| refused.status.is_client_error());
    let marks = matches!(wanted.status, Selection::Undelivered) && !wanted.dry_run;
    if is_refused || !marks {
        return error;
    }
    error.context(format!(
        "this part was not saved, but its leads may already be marked as gone out: \
         `leadfeed csv {} --status exported` downloads them again",
        wanted.customer
    ))
}
