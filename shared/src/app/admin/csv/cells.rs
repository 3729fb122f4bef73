//! Headings and cells.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::lead::{LeadRecord, LeadState};

/// For whom a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Constant Contact's upload: its headings, and values as people gave them.
    Upload,
    /// A spreadsheet: no cell is taken for a formula, and it says what became of each lead.
    Spreadsheet,
}

impl Dialect {
    /// The words of both.
    pub const WORDS: [&str; 2] = ["upload", "spreadsheet"];

    /// By its word; the upload's where there is none.
    #[must_use]
    pub fn named(word: Option<&str>) -> Self {
        if word == Some("spreadsheet") {
            Self::Spreadsheet
        } else {
            Self::Upload
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Spreadsheet => "spreadsheet",
        }
    }

    /// Headings that every file of this dialect begins with.
    pub(super) fn headings(self) -> Vec<String> {
        let more: &[&str] = match self {
            Self::Upload => &[],
            Self::Spreadsheet => &["Signed up at", "Status", "Reason"],
        };
        STANDARD
            .iter()
            .chain(more)
            .map(|heading| (*heading).to_owned())
            .collect()
    }

    /// A heading of a custom field, which must not look like one of ours.
    pub(super) fn heading(self, label: &str) -> String {
        let taken = self.headings();
        if taken
            .iter()
            .any(|heading| heading.eq_ignore_ascii_case(label))
        {
            return format!("{label} (custom)");
        }
        self.cell(label).into_owned()
    }

    /// The cells under [`headings`](Self::headings).
    pub(super) fn cells(self, record: &LeadRecord) -> Vec<String> {
        let contact = &record.lead.contact;
        let address = &contact.street_address;
        let mut cells = vec![
            self.cell(contact.email.as_str()).into_owned(),
            self.name(&contact.first_name),
            self.name(&contact.last_name),
            self.name(&contact.job_title),
            self.name(&contact.company_name),
        ];
        let others = [
            &contact.phone_number,
            &address.street,
            &address.city,
            &address.state,
            &address.postal_code,
            &address.country,
        ];
        cells.extend(others.map(|text| self.cell(text).into_owned()));
        if self == Self::Spreadsheet {
            let (status, reason) = became(record);
            cells.extend([second(record.lead.received_at), status.to_owned(), reason]);
        }
        cells
    }

    /// A value as it stands, made harmless for a spreadsheet.
    pub(super) fn cell(self, text: &str) -> Cow<'_, str> {
        if self == Self::Spreadsheet && is_formula(text) {
            Cow::Owned(format!("'{text}"))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The upload may end up in mails and in spreadsheets of others, and no name begins like a formula.
    fn name(self, text: &str) -> String {
        match self {
            Self::Spreadsheet => self.cell(text).into_owned(),
            Self::Upload if is_formula(text) => text.trim_start_matches(is_sign).to_owned(),
            Self::Upload => text.to_owned(),
        }
    }
}

/// As Constant Contact's upload page names them.
const STANDARD: [&str; 11] = [
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

/// Whether a spreadsheet could take the text for a formula: by its first sign, in either width, behind spaces or
/// quotes too.
fn is_formula(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n'])
        || text
            .trim_start_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

fn is_sign(c: char) -> bool {
    "=+-@＝＋－＠\"'".contains(c) || c.is_whitespace()
}

fn became(record: &LeadRecord) -> (&'static str, String) {
    let reason = match &record.state {
        LeadState::Waiting { why } => serde_json::to_value(why).ok(),
        LeadState::Refused { why, .. } => serde_json::to_value(why).ok(),
        _ => None,
    };
    let reason = reason.as_ref().and_then(Value::as_str).unwrap_or_default();
    (record.state.word(), reason.to_owned())
}

fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_takes_no_cell_for_a_formula() {
        for evil in [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\"=1", "'=1", "＝1", "＋1",
            "－1", "＠1", "\u{a0}=1",
        ] {
            let cell = Dialect::Spreadsheet.cell(evil);
            assert_eq!(cell, format!("'{evil}"), "{evil:?}");
        }
        for good in ["Ada", "O'Brien", "a=b", "", "1-2"] {
            assert_eq!(Dialect::Spreadsheet.cell(good), good);
        }
    }

    #[test]
    fn an_upload_keeps_phones_and_strips_names() {
        let upload = Dialect::Upload;

        assert_eq!(upload.cell("+1 (555) 0100"), "+1 (555) 0100");
        assert_eq!(upload.cell("-5"), "-5", "a value of a custom field");
        assert_eq!(upload.name("=HYPERLINK(1)"), "HYPERLINK(1)");
        assert_eq!(upload.name(" ＝@Ada"), "Ada");
        assert_eq!(upload.name("O'Brien-Smith"), "O'Brien-Smith");
    }

    #[test]
    fn a_custom_field_never_has_a_heading_of_ours() {
        assert_eq!(Dialect::Upload.heading("first name"), "first name (custom)");
        assert_eq!(Dialect::Upload.heading("Engine"), "Engine");
        assert_eq!(Dialect::Spreadsheet.heading("=x"), "'=x");
    }
}
