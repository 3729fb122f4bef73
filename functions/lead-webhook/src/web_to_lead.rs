//! The field names of salesforce.com's web-to-lead forms.

use leadfeed_shared::domain::form::Form;
use leadfeed_shared::domain::submission::Submission;

/// The same submission under our names. `oid` is read before. A field keeps its name if we have none for it, if the
/// form uses it itself (in a mapping or as a honeypot), or if it would replace one that is filled in; the last is noted
/// as not kept.
pub fn renamed(form: &Form, fields: Submission) -> Submission {
    let is_empty = |name| fields.get(name).unwrap_or_default().trim().is_empty();
    let (no_phone, no_state, no_country) =
        (is_empty("phone"), is_empty("state"), is_empty("country"));
    let is_forms = |name: &str| {
        form.mapped.contains_key(name) || form.screening.honeypot.as_deref() == Some(name)
    };
    fields.renamed(|name| {
        let ours = match name {
            _ if is_forms(name) => return None,
            "company" => "company_name",
            "title" => "job_title",
            "phone" => "phone_number",
            "mobile" if no_phone => "phone_number",
            "zip" => "postal_code",
            "state_code" if no_state => "state",
            "country_code" if no_country => "country",
            "retURL" => "return_url",
            _ => return None,
        };
        Some(ours.to_owned())
    })
}

/// Whether the form only asks what would be done.
pub fn is_rehearsal(fields: &Submission) -> bool {
    let debug = fields.get("debug").unwrap_or_default().trim();
    debug == "1" || debug.eq_ignore_ascii_case("true")
}
