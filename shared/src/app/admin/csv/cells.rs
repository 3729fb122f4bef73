//! Headings and cells of exported CSV files.

use std::borrow::Cow;

use jiff::Timestamp;

use super::super::descriptions;
use super::export::Names;
use crate::domain::contact::{Contact, cut, is_phone};
use crate::domain::lead::{LeadRecord, LeadState, MAX_CUSTOM_CHARS, in_two_lines};

/// The column for values that have no column of their own.
pub(super) const OTHERS: &str = "Other fields";

/// The most characters of a custom field's label at Constant Contact.
const MAX_LABEL: usize = 50;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Constant Contact's upload: its headings, and values as people gave them, as far as it accepts them.
    Upload,
    /// A spreadsheet: no cell can be taken for a formula, and it says what became of each lead.
    Spreadsheet,
}

impl Dialect {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Upload, Self::Spreadsheet];

    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Spreadsheet => "spreadsheet",
        }
    }

    /// Headings with which every file of this dialect begins.
    pub(super) fn headings(self) -> impl Iterator<Item = &'static str> {
        let (second_line, about_lead): (&[_], &[_]) = match self {
            Self::Upload => (&SECOND_LINE, &[]),
            Self::Spreadsheet => (&[], &LEAD_HEADINGS),
        };
        let (person, place) = STANDARD.split_at(FIRST_LINE + 1);
        [person, second_line, place, about_lead]
            .into_iter()
            .flatten()
            .copied()
    }

    /// A heading for a custom field, which is never empty and must not look like one of ours, even without leading
    /// signs.
    pub(super) fn heading(self, label: &str) -> String {
        let mut label = self.name(label);
        self.shorten(&mut label, MAX_LABEL);
        let mut ours = self.headings().chain([OTHERS]);
        if label.is_empty() || ours.any(|heading| heading.eq_ignore_ascii_case(&label)) {
            return format!("{label} (custom)").trim_start().to_owned();
        }
        label
    }

    /// What a file says about a lead's person, and whether that is less than the lead does.
    pub(super) fn contact(self, record: &LeadRecord) -> (Cow<'_, Contact>, bool) {
        match self {
            Self::Upload => {
                let (filed, notes) = record.lead.contact.for_file();
                (Cow::Owned(filed), !notes.is_empty())
            }
            Self::Spreadsheet => (Cow::Borrowed(&record.lead.contact), false),
        }
    }

    /// The cells under [`headings`](Self::headings).
    pub(super) fn cells(
        self,
        contact: &Contact,
        record: &LeadRecord,
        forms: &Names,
    ) -> Vec<String> {
        let address = &contact.street_address;
        let (street, second_line) = match self {
            Self::Upload => in_two_lines(&address.street),
            Self::Spreadsheet => (address.street.as_str(), ""),
        };
        let mut cells = vec![
            self.cell(contact.email.as_str()),
            self.name(&contact.first_name),
            self.name(&contact.last_name),
            self.name(&contact.job_title),
            self.name(&contact.company_name),
            self.cell(&contact.phone_number),
            self.name(street),
            self.name(&address.city),
            self.name(&address.state),
            self.value(&address.postal_code),
            self.name(&address.country),
        ];
        match self {
            Self::Upload => cells.insert(FIRST_LINE + 1, self.name(second_line)),
            Self::Spreadsheet => {
                cells.extend(lead_cells(record, forms).map(|cell| self.cell(&cell)))
            }
        }
        cells
    }

    /// A value as it is, made harmless for a spreadsheet: at its beginning, and wherever a spreadsheet with another
    /// separator would see a cell begin.
    pub(super) fn cell(self, text: &str) -> String {
        if self == Self::Upload {
            return text.to_owned();
        }
        let mut cell = String::with_capacity(text.len() + 1);
        for piece in text.split_inclusive(SEPARATORS) {
            if is_formula(piece) {
                cell.push('\'');
            }
            cell.push_str(piece);
        }
        cell
    }

    /// A value that may begin with a plus or a minus if it is a figure.
    pub(super) fn value(self, text: &str) -> String {
        if is_figure(text) {
            self.cell(text)
        } else {
            self.name(text)
        }
    }

    /// Cuts a custom field's cell, into which one or several leads put values, to what Constant Contact stores.
    pub(super) fn fit(self, cell: &mut String) {
        self.shorten(cell, MAX_CUSTOM_CHARS);
    }

    fn shorten(self, text: &mut String, limit: usize) {
        if self == Self::Upload {
            text.truncate(cut(text, limit).len());
        }
    }

    /// The upload may end up in other people's mails and spreadsheets, and no name begins like a formula.
    fn name(self, text: &str) -> String {
        match self {
            Self::Spreadsheet => self.cell(text),
            Self::Upload if is_formula(text) => text.trim_start_matches(is_sign).to_owned(),
            Self::Upload => text.to_owned(),
        }
    }
}

/// The headings of Constant Contact's upload page.
static STANDARD: [&str; 11] = [
    "Email Address",
    "First Name",
    "Last Name",
    "Job Title",
    "Company",
    "Phone Number - Home",
    "Home Address Line 1",
    "City",
    "State / Province",
    "Zip / Postal Code",
    "Country",
];

/// The index of the street among them.
const FIRST_LINE: usize = 6;

/// An additional heading of the upload page.
static SECOND_LINE: [&str; 1] = ["Home Address Line 2"];

/// What a spreadsheet says about each lead.
static LEAD_HEADINGS: [&str; 7] = [
    "Signed up on",
    "Signed up at (UTC)",
    "Status",
    "Reason",
    "Form",
    "Permission",
    "Notes",
];

/// What separates cells, depending on the settings of whoever opens the file, and lines.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\r', '\n'];

/// Whether a spreadsheet could take the text for a formula: by its first sign, in either width, even behind spaces or
/// quotes.
pub(super) fn is_formula(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n'])
        || text
            .trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Whether a text is a number or a date, or begins with one, and calls no function or program.
fn is_figure(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-', '＋', '－']).unwrap_or(text);
    let begins = bare.starts_with(|c: char| c.is_ascii_digit());
    is_phone(text) || begins && !bare.contains(['(', '|', '!', '=', '@'])
}

fn is_sign(c: char) -> bool {
    "=+-@＝＋－＠\"'".contains(c) || c.is_whitespace()
}

/// The cells under [`LEAD_HEADINGS`].
fn lead_cells(record: &LeadRecord, forms: &Names) -> [String; 7] {
    let (at, form) = (record.lead.received_at, &record.lead.form);
    let exported = record.exported_at.is_some();
    let status = match &record.state {
        state @ LeadState::Delivered { .. } => descriptions::status(state),
        _ if exported => "Exported",
        state => descriptions::status(state),
    };
    let name = forms.get(form).cloned();
    [
        day(at),
        second(at),
        status.to_owned(),
        reason(&record.state),
        name.unwrap_or_else(|| form.to_string()),
        descriptions::permission(&record.state)
            .unwrap_or_default()
            .to_owned(),
        descriptions::notes(record.notes()).join("; "),
    ]
}

/// Why a lead does not go out, with Constant Contact's own words if there are any.
fn reason(state: &LeadState) -> String {
    let reason = descriptions::reason(state).unwrap_or_default();
    match state {
        LeadState::Refused {
            detail: Some(detail),
            ..
        } => format!("{reason}. It says: {detail}"),
        _ => reason.to_owned(),
    }
}

/// A date in the form that Constant Contact's upload reads, and spreadsheets in any language.
fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn second(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreadsheet_escapes_formula_cells_and_leaves_others_unchanged() {
        for evil in [
            "=1+1", "+1", "-1", "@SUM(A1)", " =1", "\"=1", "'=1", "＝1", "＋1", "－1", "＠1",
            "\u{a0}=1",
        ] {
            let cell = Dialect::Spreadsheet.cell(evil);
            assert_eq!(cell, format!("'{evil}"), "{evil:?}");
        }
        for good in ["Ada", "O'Brien", "a=b", "", "1-2", "Doe, Jane; x"] {
            assert_eq!(Dialect::Spreadsheet.cell(good), good);
        }
    }

    #[test]
    fn spreadsheet_escapes_formulas_after_separators_inside_a_cell() {
        for (evil, harmless) in [
            ("x;=cmd|'/c calc'!A1;y", "x;'=cmd|'/c calc'!A1;y"),
            ("x,@SUM(A1)", "x,'@SUM(A1)"),
            ("x\t+1;-1", "x\t'+1;'-1"),
            ("x\";\"=1\"", "x\";'\"=1\""),
            ("x; ＝1", "x;' ＝1"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
        ] {
            assert_eq!(Dialect::Spreadsheet.cell(evil), harmless, "{evil:?}");
        }
    }

    #[test]
    fn upload_keeps_phones_and_figures_and_strips_leading_formula_signs() {
        let upload = Dialect::Upload;

        assert_eq!(upload.cell("+1 (555) 0100"), "+1 (555) 0100");
        for kept in [
            "-5",
            "－5",
            "-.5",
            "+3 °C",
            "+1 (555) 0100",
            "1990-12-10",
            "a=b",
        ] {
            assert_eq!(upload.value(kept), kept, "a value of a custom field");
        }
        for evil in ["-=1", "+@1", "＝1", "\"＠1"] {
            assert_eq!(upload.value(evil), "1", "{evil}");
        }
        for (evil, harmless) in [
            ("-cmd|'/c calc'!A1", "cmd|'/c calc'!A1"),
            ("-1+cmd|'/c calc'!A1", "1+cmd|'/c calc'!A1"),
            ("+HYPERLINK(1)", "HYPERLINK(1)"),
            ("-", ""),
        ] {
            assert_eq!(upload.value(evil), harmless);
        }
        assert_eq!(upload.value("=cmd|'/c calc'!A1"), "cmd|'/c calc'!A1");
        assert_eq!(upload.value("\t=1"), "1");
        assert_eq!(upload.heading("=cmd"), "cmd");
        assert_eq!(upload.name("=HYPERLINK(1)"), "HYPERLINK(1)");
        assert_eq!(upload.name(" ＝@Ada"), "Ada");
        assert_eq!(upload.name("O'Brien-Smith"), "O'Brien-Smith");
    }

    #[test]
    fn custom_field_heading_never_equals_a_standard_heading() {
        assert_eq!(Dialect::Upload.heading("first name"), "first name (custom)");
        assert_eq!(Dialect::Upload.heading("Engine"), "Engine");
        assert_eq!(Dialect::Spreadsheet.heading("=x"), "'=x");
        assert_eq!(Dialect::Upload.heading("=City"), "City (custom)");
        assert_eq!(Dialect::Upload.heading("@"), "(custom)");
        assert_eq!(Dialect::Upload.heading(&"ä".repeat(51)), "ä".repeat(50));
    }
}
