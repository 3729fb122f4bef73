//! Seeded randomness: the same seed and the same calls give the same ids.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    pub fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A random string of `len` URL-safe characters.
    pub fn text(&mut self, len: usize) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte & 63)]);
        bytes.iter().map(letter).collect()
    }
}
