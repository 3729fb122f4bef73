use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use crate::ports::SecureRandom;

/// Randomness that is reproducible from a seed.
#[derive(Debug, Clone)]
pub struct SeededRandom {
    seed: u64,
    drawn: Arc<AtomicU64>,
}

impl SeededRandom {
    /// The same seed gives the same bytes in the same order.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: Arc::default(),
        }
    }
}

impl SecureRandom for SeededRandom {
    fn bytes(&self) -> [u8; 16] {
        let index = self.drawn.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(index.to_be_bytes())
            .finalize();
        std::array::from_fn(|i| digest[i])
    }
}
