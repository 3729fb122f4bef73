use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::handshake::Handshake;
use crate::domain::keys::fingerprint;
use crate::ports::{Handshakes, StoreError};

impl Handshakes for MemoryDirectory {
    async fn open(&self, state: &str, handshake: &Handshake) -> Result<(), StoreError> {
        let open = |rows: &mut Rows| {
            rows.handshakes
                .insert(fingerprint(state), handshake.clone());
        };
        self.0.step(open).await
    }

    async fn take(&self, state: &str, now: Timestamp) -> Result<Option<Handshake>, StoreError> {
        let take = |rows: &mut Rows| {
            let handshake = rows.handshakes.remove(&fingerprint(state));
            handshake.filter(|handshake| handshake.expires_at > now)
        };
        self.0.step(take).await
    }
}
