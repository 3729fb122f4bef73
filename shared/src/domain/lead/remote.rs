use super::us_states;
use crate::domain::contact::{Contact, Note, NoteKind, cut, is_phone};

/// Characters of a name, title, company, city or state.
const NAME: usize = 50;
/// Characters of a custom field's value (`sign_up_form`).
pub const MAX_CUSTOM_CHARS: usize = 255;
/// Characters of each of the two lines of a street in a file for the upload page.
const LINE: usize = 50;
/// Custom fields of one contact: the stricter of the two published limits.
pub const MAX_CUSTOM_FIELDS: usize = 25;

/// Lengths that differ between the API and a file, in characters.
struct Limits {
    street: usize,
    postal_code: usize,
    country: usize,
}

/// Those of `sign_up_form`.
const API: Limits = Limits {
    street: 255,
    postal_code: NAME,
    country: NAME,
};

/// Those of a file for the upload page, whose columns are shorter; a street has two of them.
const FILE: Limits = Limits {
    street: usize::MAX,
    postal_code: 25,
    country: 25,
};

impl Contact {
    /// The contact as Constant Contact can store it, and what was cut or left out for that.
    #[must_use]
    pub fn for_remote(&self) -> (Contact, Vec<Note>) {
        let mut notes = Vec::new();
        if self.email.is_role() {
            notes.push(Note::new("email", NoteKind::RoleAddress));
        }
        let mut remote = self.clone();
        remote.fit(&API, &mut notes);
        while remote.custom_fields.len() > MAX_CUSTOM_FIELDS {
            if let Some((label, _)) = remote.custom_fields.pop_last() {
                notes.push(Note::new(&label, NoteKind::Omitted));
            }
        }
        (remote, notes)
    }

    /// The contact as Constant Contact's upload page reads it from a file, and what was cut or left out for that. A US
    /// state becomes its code, which is all the page accepts.
    #[must_use]
    pub fn for_file(&self) -> (Contact, Vec<Note>) {
        let (mut notes, mut filed) = (Vec::new(), self.clone());
        let address = &mut filed.street_address;
        if let Some(code) = us_states::code(&address.state, &address.country) {
            code.clone_into(&mut address.state);
        }
        let (first, second) = in_two_lines(&address.street);
        let second_kept = cut(second, LINE);
        if second_kept.len() < second.len() {
            address.street = [first, second_kept].join(" ");
            notes.push(Note::new("street", NoteKind::Cut));
        }
        filed.fit(&FILE, &mut notes);
        (filed, notes)
    }

    /// Cuts what is too long and clears a phone number that is not one.
    fn fit(&mut self, limits: &Limits, notes: &mut Vec<Note>) {
        let address = &mut self.street_address;
        for (field, value, limit) in [
            ("first_name", &mut self.first_name, NAME),
            ("last_name", &mut self.last_name, NAME),
            ("job_title", &mut self.job_title, NAME),
            ("company_name", &mut self.company_name, NAME),
            ("street", &mut address.street, limits.street),
            ("city", &mut address.city, NAME),
            ("state", &mut address.state, NAME),
            ("postal_code", &mut address.postal_code, limits.postal_code),
            ("country", &mut address.country, limits.country),
        ] {
            if shorten(value, limit) {
                notes.push(Note::new(field, NoteKind::Cut));
            }
        }
        if !self.phone_number.is_empty() && !is_phone(&self.phone_number) {
            self.phone_number.clear();
            notes.push(Note::new("phone_number", NoteKind::Omitted));
        }
        for (label, value) in &mut self.custom_fields {
            if shorten(value, MAX_CUSTOM_CHARS) {
                notes.push(Note::new(label, NoteKind::Cut));
            }
        }
    }
}

/// A street as two address lines: split at a word, or within a word if that keeps more of it.
#[must_use]
pub fn in_two_lines(street: &str) -> (&str, &str) {
    let first = cut(street, LINE);
    let rest = street[first.len()..].trim_start();
    if rest.is_empty() {
        return (first, rest);
    }
    let at_word = cut(street, LINE + 1).rfind(char::is_whitespace);
    let parted = at_word.map(|at| (street[..at].trim_end(), street[at..].trim_start()));
    parted
        .filter(|(first, second)| !first.is_empty() && second.chars().count() <= LINE)
        .unwrap_or((first, rest))
}

fn shorten(value: &mut String, limit: usize) -> bool {
    let kept = cut(value, limit).len();
    let is_longer = kept < value.len();
    value.truncate(kept);
    is_longer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn street_is_split_at_a_word_unless_that_would_lose_more_of_it() {
        let x = |count| "x".repeat(count);
        for (street, lines) in [
            (x(50), (x(50), String::new())),
            (format!("{} {}", x(50), x(50)), (x(50), x(50))),
            (format!("{} {}", x(30), x(40)), (x(30), x(40))),
            (
                format!("äö {}  {}", x(30), x(40)),
                (format!("äö {}", x(30)), x(40)),
            ),
            (x(80), (x(50), x(30))),
            (format!("1 {}", x(80)), (format!("1 {}", x(48)), x(32))),
            (format!(" {}", x(60)), (format!(" {}", x(49)), x(11))),
        ] {
            let (first, second) = in_two_lines(&street);
            assert_eq!((first.to_owned(), second.to_owned()), lines, "{street}");
        }
    }

    #[test]
    fn contact_for_file_has_a_note_for_each_shortened_or_omitted_field() {
        let contact = |street: &str, postal_code: &str, phone: &str| -> Contact {
            let address = serde_json::json!({"street": street, "postal_code": postal_code});
            let contact = serde_json::json!({
                "email": "info@example.com", "phone_number": phone, "street_address": address,
            });
            serde_json::from_value(contact).unwrap()
        };
        let words = "Street ".repeat(15); // 15 words of 7

        let (filed, notes) = contact(words.trim(), &"1".repeat(26), "call me").for_file();
        let (_, no_notes) = contact(&words[..100], "12345", "").for_file();

        let fields: Vec<_> = notes.iter().map(|note| note.field.as_str()).collect();
        assert_eq!(fields, ["street", "postal_code", "phone_number"]);
        let (first, second) = in_two_lines(&filed.street_address.street);
        assert!(first.chars().count() <= 50 && second.chars().count() == 50);
        assert_eq!(no_notes, []);
    }
}
