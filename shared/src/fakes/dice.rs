use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

use crate::ports::Dice;

/// Randomness that a seed repeats.
#[derive(Debug, Clone)]
pub struct SeededDice {
    seed: u64,
    rolls: Arc<AtomicU64>,
}

impl SeededDice {
    /// Dice that always roll the same from the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            rolls: Arc::default(),
        }
    }
}

impl Dice for SeededDice {
    fn roll(&self) -> [u8; 16] {
        let roll = self.rolls.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(roll.to_be_bytes())
            .finalize();
        std::array::from_fn(|i| digest[i])
    }
}
