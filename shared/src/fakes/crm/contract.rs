//! What every request has to satisfy, in any test. A violation is a bug of ours, not a refusal, and fails the test.

use crate::domain::email::MAX_CHARS;
use crate::domain::import::ImportRow;
use crate::ports::SignUp;

/// Maximum characters of a name, a place or a row's phone.
const SHORT: usize = 50;
/// Maximum characters of a street or a custom field's value.
const LONG: usize = 255;
/// Maximum characters of a sign-up's phone.
const PHONE: usize = 25;
/// Maximum custom fields, and maximum lists, of one contact.
const FIELDS: usize = 25;
const LISTS: usize = 50;

pub(super) fn assert_sign_up_valid(sign_up: &SignUp) {
    let contact = &sign_up.contact;
    let address = &contact.street_address;
    assert_within("email_address", contact.email.as_str(), MAX_CHARS);
    assert_within("phone_number", &contact.phone_number, PHONE);
    assert_within("street", &address.street, LONG);
    for (name, text) in [
        ("first_name", &contact.first_name),
        ("last_name", &contact.last_name),
        ("job_title", &contact.job_title),
        ("company_name", &contact.company_name),
        ("city", &address.city),
        ("state", &address.state),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ] {
        assert_within(name, text, SHORT);
    }
    for (_, value) in &sign_up.custom_fields {
        assert_within("custom_fields", value, LONG);
    }
    assert!(sign_up.custom_fields.len() <= FIELDS, "too many fields");
    assert!(sign_up.lists.len() <= LISTS, "too many lists");
}

pub(super) fn assert_rows_valid(rows: &[ImportRow]) {
    for row in rows {
        let row = serde_json::to_value(row).expect("a row is plain data");
        let texts = row.as_object().into_iter().flatten();
        let texts = texts.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
        let mut fields = 0;
        for (name, text) in texts {
            let is_field = name.starts_with("cf:");
            fields += usize::from(is_field);
            let is_long = is_field || name == "street";
            assert_within(name, text, if is_long { LONG } else { SHORT });
            assert!(
                !text.is_empty(),
                "{name} is empty, which would erase the stored value"
            );
        }
        assert!(fields <= FIELDS, "too many fields");
    }
}

fn assert_within(name: &str, text: &str, most: usize) {
    let count = text.chars().count();
    assert!(count <= most, "{name} has {count} characters of {most}");
}
