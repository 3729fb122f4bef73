//! One part of an exported CSV file, row by row: RFC 4180, UTF-8.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::iter::repeat_n;
use std::mem;

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};
use jiff::Timestamp;

use super::cells::{Dialect, OTHERS};
use super::export::Names;
use crate::domain::contact::Contact;
use crate::domain::lead::LeadRecord;

/// The most rows, which with the heading make 40,000 lines: as many as Constant Contact accepts at once.
const MAX_ROWS: u32 = 39_999;

/// The most bytes; Constant Contact silently drops what lies beyond 4 MB.
const MAX_BYTES: usize = 4_000_000;

/// The most columns of custom fields. Anybody may send a form fields with any label, and those must not end a part.
const MAX_LABELS: usize = 100;

/// Tells a spreadsheet that the file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The end of a line.
const END: &[u8] = b"\r\n";

/// A part under way. A custom field gets its column when the first lead brings it; earlier rows are filled up at the
/// end.
pub(super) struct Part {
    shape: Shape,
    rows: Vec<Row>,
    /// Who is in an upload, which has one row per address: a second one would contradict the first.
    people: HashMap<String, Person>,
    /// How many leads say more than their rows.
    cut: u32,
}

/// A person in an upload.
struct Person {
    /// The index of their row.
    row: usize,
    /// When the newest of their leads came in.
    newest: Timestamp,
    /// What their leads say together, as JSON: a file has tens of thousands of people, few of whom come twice.
    contact_json: Vec<u8>,
}

/// A lead's line, and how many cells it has.
struct Row {
    line: Vec<u8>,
    cells: usize,
}

impl Part {
    pub(super) fn new(dialect: Dialect, forms: Names) -> Self {
        Self {
            shape: Shape {
                dialect,
                forms,
                headings: Vec::new(),
                rows: 0,
                cells: 0,
                bytes: 0,
            },
            rows: Vec::new(),
            people: HashMap::new(),
            cut: 0,
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.shape.rows
    }

    pub(super) fn cut(&self) -> u32 {
        self.cut
    }

    /// How many of these leads, the first ones, certainly have room, whichever of them are pushed. An empty part has
    /// room for one, whatever its size.
    pub(super) fn room_for(&self, records: &[&LeadRecord]) -> Result<usize, csv::Error> {
        let mut shape = self.shape.clone();
        for (i, record) in records.iter().enumerate() {
            shape.add(&shape.dialect.contact(record).0, record)?;
            if shape.rows > 1 && !shape.fits()? {
                return Ok(i);
            }
        }
        Ok(records.len())
    }

    /// Adds a lead. In an upload it joins the row of its address, which has the newest value of everything, including
    /// what only an older lead said: ids are in the order of their leads only to the hour.
    pub(super) fn push(&mut self, record: &LeadRecord) -> Result<(), csv::Error> {
        let (contact, is_cut) = self.shape.dialect.contact(record);
        self.cut += u32::from(is_cut);
        if self.shape.dialect == Dialect::Spreadsheet {
            self.rows.push(self.shape.add(&contact, record)?);
            return Ok(());
        }
        let at = record.lead.received_at;
        match self.people.entry(contact.email.key()) {
            Entry::Vacant(new) => {
                new.insert(Person {
                    row: self.rows.len(),
                    newest: at,
                    contact_json: serde_json::to_vec(&contact).map_err(io::Error::from)?,
                });
                self.rows.push(self.shape.add(&contact, record)?);
            }
            Entry::Occupied(mut known) => {
                let person = known.get_mut();
                let combined = person.add(contact.into_owned(), at)?;
                let row = self.shape.add(&combined, record)?;
                self.shape
                    .take_out(&mem::replace(&mut self.rows[person.row], row));
            }
        }
        Ok(())
    }

    /// The finished file.
    pub(super) fn finish(self) -> Result<Vec<u8>, csv::Error> {
        let mut file = self.shape.head()?;
        let width = self.shape.width();
        for row in self.rows {
            let cells = row.line.strip_suffix(END).unwrap_or(&row.line);
            file.extend_from_slice(cells);
            file.extend(repeat_n(b',', width - row.cells));
            file.extend_from_slice(END);
        }
        Ok(file)
    }
}

impl Person {
    /// Adds what another lead says, which came in at `at`; returns what all of them say.
    fn add(&mut self, contact: Contact, at: Timestamp) -> Result<Contact, io::Error> {
        let known: Contact = serde_json::from_slice(&self.contact_json)?;
        let combined = if at > self.newest {
            contact.merged_over(known)
        } else {
            known.merged_over(contact)
        };
        self.contact_json = serde_json::to_vec(&combined)?;
        self.newest = self.newest.max(at);
        Ok(combined)
    }
}

/// The columns of a part, and how much it contains.
#[derive(Clone)]
struct Shape {
    dialect: Dialect,
    forms: Names,
    /// The headings of custom fields.
    headings: Vec<String>,
    rows: u32,
    cells: usize,
    bytes: usize,
}

impl Shape {
    /// Makes a lead's row and adds it to the totals.
    fn add(&mut self, contact: &Contact, record: &LeadRecord) -> Result<Row, csv::Error> {
        let mut cells = self.dialect.cells(contact, record, &self.forms);
        let fixed = cells.len();
        let custom = contact.custom_fields.iter();
        for (label, value) in custom.filter(|(_, value)| !value.is_empty()) {
            let (column, is_own) = self.column(label);
            let place = fixed + column;
            if cells.len() <= place {
                cells.resize(place + 1, String::new());
            }
            if is_own {
                put(&mut cells[place], self.dialect.value(value));
                self.dialect.fit(&mut cells[place]);
            } else {
                let named = format!("{label}: {value}");
                put(&mut cells[place], self.dialect.value(&named));
            }
        }
        let row = Row {
            line: line(|writer| writer.write_record(&cells))?,
            cells: cells.len(),
        };
        self.rows += 1;
        self.cells += row.cells;
        self.bytes += row.line.len();
        Ok(row)
    }

    /// Subtracts a row from the totals. The columns that it brought stay.
    fn take_out(&mut self, row: &Row) {
        self.rows -= 1;
        self.cells -= row.cells;
        self.bytes -= row.line.len();
    }

    /// The column of a custom field among those of custom fields, and whether it is the field's own. Labels are
    /// compared as Constant Contact does, ignoring case.
    fn column(&mut self, label: &str) -> (usize, bool) {
        let heading = self.dialect.heading(label);
        let mut own = self.headings.iter().take(MAX_LABELS);
        if let Some(place) = own.position(|known| known.eq_ignore_ascii_case(&heading)) {
            return (place, true);
        }
        let is_own = self.headings.len() < MAX_LABELS;
        if self.headings.len() <= MAX_LABELS {
            let heading = if is_own { heading } else { OTHERS.to_owned() };
            self.headings.push(heading);
        }
        (self.headings.len() - 1, is_own)
    }

    fn width(&self) -> usize {
        self.dialect.headings().count() + self.headings.len()
    }

    /// How many cells are missing from rows that were added before their columns.
    fn missing(&self) -> usize {
        self.rows as usize * self.width() - self.cells
    }

    fn fits(&self) -> Result<bool, csv::Error> {
        let size = self.head()?.len() + self.bytes + self.missing(); // a comma for each
        Ok(self.rows <= MAX_ROWS && size <= MAX_BYTES)
    }

    /// The part of the file before the rows.
    fn head(&self) -> Result<Vec<u8>, csv::Error> {
        let custom = self.headings.iter().map(String::as_str);
        let headings = self.dialect.headings().map(|ours| -> &str { ours });
        let headings = headings.chain(custom);
        let line = line(|writer| writer.write_record(headings))?;
        Ok(match self.dialect {
            Dialect::Upload => line,
            Dialect::Spreadsheet => [BYTE_ORDER_MARK, line.as_slice()].concat(),
        })
    }
}

/// Puts a value into a cell, after an existing one like several choices of one field.
fn put(cell: &mut String, value: String) {
    if cell.is_empty() {
        *cell = value;
    } else if *cell != value {
        cell.push_str("; ");
        cell.push_str(&value);
    }
}

fn line(
    write: impl FnOnce(&mut Writer<Vec<u8>>) -> Result<(), csv::Error>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    write(&mut writer)?;
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}
