//! Cursors of listings. A store's own cursor may name keys, so it is signed for its listing before it is given out, and
//! valid for no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::properties::Fault;
use super::values::number;
use super::{Admin, Properties};
use crate::domain::keys::{Purpose, SigningKeys};
use crate::ports::{Page, Wiring};

/// A store's cursor as the operator sees it.
pub(super) fn issue(keys: &SigningKeys, listing: &str, next: &str) -> String {
    let signature = keys.sign(Purpose::Cursor, &signed(listing, next));
    let parts = [next.as_bytes(), &signature].map(|part| URL_SAFE_NO_PAD.encode(part));
    parts.join(".")
}

/// Reads a cursor that was issued for `listing`.
pub(super) fn verify(
    keys: &SigningKeys,
    listing: &str,
) -> impl Fn(&Value) -> Result<String, Fault> {
    move |value| {
        let verified = || {
            let (next, signature) = value.as_str()?.split_once('.')?;
            let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
            let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
            keys.verify(Purpose::Cursor, &signed(listing, &next), &signature)
                .then_some(next)
        };
        verified().ok_or_else(malformed)
    }
}

/// The fault for a cursor that we did not issue.
pub(super) fn malformed() -> Fault {
    let message = "only a next_cursor that this listing has answered with is taken";
    Fault::new("malformed", message)
}

impl<W: Wiring> Admin<W> {
    /// Where in a listing a page begins, and its maximum length.
    pub(super) fn page_request(
        &self,
        listing: &str,
        query: &mut Properties,
    ) -> (Option<String>, u16) {
        let from = query.optional("cursor", verify(&self.keys, listing));
        let limit = query.optional("limit", number(1..=100));
        let limit = limit.and_then(|limit| u16::try_from(limit).ok());
        (from, limit.unwrap_or(50))
    }

    /// A page with a signed cursor.
    pub(super) fn signed_page<T>(&self, listing: &str, page: Page<T>) -> Page<T> {
        let next = page.next.as_deref();
        Page {
            next: next.map(|next| issue(&self.keys, listing, next)),
            items: page.items,
        }
    }
}

fn signed(listing: &str, next: &str) -> Vec<u8> {
    [listing.as_bytes(), next.as_bytes()].join(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_valid_only_for_its_own_listing() {
        let keys = SigningKeys::new("root".into());
        let cursor = Value::from(issue(&keys, "leads:engines", "place"));

        let read = |listing, cursor: &Value| verify(&keys, listing)(cursor).ok();

        assert_eq!(read("leads:engines", &cursor), Some("place".to_owned()));
        assert_eq!(read("leads:other", &cursor), None);
        for forged in ["", ".", "place", "cGxhY2U.", "cGxhY2U.AAAA"] {
            assert_eq!(read("leads:engines", &forged.into()), None, "{forged}");
        }
    }
}
