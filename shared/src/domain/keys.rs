//! Keys derived from the stack's one signing secret, and what they are used for.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ids::FormId;

/// The stack's signing keys. Each purpose has a key of its own (HKDF, RFC 5869), so that a signature for one purpose is
/// worthless for another.
#[derive(Clone)]
pub struct SigningKeys {
    root: SecretString,
}

/// What a signature is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing a consent record.
    Consent,
    /// Links that are mailed to a customer.
    Link,
    /// The cookie that ties a browser to its page or handshake.
    Session,
    /// Cursors of the operator's listings, so that nobody can make up a place to read from.
    Cursor,
    /// Deriving a lead's id from what was submitted, so that a double click is one lead.
    LeadId,
    /// The time at which a form was shown.
    FormTime,
    /// Naming an IP address without showing it.
    Origin,
    /// Naming a person without showing their mail address.
    Person,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Link => "link",
            Self::Session => "session",
            Self::Cursor => "cursor",
            Self::LeadId => "lead-id",
            Self::FormTime => "form-time",
            Self::Origin => "origin",
            Self::Person => "person",
        }
    }
}

/// A signature over a consent record, in base64url.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seal(String);

impl SigningKeys {
    /// From the secret that the template generated.
    #[must_use]
    pub fn new(root: SecretString) -> Self {
        Self { root }
    }

    /// HMAC-SHA-256 (RFC 2104) of `text` for `purpose`.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, text: &[u8]) -> [u8; 32] {
        let mut mac = self.mac(purpose);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// Whether `signature` is the one for `text`, compared in constant time.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, text: &[u8], signature: &[u8]) -> bool {
        let mut mac = self.mac(purpose);
        mac.update(text);
        mac.verify_slice(signature).is_ok()
    }

    /// Seals a consent record.
    #[must_use]
    pub fn seal(&self, text: &str) -> Seal {
        Seal(URL_SAFE_NO_PAD.encode(self.sign(Purpose::Consent, text.as_bytes())))
    }

    /// Whether a consent record is as it was sealed.
    #[must_use]
    pub fn is_intact(&self, text: &str, seal: &Seal) -> bool {
        URL_SAFE_NO_PAD
            .decode(&seal.0)
            .is_ok_and(|signature| self.verify(Purpose::Consent, text.as_bytes(), &signature))
    }

    /// The secret of a form's signed webhook, in the form that the Standard Webhooks libraries accept (`whsec_…`).
    #[must_use]
    pub fn webhook_secret(&self, form: &FormId, generation: u32) -> SecretString {
        let key = self.derive(&format!("webhook:{form}:{generation}"));
        format!("whsec_{}", STANDARD.encode(&key[..24])).into()
    }

    /// The 32-byte private key that receipts are signed with (Ed25519).
    #[must_use]
    pub fn receipt_seed(&self) -> [u8; 32] {
        self.derive("receipt")
    }

    fn mac(&self, purpose: Purpose) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.derive(purpose.label())).expect("HMAC takes keys of any length")
    }

    fn derive(&self, label: &str) -> [u8; 32] {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, self.root.expose_secret().as_bytes())
            .expand(label.as_bytes(), &mut key)
            .expect("32 bytes are within HKDF's bound");
        key
    }
}

/// SHA-256 of `text` in hex: how something secret or personal is named without being shown.
#[must_use]
pub fn fingerprint(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_valid_only_for_its_text_purpose_and_root_secret() {
        let keys = SigningKeys::new("root".into());
        let signature = keys.sign(Purpose::Link, b"text");

        assert!(keys.verify(Purpose::Link, b"text", &signature));
        assert!(!keys.verify(Purpose::Link, b"texT", &signature));
        assert!(!keys.verify(Purpose::Session, b"text", &signature));
        assert!(!SigningKeys::new("other".into()).verify(Purpose::Link, b"text", &signature));
    }

    #[test]
    fn a_changed_record_breaks_its_seal() {
        let keys = SigningKeys::new("root".into());
        let seal = keys.seal("agreed");

        assert!(keys.is_intact("agreed", &seal));
        assert!(!keys.is_intact("agreed to more", &seal));
    }
}
