use std::future::Future;

use jiff::Timestamp;

/// The time, and waiting for it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Waits until `moment`; returns at once if it has passed.
    fn sleep_until(&self, moment: Timestamp) -> impl Future<Output = ()> + Send;
}

/// Randomness that nobody can guess.
pub trait SecureRandom: Send + Sync {
    /// Sixteen random bytes.
    fn bytes(&self) -> [u8; 16];

    /// Sixteen random bytes as one number.
    fn number(&self) -> u128 {
        u128::from_be_bytes(self.bytes())
    }
}
