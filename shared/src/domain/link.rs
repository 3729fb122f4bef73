//! Signed, expiring links and cookies, which identify customers, who have no accounts here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CustomerId, LinkId};
use super::keys::{Purpose, SigningKeys};

/// What a link lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Start connecting an account; once.
    Connect,
    /// See and act on the customer's page.
    Manage,
    /// Continue with the steps after the callback (a cookie, never in a URL).
    Session,
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// What for.
    #[serde(rename = "k")]
    pub kind: LinkKind,
    /// For whom.
    #[serde(rename = "c")]
    pub customer: CustomerId,
    /// Its id, so that it can be redeemed.
    #[serde(rename = "i")]
    pub id: LinkId,
    /// UNIX seconds of its end.
    #[serde(rename = "e")]
    pub expires_at: i64,
}

/// Why a link is not honoured. A page says the same for all reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not ours, or for another purpose.
    #[error("the link is not valid")]
    Forged,
    /// Ours, but expired.
    #[error("the link has expired")]
    Expired,
}

impl Link {
    /// The link's token: its content and a signature over it, both in base64url.
    #[must_use]
    pub fn sign(&self, keys: &SigningKeys) -> String {
        let claims =
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).expect("a link is plain data"));
        let signature = keys.sign(self.kind.purpose(), claims.as_bytes());
        format!("{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Reads a token, trusting nothing in it before its signature has been verified.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn verify(
        token: &str,
        kind: LinkKind,
        keys: &SigningKeys,
        now: Timestamp,
    ) -> Result<Self, LinkError> {
        let (claims, signature) = token.split_once('.').ok_or(LinkError::Forged)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| LinkError::Forged)?;
        if !keys.verify(kind.purpose(), claims.as_bytes(), &signature) {
            return Err(LinkError::Forged);
        }
        let claims = URL_SAFE_NO_PAD
            .decode(claims)
            .map_err(|_| LinkError::Forged)?;
        let link: Self = serde_json::from_slice(&claims).map_err(|_| LinkError::Forged)?;
        if link.kind != kind {
            return Err(LinkError::Forged);
        }
        if link.expires_at <= now.as_second() {
            return Err(LinkError::Expired);
        }
        Ok(link)
    }
}

impl LinkKind {
    fn purpose(self) -> Purpose {
        match self {
            Self::Connect | Self::Manage => Purpose::Link,
            Self::Session => Purpose::Session,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_is_valid_only_for_its_kind_until_it_expires() {
        let keys = SigningKeys::new("root".into());
        let link = Link {
            kind: LinkKind::Connect,
            customer: "engines".parse().unwrap(),
            id: "lnk_01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap(),
            expires_at: 100,
        };
        let token = link.sign(&keys);
        let at = |second| Timestamp::from_second(second).unwrap();

        assert_eq!(
            Link::verify(&token, LinkKind::Connect, &keys, at(99)),
            Ok(link)
        );
        assert_eq!(
            Link::verify(&token, LinkKind::Connect, &keys, at(100)),
            Err(LinkError::Expired)
        );
        assert_eq!(
            Link::verify(&token, LinkKind::Manage, &keys, at(99)),
            Err(LinkError::Forged)
        );
        assert_eq!(
            Link::verify(&token, LinkKind::Session, &keys, at(99)),
            Err(LinkError::Forged)
        );
        for forged in [
            "",
            ".",
            "a.b",
            &token[1..],
            &format!("{token}A"),
            &token.replace('.', ""),
        ] {
            assert_eq!(
                Link::verify(forged, LinkKind::Connect, &keys, at(99)),
                Err(LinkError::Forged),
                "{forged}"
            );
        }
    }
}
