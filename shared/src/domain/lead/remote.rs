use crate::domain::contact::{Contact, Note, NoteKind, cut, is_phone};

/// Characters of a name, title or company (`sign_up_form`).
const NAME: usize = 50;
/// Characters of a street (`sign_up_form`).
const STREET: usize = 255;
/// Characters of a custom field's value (`sign_up_form`).
pub const MAX_CUSTOM_CHARS: usize = 255;
/// Characters of a street in a file for the upload page.
const FILE_STREET: usize = 50;
/// Characters of a postal code or a country in a file for the upload page.
const FILE_CODE: usize = 25;
/// Custom fields of one contact: the stricter of the two published limits.
pub const MAX_CUSTOM_FIELDS: usize = 25;

impl Contact {
    /// The contact as Constant Contact can store it, and what that cost.
    #[must_use]
    pub fn for_remote(&self) -> (Contact, Vec<Note>) {
        let mut notes = Vec::new();
        let mut note = |field: &str, what| {
            notes.push(Note {
                field: field.to_owned(),
                what,
            })
        };
        if self.email.is_role() {
            note("email", NoteKind::RoleAddress);
        }
        let mut remote = self.clone();
        let address = &mut remote.street_address;
        for (field, value, limit) in [
            ("first_name", &mut remote.first_name, NAME),
            ("last_name", &mut remote.last_name, NAME),
            ("job_title", &mut remote.job_title, NAME),
            ("company_name", &mut remote.company_name, NAME),
            ("street", &mut address.street, STREET),
            ("city", &mut address.city, NAME),
            ("state", &mut address.state, NAME),
            ("postal_code", &mut address.postal_code, NAME),
            ("country", &mut address.country, NAME),
        ] {
            if value.chars().count() > limit {
                *value = cut(value, limit).to_owned();
                note(field, NoteKind::Cut);
            }
        }
        if !remote.phone_number.is_empty() && !is_phone(&remote.phone_number) {
            remote.phone_number.clear();
            note("phone_number", NoteKind::Omitted);
        }
        for (label, value) in &mut remote.custom_fields {
            if value.chars().count() > MAX_CUSTOM_CHARS {
                *value = cut(value, MAX_CUSTOM_CHARS).to_owned();
                note(label, NoteKind::Cut);
            }
        }
        while remote.custom_fields.len() > MAX_CUSTOM_FIELDS {
            if let Some((label, _)) = remote.custom_fields.pop_last() {
                note(&label, NoteKind::Omitted);
            }
        }
        (remote, notes)
    }

    /// The contact as Constant Contact's upload page reads it from a file, whose columns are shorter than the fields of the
    /// API.
    #[must_use]
    pub fn for_file(&self) -> Contact {
        let mut filed = self.clone();
        let address = &mut filed.street_address;
        for (value, limit) in [
            (&mut filed.first_name, NAME),
            (&mut filed.last_name, NAME),
            (&mut filed.job_title, NAME),
            (&mut filed.company_name, NAME),
            (&mut address.street, FILE_STREET),
            (&mut address.city, NAME),
            (&mut address.state, NAME),
            (&mut address.postal_code, FILE_CODE),
            (&mut address.country, FILE_CODE),
        ] {
            *value = cut(value, limit).to_owned();
        }
        if !is_phone(&filed.phone_number) {
            filed.phone_number.clear();
        }
        for value in filed.custom_fields.values_mut() {
            *value = cut(value, MAX_CUSTOM_CHARS).to_owned();
        }
        filed
    }
}
