//! Prints tables and JSON.

use std::io::Write;

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A heading and the path of its value.
pub type Column = (&'static str, &'static str);

pub struct Printer<'o, W> {
    pub out: &'o mut W,
    pub json: bool,
}

impl<W: Write> Printer<'_, W> {
    /// Rows as a table, or the whole answer as JSON.
    pub fn table(&mut self, columns: &[Column], rows: &Value, whole: &Value) -> Result<()> {
        if self.json {
            return self.raw(whole);
        }
        let mut table = Table::new();
        table
            .load_preset(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(columns.iter().map(|(heading, _)| *heading));
        for row in rows.as_array().into_iter().flatten() {
            table.add_row(columns.iter().map(|(_, at)| text(row.pointer(at))));
        }
        writeln!(self.out, "{table}")?;
        Ok(())
    }

    /// One record, with a line for each of its properties.
    pub fn record(&mut self, value: &Value) -> Result<()> {
        if self.json {
            return self.raw(value);
        }
        let members = value.as_object().into_iter().flatten();
        let members: Vec<_> = members.collect();
        let width = members.iter().map(|(name, _)| name.len()).max();
        for (name, value) in members {
            writeln!(
                self.out,
                "{name:width$}  {}",
                text(Some(value)),
                width = width.unwrap_or_default()
            )?;
        }
        Ok(())
    }

    /// One record, with a line for each of these properties that it has.
    pub fn lines(&mut self, columns: &[Column], row: &Value) -> Result<()> {
        let width = columns.iter().map(|(name, _)| name.len()).max();
        let width = width.unwrap_or_default();
        for (name, at) in columns {
            let value = text(row.pointer(at));
            if !value.is_empty() {
                writeln!(self.out, "{name:width$}  {value}")?;
            }
        }
        Ok(())
    }

    /// The part of an answer that people need, or the whole answer as JSON.
    pub fn text(&mut self, words: &str, whole: &Value) -> Result<()> {
        if self.json {
            return self.raw(whole);
        }
        self.say(words)
    }

    /// A line for people.
    pub fn say(&mut self, words: &str) -> Result<()> {
        writeln!(self.out, "{words}")?;
        Ok(())
    }

    /// JSON on one line, for a stream.
    pub fn line(&mut self, value: &Value) -> Result<()> {
        writeln!(self.out, "{value}")?;
        Ok(())
    }

    pub fn raw(&mut self, value: &Value) -> Result<()> {
        writeln!(self.out, "{value:#}")?;
        Ok(())
    }
}

/// A value as readable text, without control characters, so that none of a name reaches the terminal.
fn text(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => String::new(),
        Some(other) => other.to_string(),
    };
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
