//! One part of a file, row by row: RFC 4180, UTF-8.

use csv::{QuoteStyle, ReaderBuilder, Terminator, Writer, WriterBuilder};

use super::cells::Dialect;
use crate::domain::lead::LeadRecord;

/// Rows under the heading: with it 40,000 lines, which is what Constant Contact takes at once.
pub(super) const MAX_ROWS: u32 = 39_999;

/// Bytes; what goes beyond 4 MB, Constant Contact drops without a word.
pub(super) const MAX_BYTES: usize = 4_000_000;

/// Columns of custom fields.
const MAX_LABELS: usize = 100;

/// Shows a spreadsheet that the file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A part under way. A custom field gets its column when the first lead brings it; rows before it are filled up
/// at the end.
pub(super) struct Part {
    dialect: Dialect,
    labels: Vec<String>,
    body: Vec<u8>,
    rows: u32,
    cells: usize,
}

impl Part {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            labels: Vec::new(),
            body: Vec::new(),
            rows: 0,
            cells: 0,
        }
    }

    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// Adds a lead; says whether there was room for it. For the first there always is.
    pub(super) fn push(&mut self, record: &LeadRecord) -> Result<bool, csv::Error> {
        let custom = &record.lead.contact.custom_fields;
        let values = custom.iter().filter(|(_, value)| !value.is_empty());
        let mut labels = self.labels.clone();
        let mut cells = self.dialect.cells(record);
        let fixed = cells.len();
        for (label, value) in values {
            let known = labels
                .iter()
                .position(|known| known.eq_ignore_ascii_case(label));
            let place = known.unwrap_or_else(|| {
                labels.push(label.clone());
                labels.len() - 1
            });
            if cells.len() <= fixed + place {
                cells.resize(fixed + place + 1, String::new());
            }
            cells[fixed + place] = self.dialect.cell(value).into_owned();
        }
        let row = lines(|writer| writer.write_record(&cells))?;
        let missing = (self.rows as usize + 1) * (fixed + labels.len());
        let missing = missing.saturating_sub(self.cells + cells.len());
        let size = self.heading(&labels)?.len() + self.body.len() + row.len() + missing;
        let fits = self.rows < MAX_ROWS && size <= MAX_BYTES && labels.len() <= MAX_LABELS;
        if self.rows > 0 && !fits {
            return Ok(false);
        }
        self.cells += cells.len();
        self.labels = labels;
        self.body.extend(row);
        self.rows += 1;
        Ok(true)
    }

    /// The part as a file.
    pub(super) fn finish(self) -> Result<Vec<u8>, csv::Error> {
        let width = self.dialect.headings().len() + self.labels.len();
        let mut file = match self.dialect {
            Dialect::Upload => Vec::new(),
            Dialect::Spreadsheet => BYTE_ORDER_MARK.to_vec(),
        };
        file.extend(self.heading(&self.labels)?);
        if self.cells == self.rows as usize * width {
            file.extend(self.body);
            return Ok(file);
        }
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

    fn heading(&self, labels: &[String]) -> Result<Vec<u8>, csv::Error> {
        let custom = labels.iter().map(|label| self.dialect.heading(label));
        lines(|writer| writer.write_record(self.dialect.headings().into_iter().chain(custom)))
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
