//! One part of a file, row by row: RFC 4180, UTF-8.

use std::collections::HashSet;

use csv::{QuoteStyle, ReaderBuilder, Terminator, Writer, WriterBuilder};

use super::cells::Dialect;
use crate::domain::lead::LeadRecord;

/// Rows under the heading: with it 40,000 lines, which is what Constant Contact takes at once.
const MAX_ROWS: u32 = 39_999;

/// Bytes; what goes beyond 4 MB, Constant Contact drops without a word.
const MAX_BYTES: usize = 4_000_000;

/// Columns of custom fields.
const MAX_LABELS: usize = 100;

/// Shows a spreadsheet that the file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A part under way. A custom field gets its column when the first lead brings it; rows before it are filled up
/// at the end.
pub(super) struct Part {
    shape: Shape,
    body: Vec<u8>,
    /// Who is in an upload, which has one row of each address: another row would overwrite the first.
    people: HashSet<String>,
}

impl Part {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            shape: Shape {
                dialect,
                headings: Vec::new(),
                rows: 0,
                cells: 0,
                bytes: 0,
            },
            body: Vec::new(),
            people: HashSet::new(),
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.shape.rows
    }

    /// How many of these leads there surely is room for, the first ones, whichever of them are pushed. In an empty
    /// part there is room for one, whatever its size.
    pub(super) fn room_for(&self, records: &[&LeadRecord]) -> Result<usize, csv::Error> {
        let mut shape = self.shape.clone();
        for (i, record) in records.iter().enumerate() {
            shape.add(record)?;
            if shape.rows > 1 && !shape.fits()? {
                return Ok(i);
            }
        }
        Ok(records.len())
    }

    /// Adds a lead. An upload has a row of each address already that a lead before has brought.
    pub(super) fn push(&mut self, record: &LeadRecord) -> Result<(), csv::Error> {
        let upload = self.shape.dialect == Dialect::Upload;
        if upload && !self.people.insert(record.lead.contact.email.key()) {
            return Ok(());
        }
        let row = self.shape.add(record)?;
        self.body.extend(row);
        Ok(())
    }

    /// The part as a file.
    pub(super) fn finish(self) -> Result<Vec<u8>, csv::Error> {
        let mut file = self.shape.head()?;
        if self.shape.missing() == 0 {
            file.extend(self.body);
            return Ok(file);
        }
        let width = self.shape.width();
        let mut rows = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(self.body.as_slice());
        let mut writer = writer(file);
        for row in rows.byte_records() {
            let mut row = row?;
            while row.len() < width {
                row.push_field(b"");
            }
            writer.write_byte_record(&row)?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}

/// The columns of a part, and how much is in it.
#[derive(Clone)]
struct Shape {
    dialect: Dialect,
    /// Those of custom fields.
    headings: Vec<String>,
    rows: u32,
    cells: usize,
    bytes: usize,
}

impl Shape {
    /// Counts a lead's row in and gives it.
    fn add(&mut self, record: &LeadRecord) -> Result<Vec<u8>, csv::Error> {
        let mut cells = self.dialect.cells(record);
        let fixed = cells.len();
        let custom = record.lead.contact.custom_fields.iter();
        for (label, value) in custom.filter(|(_, value)| !value.is_empty()) {
            let place = fixed + self.column(label);
            if cells.len() <= place {
                cells.resize(place + 1, String::new());
            }
            put(&mut cells[place], self.dialect.cell(value));
        }
        let row = lines(|writer| writer.write_record(&cells))?;
        self.rows += 1;
        self.cells += cells.len();
        self.bytes += row.len();
        Ok(row)
    }

    /// The column of a custom field among those of custom fields. Labels are told apart as Constant Contact does,
    /// where case plays no part.
    fn column(&mut self, label: &str) -> usize {
        let heading = self.dialect.heading(label);
        let mut known = self.headings.iter();
        let place = known.position(|known| known.eq_ignore_ascii_case(&heading));
        place.unwrap_or_else(|| {
            self.headings.push(heading);
            self.headings.len() - 1
        })
    }

    fn width(&self) -> usize {
        self.dialect.headings().count() + self.headings.len()
    }

    /// Cells that rows lack which were there before a column was.
    fn missing(&self) -> usize {
        self.rows as usize * self.width() - self.cells
    }

    fn fits(&self) -> Result<bool, csv::Error> {
        let size = self.head()?.len() + self.bytes + self.missing(); // a comma for each
        Ok(self.rows <= MAX_ROWS && size <= MAX_BYTES && self.headings.len() <= MAX_LABELS)
    }

    /// What comes before the rows.
    fn head(&self) -> Result<Vec<u8>, csv::Error> {
        let custom = self.headings.iter().map(String::as_str);
        let headings = self.dialect.headings().map(|ours| -> &str { ours });
        let headings = headings.chain(custom);
        let line = lines(|writer| writer.write_record(headings))?;
        Ok(match self.dialect {
            Dialect::Upload => line,
            Dialect::Spreadsheet => [BYTE_ORDER_MARK, line.as_slice()].concat(),
        })
    }
}

/// Puts a value into a cell, beside another one as several choices of one field are.
fn put(cell: &mut String, value: String) {
    if cell.is_empty() {
        *cell = value;
    } else if *cell != value {
        cell.push_str("; ");
        cell.push_str(&value);
    }
}

fn lines(
    write: impl FnOnce(&mut Writer<Vec<u8>>) -> Result<(), csv::Error>,
) -> Result<Vec<u8>, csv::Error> {
    let mut writer = writer(Vec::new());
    write(&mut writer)?;
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

fn writer(onto: Vec<u8>) -> Writer<Vec<u8>> {
    WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .flexible(true)
        .from_writer(onto)
}
