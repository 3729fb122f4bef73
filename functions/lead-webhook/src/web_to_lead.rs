//! The field names of salesforce.com's web-to-lead forms.

use leadfeed_shared::domain::submission::Submission;

/// The same submission under our names. `oid` is read before; what has no name of ours stays as it is.
pub fn renamed(fields: Submission) -> Submission {
    fields.renamed(|name| {
        let ours = match name {
            "company" => "company_name",
            "title" => "job_title",
            "phone" | "mobile" => "phone_number",
            "zip" => "postal_code",
            "state_code" => "state",
            "country_code" => "country",
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
