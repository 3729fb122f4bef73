//! Signs access tokens as RS256 JWTs and publishes the public key.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::world::{Tokens, User};

/// The path in the `iss` of access tokens, under which the keys are published.
pub const ISSUER: &str = "/oauth2/aus1lm3ry9mF7x2Ja0h8";

#[derive(Debug, thiserror::Error)]
#[error("the signing key could not be made or used")]
pub struct SigningFailed;

#[derive(Clone)]
pub struct Signer {
    key: Arc<RsaKeyPair>,
    key_id: String,
    issuer: String,
}

impl Signer {
    /// One key serves every sandbox of a process: generating one takes longer than starting a sandbox.
    pub fn new(sandbox: &str) -> Result<Self, SigningFailed> {
        static KEY: OnceLock<Option<Arc<RsaKeyPair>>> = OnceLock::new();
        let make = || RsaKeyPair::generate(KeySize::Rsa2048).ok().map(Arc::new);
        let key = KEY.get_or_init(make).clone().ok_or(SigningFailed)?;
        let modulus = key.public_key().modulus();
        let key_id = URL_SAFE_NO_PAD.encode(&modulus.big_endian_without_leading_zero()[..16]);
        Ok(Self {
            key,
            key_id,
            issuer: format!("{sandbox}{ISSUER}"),
        })
    }

    pub fn sign(&self, tokens: &Tokens, user: &User) -> Result<String, SigningFailed> {
        let header = json!({ "alg": "RS256", "kid": self.key_id, "typ": "JWT" });
        let access = &tokens.access;
        let claims = json!({
            "ver": 1,
            "jti": format!("AT.{}", tokens.token_id),
            "iss": self.issuer,
            "aud": "https://api.cc.email/v3",
            "iat": tokens.issued_at.as_second(),
            "exp": access.expires_at.as_second(),
            "auth_time": tokens.issued_at.as_second(),
            "cid": access.client_id,
            "uid": user.id.simple().to_string(),
            "scp": access.scope.names().collect::<Vec<_>>(),
            "sub": user.login,
            "platform_user_id": user.platform_user_id,
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .map_err(|_| SigningFailed)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The key set with which clients verify tokens.
    pub fn jwks(&self) -> Value {
        let public = self.key.public_key();
        json!({ "keys": [{
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }] })
    }
}
