//! The sandbox's clock: real time plus an offset that tests move.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Real time plus an adjustable offset. The one place that reads the system's clock.
#[derive(Debug, Default)]
pub struct VirtualClock {
    offset_us: AtomicI64,
}

impl VirtualClock {
    pub fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_micros(self.offset_us.load(Ordering::Relaxed));
        let real = Timestamp::now();
        real.saturating_add(offset).unwrap_or(real)
    }

    /// Moves the clock forward, or back when `by` is negative.
    pub fn advance(&self, by: SignedDuration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset_us.fetch_add(micros, Ordering::Relaxed);
    }

    /// Sets it to `at`; the clock then runs on from there.
    pub fn set(&self, at: Timestamp) {
        let offset = at.as_microsecond() - Timestamp::now().as_microsecond();
        self.offset_us.store(offset, Ordering::Relaxed);
    }

    pub fn offset(&self) -> SignedDuration {
        SignedDuration::from_micros(self.offset_us.load(Ordering::Relaxed))
    }
}
