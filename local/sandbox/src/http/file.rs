//! `POST /activities/contacts_file_import`: the same rows, as a CSV file in a multipart form.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use futures::stream;
use serde_json::{Map, Value};

use crate::contract::{self, Bounded, ContactRow, Id, JsonImport};
use crate::world::Refusal;

/// Maximum lines of a file, including the heading.
const MAX_LINES: usize = 40_000;

pub async fn read(headers: &HeaderMap, body: Bytes, cut: usize) -> Result<JsonImport, Refusal> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let boundary = content_type.and_then(|text| multer::parse_boundary(text).ok());
    let boundary = boundary.ok_or(Refusal::UnsupportedMediaType)?;
    let whole = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(whole, boundary);
    let malformed = |_| Refusal::Invalid("The multipart form in the request is malformed.".into());
    let (mut lists, mut file) = (None, None);
    while let Some(part) = form.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let is_csv = part.file_name().is_some_and(|file| file.ends_with(".csv"));
        match name.as_str() {
            "list_ids" => lists = Some(part.text().await.map_err(malformed)?),
            "file" if !is_csv => return Err(Refusal::UnsupportedMediaType),
            "file" => file = Some(part.bytes().await.map_err(malformed)?),
            "sms_permission_to_send" => {}
            other => return Err(Refusal::Invalid(format!("unknown field `{other}`"))),
        }
    }
    let lists = lists.ok_or_else(|| Refusal::Invalid("list_ids is missing".into()))?;
    let ids = lists.split(',').map(|id| id.trim().parse::<Id>());
    let ids = ids.collect::<Result<Vec<_>, _>>();
    let list_ids = ids
        .and_then(Bounded::parse)
        .map_err(|contract::Violation(why)| Refusal::Invalid(format!("list_ids: {why}")))?;
    let file = file.ok_or_else(|| Refusal::Invalid("file is missing".into()))?;
    let rows = rows(&file[..file.len().min(cut)], file.len() > cut)?;
    Ok(JsonImport { rows, list_ids })
}

/// Turns each line into a row of the JSON import; an incomplete last line is dropped.
fn rows(file: &[u8], was_cut: bool) -> Result<Vec<ContactRow>, Refusal> {
    let unreadable = |_| Refusal::Invalid("The file is not a readable CSV file.".into());
    let mut reader = csv::ReaderBuilder::new()
        .flexible(was_cut)
        .from_reader(file);
    let headings = reader.headers().map_err(unreadable)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let filled = headings
            .iter()
            .zip(&record)
            .filter(|(_, value)| !value.is_empty());
        let row = filled.map(|(name, value)| (name.to_owned(), typed(name, value)));
        let row = Value::Object(row.collect::<Map<_, _>>());
        rows.push(contract::parse(row.to_string().as_bytes())?);
    }
    if was_cut {
        rows.pop();
    }
    match rows.len() {
        1..MAX_LINES => Ok(rows),
        _ => Err(Refusal::Invalid(format!(
            "The file must have 2 to {MAX_LINES} lines."
        ))),
    }
}

fn typed(name: &str, value: &str) -> Value {
    match (name, value.parse::<i64>()) {
        ("birthday_month" | "birthday_day", Ok(number)) => number.into(),
        _ => value.into(),
    }
}
