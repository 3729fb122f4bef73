//! What many tests begin with.

use jiff::Timestamp;

use crate::domain::form::{Form, statement};
use crate::domain::lead::{DeliveryAction, LeadState, OptOutCheck, Permission};
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
        signed_only: false,
        created_at: Timestamp::UNIX_EPOCH,
        revision: 0,
    }
}

/// How a new contact's lead ends.
#[must_use]
pub fn delivered() -> LeadState {
    LeadState::Delivered {
        contact: None,
        action: DeliveryAction::Created,
        permission: Permission::Explicit,
        opt_out_check: OptOutCheck::NotNeeded,
        notes: vec![],
    }
}
