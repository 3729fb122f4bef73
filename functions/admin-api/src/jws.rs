//! Receipts that anyone can verify: JWS (RFC 7515) with Ed25519 (RFC 8037); `/.well-known/jwks.json` has the key.

use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use leadfeed_shared::domain::keys::SigningKeys;
use leadfeed_shared::domain::receipt::Receipt;
use leadfeed_shared::ports::causes;
use leadfeed_shared::web::Problem;
use serde::Serialize;

/// The bytes before the 32 of a private key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Signs receipts.
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    #[serde(flatten)]
    receipt: &'a Receipt,
}

impl Signer {
    pub fn of(keys: &SigningKeys) -> Result<Self, Problem> {
        let key = EncodingKey::from_ed_der(&[&PKCS8[..], &keys.receipt_seed()].concat());
        let mut public = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(failed)?;
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).map_err(failed)?);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public })
    }

    /// The receipt as a compact JWS.
    pub fn sign(&self, receipt: &Receipt, iss: &str, now: Timestamp) -> Result<String, Problem> {
        let header = Header {
            typ: Some("consent-receipt+jwt".to_owned()),
            kid: self.public.common.key_id.clone(),
            ..Header::new(Algorithm::EdDSA)
        };
        let iat = now.as_second();
        encode(&header, &Claims { iss, iat, receipt }, &self.key).map_err(failed)
    }

    /// The public key, as a JWK set.
    pub fn published(self) -> JwkSet {
        JwkSet {
            keys: vec![self.public],
        }
    }
}

fn failed(error: jsonwebtoken::errors::Error) -> Problem {
    tracing::error!(
        error = %causes(&error),
        "a receipt was not signed"
    );
    Problem::unavailable()
}
