//! The field names that every submission can use, whichever form it comes from.

use super::contact::is_invisible;

/// A field of what a lead says about a person, and how a form asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactField {
    /// Our name for it.
    pub name: &'static str,
    /// The label that people read beside it.
    pub label: &'static str,
    /// The `type` of its `input` element.
    pub input_type: &'static str,
    /// Its autofill token (HTML Living Standard, 4.10.18.7).
    pub autofill: &'static str,
}

/// What a lead says about a person. Other values go by `custom_fields[Label]`.
pub const CONTACT: [ContactField; 11] = [
    field("email", "Email address", "email", "email"),
    field("first_name", "First name", "text", "given-name"),
    field("last_name", "Last name", "text", "family-name"),
    field("job_title", "Job title", "text", "organization-title"),
    field("company_name", "Company", "text", "organization"),
    field("phone_number", "Phone", "tel", "tel"),
    field("street", "Street", "text", "street-address"),
    field("city", "City", "text", "address-level2"),
    field("state", "State", "text", "address-level1"),
    field("postal_code", "Postal code", "text", "postal-code"),
    field("country", "Country", "text", "country-name"),
];

const fn field(
    name: &'static str,
    label: &'static str,
    input_type: &'static str,
    autofill: &'static str,
) -> ContactField {
    ContactField {
        name,
        label,
        input_type,
        autofill,
    }
}

/// How the consent was given.
pub const PROOF: [&str; 24] = [
    "consent.given",
    "consent_statement",
    "consent_statement_sha256",
    "consent_given_at",
    "consent_page_url",
    "consent_ip",
    "consent_user_agent",
    "consent_source",
    "consent_type",
    "consent_pre_ticked",
    "consent_implicit",
    "source",
    "lead_source",
    "permission_to_send",
    "pre_ticked",
    "implicit",
    "emailOptOut",
    "email_opt_out",
    "trustedform",
    "xxTrustedFormCertUrl",
    "jornaya",
    "universal_leadid",
    "leadid_token",
    "leadid_tcpa_disclosure",
];

/// How the form works. A submission with nothing else is empty.
pub const TECHNICAL: [&str; 13] = [
    "form_time",
    "return_url",
    "retURL",
    "oid",
    "orgId",
    "encoding",
    "_charset_",
    "debug",
    "debugEmail",
    "captcha_settings",
    "submit",
    "Submit",
    "recordType",
];

/// The contact's field of this name.
#[must_use]
pub fn contact_field(name: &str) -> Option<ContactField> {
    CONTACT.into_iter().find(|field| field.name == name)
}

/// The label in a custom field's name.
#[must_use]
pub fn custom_label(name: &str) -> Option<&str> {
    let label = name.strip_prefix("custom_fields[")?.strip_suffix(']')?;
    Some(label.trim_matches(is_invisible)).filter(|label| !label.is_empty())
}

/// Whether a name is that of a contact's field or of a custom field.
#[must_use]
pub fn is_contact(name: &str) -> bool {
    contact_field(name).is_some() || custom_label(name).is_some()
}

/// Whether a field is for us to read, not for a person to fill in.
#[must_use]
pub fn is_internal_field(name: &str) -> bool {
    PROOF.contains(&name) || TECHNICAL.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_name_has_one_meaning() {
        let mut all = [&CONTACT.map(|field| field.name)[..], &PROOF, &TECHNICAL].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();

        assert_eq!(all.len(), count);
        assert!(is_contact("custom_fields[Engine]") && !is_contact("custom_fields[ ]"));
        assert!(is_internal_field("oid") && !is_internal_field("email"));
    }
}
