use jiff::Timestamp;

use super::directory::{MemoryDirectory, Rows};
use crate::domain::handshake::{Handshake, Taken};
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

    async fn take(&self, state: &str, now: Timestamp) -> Result<Taken, StoreError> {
        let take = |rows: &mut Rows| {
            let handshake = rows.handshakes.remove(&fingerprint(state));
            let live = handshake.filter(|handshake| handshake.expires_at > now);
            live.map_or(Taken::Nothing, Taken::Handshake)
        };
        self.0.step(take).await
    }
}
