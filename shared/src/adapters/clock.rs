use std::time::Duration;

use jiff::Timestamp;

use crate::ports::{Clock, SecureRandom};

/// The machine's clock, in whole milliseconds, as the tables store it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let left = Duration::try_from(moment.duration_since(Timestamp::now()));
        tokio::time::sleep(left.unwrap_or_default()).await;
    }
}

/// A cryptographic generator that the operating system seeds.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsRandom;

impl SecureRandom for OsRandom {
    fn bytes(&self) -> [u8; 16] {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleep_ends_at_the_moment_or_at_once_if_it_has_passed() {
        let start = SystemClock.now();
        let moment = start + Duration::from_millis(30);

        SystemClock
            .sleep_until(start - Duration::from_secs(60))
            .await;
        assert!(SystemClock.now() < moment);

        SystemClock.sleep_until(moment).await;
        assert!(SystemClock.now() >= moment);
    }

    #[test]
    fn two_draws_of_random_bytes_differ() {
        assert_ne!(OsRandom.bytes(), OsRandom.bytes());
    }
}
