//! The inputs that the pages of a form show.

use super::form::Form;
use super::names::{contact_field, custom_label, is_contact};

/// A field that a person types into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input<'a> {
    /// Our name for it.
    pub name: &'a str,
    /// The label that people read beside it.
    pub label: String,
    /// The `type` of its `input` element.
    pub kind: &'static str,
    /// Its autofill token (HTML Living Standard, 4.10.18.7).
    pub autocomplete: &'static str,
    /// Whether a lead has to have it.
    pub required: bool,
}

impl Form {
    /// The inputs for these fields of ours, each once and in this order. Fields that the form itself sets are not asked
    /// for.
    pub fn inputs<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Vec<Input<'a>> {
        let mut inputs: Vec<Input<'_>> = Vec::new();
        for name in names {
            let is_new = inputs.iter().all(|input| input.name != name);
            if is_new && is_contact(name) && !self.constants.contains_key(name) {
                inputs.push(self.input(name));
            }
        }
        inputs
    }

    fn input<'a>(&self, name: &'a str) -> Input<'a> {
        let (label, kind, autocomplete) = match contact_field(name) {
            Some(field) => (field.label, field.input_type, field.autofill),
            None => (custom_label(name).unwrap_or(name), "text", "on"),
        };
        Input {
            name,
            label: capitalized(&label.replace('_', " ")),
            kind,
            autocomplete,
            required: name == "email" || self.required.iter().any(|required| required == name),
        }
    }
}

/// A custom field labelled `favourite_engine` reads "Favourite engine".
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::form::tests::form;

    #[test]
    fn inputs_are_unique_labelled_for_people_and_exclude_the_forms_constants() {
        let mut form = form();
        form.required = vec!["job_title".to_owned()];
        form.constants
            .insert("city".to_owned(), "London".to_owned());

        let engine = "custom_fields[favourite_engine]";
        let inputs = form.inputs(["email", "city", engine, "job_title", "email", "return_url"]);

        let shown: Vec<_> = inputs
            .iter()
            .map(|input| (input.name, input.label.as_str(), input.required))
            .collect();
        assert_eq!(
            shown,
            [
                ("email", "Email address", true),
                (engine, "Favourite engine", false),
                ("job_title", "Job title", true),
            ]
        );
    }
}
