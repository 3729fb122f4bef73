//! Reads leads from a file: `.csv` with a header becomes form posts, `.jsonl` becomes JSON.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One row, ready to be sent.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its line in the file.
    pub line: u64,
    /// Its name in the table of outcomes.
    pub email: String,
    /// The request's body.
    pub body: Body,
}

/// How a row is sent.
#[derive(Debug, Clone)]
pub enum Body {
    /// As an HTML form would.
    Form(String),
    /// As a script would.
    Json(String),
}

impl Body {
    /// Its media type and text.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Form(text) => ("application/x-www-form-urlencoded", text),
            Self::Json(text) => ("application/json", text),
        }
    }
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let rows = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => from_csv(&text),
        Some("jsonl") => Ok(from_jsonl(&text)),
        _ => bail!("{} is neither .csv nor .jsonl", path.display()),
    };
    rows.with_context(|| format!("cannot read {}", path.display()))
}

/// Columns become form fields named by the header; empty cells are left out.
pub fn from_csv(text: &str) -> Result<Vec<Row>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(
            header
                .iter()
                .zip(&record)
                .filter(|(_, cell)| !cell.is_empty()),
        );
        let email = header
            .iter()
            .position(|name| name == "email")
            .and_then(|column| record.get(column));
        let line = record.position().map_or(0, csv::Position::line);
        rows.push(Row {
            line,
            email: email.unwrap_or_default().to_owned(),
            body: Body::Form(form.finish()),
        });
    }
    Ok(rows)
}

/// Each line is sent as it is, even if it is not JSON: answering that is the stack's job.
pub fn from_jsonl(text: &str) -> Vec<Row> {
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    let email = |line: &str| {
        let lead: Value = serde_json::from_str(line).ok()?;
        Some(lead["email"].as_str()?.to_owned())
    };
    lines
        .map(|(line, number)| Row {
            line: number,
            email: email(line).unwrap_or_default(),
            body: Body::Json(line.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_row_becomes_a_form_post_of_its_non_empty_cells() {
        let rows = from_csv(
            "\u{feff}email, first_name,consent\na@example.com,\"A, B\",yes\nb@example.com,,\n",
        )
        .unwrap();

        assert_eq!(rows.len(), 2);
        assert_eq!(
            rows[0].body.parts().1,
            "email=a%40example.com&first_name=A%2C+B&consent=yes"
        );
        assert_eq!((rows[1].line, rows[1].email.as_str()), (3, "b@example.com"));
        assert_eq!(rows[1].body.parts().1, "email=b%40example.com");
    }

    #[test]
    fn line_that_is_not_json_is_sent_unchanged() {
        let rows = from_jsonl("{\"email\":\"a@example.com\"}\n\nnot json\n");

        assert_eq!(rows[0].email, "a@example.com");
        assert_eq!(
            (rows[1].line, rows[1].body.parts()),
            (3, ("application/json", "not json"))
        );
    }
}
