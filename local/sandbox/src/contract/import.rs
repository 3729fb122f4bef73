//! `POST /activities/contacts_json_import`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Bounded, Id, Text, Violation, non_null};

/// Maximum rows in one request.
const MAX_ROWS: usize = 40_000;

/// Where "4 MB" cuts an import, by the reading that keeps less.
pub const IMPORT_CUT: usize = 4_000_000;

/// An import after the cut; rows beyond it are dropped.
#[derive(Debug)]
pub struct JsonImport {
    pub rows: Vec<ContactRow>,
    pub list_ids: Bounded<Id, 1, 50>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow)]
    import_data: Vec<&'a RawValue>,
    #[serde(borrow)]
    list_ids: &'a RawValue,
    #[serde(
        default,
        rename = "sms_permission_to_send",
        deserialize_with = "non_null"
    )]
    _sms_permission: Option<SmsPermission>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SmsPermission {
    Explicit,
    NotSet,
}

impl JsonImport {
    /// Reads the rows that lie completely within the first `cut` bytes of the body.
    pub fn parse(body: &[u8], cut: usize) -> Result<Self, Violation> {
        let text = std::str::from_utf8(body)
            .map_err(|_| Violation("The JSON in the request is malformed.".into()))?;
        let envelope: Envelope<'_> = super::parse(text.as_bytes())?;
        if envelope.import_data.is_empty() || envelope.import_data.len() > MAX_ROWS {
            return Err(Violation(format!(
                "import_data must have 1 to {MAX_ROWS} items"
            )));
        }
        let end =
            |raw: &RawValue| raw.get().as_ptr().addr() - body.as_ptr().addr() + raw.get().len();
        if end(envelope.list_ids) > cut {
            return Err(Violation("list_ids is missing".into()));
        }
        let list_ids = super::parse(envelope.list_ids.get().as_bytes())
            .map_err(|Violation(why)| Violation(format!("list_ids: {why}")))?;
        let row = |(index, raw): (usize, &&RawValue)| {
            super::parse(raw.get().as_bytes())
                .map_err(|Violation(why)| Violation(format!("import_data[{index}]: {why}")))
        };
        let kept = envelope.import_data.iter().enumerate();
        let rows = kept
            .filter(|(_, raw)| end(raw) <= cut)
            .map(row)
            .collect::<Result<_, _>>()?;
        Ok(Self { rows, list_ids })
    }
}

/// One contact in the import's own flat vocabulary.
///
/// A bad address, birthday or anniversary is an error of its row, found when the import runs, so these stay unparsed
/// here.
#[derive(Debug, Default, Deserialize)]
#[serde(try_from = "FlatRow")]
pub struct ContactRow {
    pub email: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub job_title: Option<String>,
    pub company_name: Option<String>,
    pub birthday_month: Option<i64>,
    pub birthday_day: Option<i64>,
    pub anniversary: Option<String>,
    pub sms_number: Option<String>,
    /// Phones and address parts by their property name.
    pub details: BTreeMap<&'static str, String>,
    /// Custom field values by field name, without the prefix.
    pub custom_fields: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct FlatRow {
    #[serde(default, deserialize_with = "non_null")]
    email: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    first_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    last_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    job_title: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    company_name: Option<Text<50>>,
    #[serde(default, deserialize_with = "non_null")]
    birthday_month: Option<i64>,
    #[serde(default, deserialize_with = "non_null")]
    birthday_day: Option<i64>,
    #[serde(default, deserialize_with = "non_null")]
    anniversary: Option<String>,
    #[serde(default, deserialize_with = "non_null")]
    sms_number: Option<Text<16>>,
    #[serde(default, rename = "sms_consent_date", deserialize_with = "non_null")]
    _sms_consent_date: Option<Text<16>>,
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

const PHONES: [&str; 5] = [
    "phone",
    "home_phone",
    "work_phone",
    "mobile_phone",
    "other_phone",
];
const ADDRESS_KINDS: [&str; 4] = ["", "home_", "work_", "other_"];

impl TryFrom<FlatRow> for ContactRow {
    type Error = Violation;

    fn try_from(flat: FlatRow) -> Result<Self, Violation> {
        let mut row = Self {
            email: flat.email.map(Text::into_string),
            first_name: flat.first_name.map(Text::into_string),
            last_name: flat.last_name.map(Text::into_string),
            job_title: flat.job_title.map(Text::into_string),
            company_name: flat.company_name.map(Text::into_string),
            birthday_month: flat.birthday_month,
            birthday_day: flat.birthday_day,
            anniversary: flat.anniversary,
            sms_number: flat.sms_number.map(Text::into_string),
            ..Self::default()
        };
        for (name, value) in flat.others {
            let (known, max) = match name.strip_prefix("cf:") {
                Some(field) => {
                    row.custom_fields.insert(field.to_owned(), value.clone());
                    (None, 255)
                }
                None => detail(&name)
                    .map(|(known, max)| (Some(known), max))
                    .ok_or_else(|| Violation(format!("unknown property {name}")))?,
            };
            if value.chars().count() > max {
                return Err(Violation(format!("{name} exceeds {max} characters")));
            }
            if let Some(known) = known {
                row.details.insert(known, value);
            }
        }
        row.check_counts()
    }
}

impl ContactRow {
    fn check_counts(self) -> Result<Self, Violation> {
        let sent = |name: &str| self.details.contains_key(name);
        let phones = PHONES.iter().filter(|name| sent(name)).count();
        let of_kind = |kind: &&&str| {
            let mut names = self.details.keys();
            names.any(|name| !PHONES.contains(name) && address_kind(name) == **kind)
        };
        let addresses = ADDRESS_KINDS.iter().filter(of_kind).count();
        if self.custom_fields.len() > 25 {
            return Err(Violation("has more than 25 custom fields".into()));
        }
        if phones > 3 || addresses > 3 {
            return Err(Violation("has more than 3 phones or addresses".into()));
        }
        Ok(self)
    }
}

/// The prefix of an address property: `home_` of `home_city`, empty for `city`.
pub fn address_kind(name: &str) -> &'static str {
    let prefixes = ADDRESS_KINDS.iter().skip(1);
    let of_kind = |kind: &&str| match name {
        HOME_COUNTRY => *kind == "home_",
        _ => name.starts_with(kind),
    };
    prefixes.copied().find(of_kind).unwrap_or("")
}

/// A phone or address property of a row, and its length.
fn detail(name: &str) -> Option<(&'static str, usize)> {
    if let Some(phone) = PHONES.iter().find(|phone| **phone == name) {
        return Some((phone, 50));
    }
    ADDRESS_PROPERTIES
        .iter()
        .find(|(known, _)| *known == name)
        .copied()
}

/// Spelled with a space, unlike the others.
const HOME_COUNTRY: &str = "home country";

const ADDRESS_PROPERTIES: [(&str, usize); 24] = [
    ("street", 255),
    ("street2", 255),
    ("city", 50),
    ("state", 50),
    ("zip", 50),
    ("country", 50),
    ("home_street", 255),
    ("home_street2", 255),
    ("home_city", 50),
    ("home_state", 50),
    ("home_zip", 50),
    (HOME_COUNTRY, 50),
    ("work_street", 255),
    ("work_street2", 255),
    ("work_city", 50),
    ("work_state", 50),
    ("work_zip", 50),
    ("work_country", 50),
    ("other_street", 255),
    ("other_street2", 255),
    ("other_city", 50),
    ("other_state", 50),
    ("other_zip", 50),
    ("other_country", 50),
];
