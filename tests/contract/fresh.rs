//! Ids that no other test has.

use leadfeed_shared::domain::ids::{AppId, CustomerId, FormId, LeadId, LinkId};
use ulid::Ulid;

pub fn text() -> String {
    let random = u128::from_be_bytes(rand::random());
    Ulid::from_parts(0, random).to_string().to_lowercase()
}

pub fn customer() -> CustomerId {
    text().parse().unwrap()
}

pub fn app() -> AppId {
    text().parse().unwrap()
}

/// A form's id, of which a later `second` sorts later.
pub fn form(second: u64) -> FormId {
    FormId::new(ulid(second))
}

/// A lead's id, of which a later `second` sorts later.
pub fn lead(second: u64) -> LeadId {
    LeadId::new(ulid(second))
}

pub fn link() -> LinkId {
    LinkId::new(ulid(0))
}

fn ulid(second: u64) -> Ulid {
    let random = u128::from_be_bytes(rand::random());
    Ulid::from_parts(1_795_392_000_000 + second * 1_000, random)
}
