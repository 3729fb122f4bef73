//! What many tests begin with.

use jiff::Timestamp;

use crate::domain::form::{Form, statement};
use crate::domain::screening::Screening;

/// An open form of the customer `engines` that asks for nothing beyond an address and the box.
///
/// # Panics
/// Never: its parts are well formed.
#[must_use]
pub fn form() -> Form {
    let (text, brand) = ("Analytical Engines may mail me.", "Analytical Engines");
    let shown = statement(text, brand, 1, Timestamp::UNIX_EPOCH);
    Form {
        id: "frm_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().expect("an id"),
        customer: "engines".parse().expect("an id"),
        name: "Newsletter".into(),
        statements: vec![shown.expect("names its brand")],
        consent_field: "consent".into(),
        lists: vec![],
        required: vec![],
        mapped: [].into(),
        constants: [].into(),
        allowed_origins: vec![],
        return_url: None,
        return_hosts: vec![],
        webhook_generation: 1,
        screening: Screening::default(),
        open: true,
        created_at: Timestamp::UNIX_EPOCH,
        revision: 0,
    }
}
