//! Chooses the part of a minute in which a submission is measured: around the turn of one, it costs one more write.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;

/// A part of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing in the intake depends on the clock.
    Calm,
    /// Within 15 s of the turn, where equal submissions without a key agree on an id.
    Turn,
}

impl Part {
    /// Seconds at which a measurement of at most 15 s may begin.
    const fn beginnings(self) -> Range<i64> {
        match self {
            Self::Calm => 15..30,
            Self::Turn => 45..60,
        }
    }

    /// Waits until a measurement may begin.
    pub async fn come(self) {
        tokio::time::sleep(self.wait_from(Timestamp::now())).await;
    }

    fn wait_from(self, now: Timestamp) -> Duration {
        let second = now.as_second().rem_euclid(60);
        let beginnings = self.beginnings();
        let wait = if beginnings.contains(&second) {
            0
        } else {
            (beginnings.start - second).rem_euclid(60)
        };
        Duration::from_secs(wait.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_begins_and_ends_in_its_part_of_a_minute() {
        let begins = |part: Part, second| {
            let now = Timestamp::from_second(60 + second).unwrap();
            second + i64::try_from(part.wait_from(now).as_secs()).unwrap()
        };

        for (second, calm, turn) in [
            (0, 15, 45),
            (15, 15, 45),
            (29, 29, 45),
            (30, 75, 45),
            (59, 75, 59),
        ] {
            assert_eq!(begins(Part::Calm, second), calm, "from second {second}");
            assert_eq!(begins(Part::Turn, second), turn, "from second {second}");
        }
    }
}
