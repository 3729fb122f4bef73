//! Ids that no other test uses.

use leadfeed_shared::domain::ids::{AppId, CustomerId, FormId, LeadId, LinkId};

use crate::samples::at;

pub fn text() -> String {
    format!("{:032x}", rand::random::<u128>())
}

pub fn customer() -> CustomerId {
    text().parse().unwrap()
}

pub fn app() -> AppId {
    text().parse().unwrap()
}

/// A form's id; a later `second` sorts later.
pub fn form(second: i64) -> FormId {
    FormId::at(at(second), rand::random())
}

/// A lead's id; a later `second` sorts later.
pub fn lead(second: i64) -> LeadId {
    LeadId::at(at(second), rand::random())
}

pub fn link() -> LinkId {
    LinkId::at(at(0), rand::random())
}
