/// Randomness that nobody can guess.
pub trait SecureRandom: Send + Sync {
    /// Sixteen random bytes.
    fn bytes(&self) -> [u8; 16];

    /// Sixteen random bytes as one number.
    fn number(&self) -> u128 {
        u128::from_be_bytes(self.bytes())
    }

    /// Sixteen random bytes as text, as the name of who owns a lock, a lease or a claim.
    fn owner_name(&self) -> String {
        hex::encode(self.bytes())
    }
}
