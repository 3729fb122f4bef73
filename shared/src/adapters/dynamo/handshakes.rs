use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::directory::DynamoDirectory;
use super::keys;
use super::table::{read, row, ttl};
use crate::domain::handshake::Handshake;
use crate::domain::ids::{AppId, CustomerId};
use crate::domain::keys::fingerprint;
use crate::ports::{Handshakes, StoreError};

/// A handshake as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct HandshakeRow {
    customer: CustomerId,
    app: AppId,
    browser: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<String>,
    until: Timestamp,
    /// For the table's TTL, which deletes late; `until` is what counts.
    expires_at: i64,
}

impl Handshakes for DynamoDirectory {
    async fn open(&self, state: &str, handshake: &Handshake) -> Result<(), StoreError> {
        let content = HandshakeRow {
            customer: handshake.customer.clone(),
            app: handshake.app.clone(),
            browser: handshake.browser.clone(),
            verifier: handshake
                .verifier
                .as_ref()
                .map(|verifier| verifier.expose_secret().to_owned()),
            until: handshake.expires_at,
            expires_at: ttl(handshake.expires_at),
        };
        self.table
            .put(row(keys::handshake(&fingerprint(state)), &content)?)
            .await
    }

    async fn take(&self, state: &str, now: Timestamp) -> Result<Option<Handshake>, StoreError> {
        let Some(item) = self
            .table
            .take(keys::handshake(&fingerprint(state)))
            .await?
        else {
            return Ok(None);
        };
        let row: HandshakeRow = read(item)?;
        if row.until <= now {
            return Ok(None);
        }
        Ok(Some(Handshake {
            customer: row.customer,
            app: row.app,
            browser: row.browser,
            verifier: row.verifier.map(Into::into),
            expires_at: row.until,
        }))
    }
}
