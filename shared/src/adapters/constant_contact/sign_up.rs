//! The body of a sign-up: only documented fields, and of those only the filled-in ones.

use serde::{Deserialize, Serialize};

use crate::domain::contact::StreetAddress;
use crate::domain::ids::RemoteId;
use crate::ports::SignUp;

/// The kind of every phone number and address: a form does not know it.
const KIND: &str = "other";

#[derive(Serialize)]
pub(super) struct Form<'a> {
    email_address: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    first_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    job_title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    company_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    phone_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    street_address: Option<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    custom_fields: Vec<Field>,
    list_memberships: &'a [RemoteId],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    street: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    postal_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) custom_field_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice_ids: Option<serde_json::Value>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Phone {
    pub(super) phone_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
}

impl<'a> Form<'a> {
    pub(super) fn new(sign_up: &'a SignUp) -> Self {
        let contact = &sign_up.contact;
        Self {
            email_address: contact.email.as_str(),
            first_name: &contact.first_name,
            last_name: &contact.last_name,
            job_title: &contact.job_title,
            company_name: &contact.company_name,
            phone_number: &contact.phone_number,
            street_address: address(sign_up),
            custom_fields: fields(sign_up),
            list_memberships: &sign_up.lists,
        }
    }
}

pub(super) fn address(sign_up: &SignUp) -> Option<Address> {
    let address: &StreetAddress = &sign_up.contact.street_address;
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    (!address.is_empty()).then(|| Address {
        kind: KIND.to_owned(),
        street: filled(&address.street),
        city: filled(&address.city),
        state: filled(&address.state),
        postal_code: filled(&address.postal_code),
        country: filled(&address.country),
    })
}

pub(super) fn phone(sign_up: &SignUp) -> Option<Phone> {
    let phone_number = sign_up.contact.phone_number.clone();
    (!phone_number.is_empty()).then(|| Phone {
        phone_number,
        kind: Some(KIND.to_owned()),
    })
}

pub(super) fn fields(sign_up: &SignUp) -> Vec<Field> {
    let field = |(id, value): &(RemoteId, String)| Field {
        custom_field_id: id.to_string(),
        value: Some(value.clone()),
        choice_ids: None,
    };
    sign_up.custom_fields.iter().map(field).collect()
}
