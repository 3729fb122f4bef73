//! Chooses the part of a minute in which a submission is measured: around the turn of one, it costs one more write.

use std::ops::Range;
use std::time::Duration;

use jiff::Timestamp;

/// A part of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing in the intake depends on the clock.
    Middle,
    /// Within 15 s of the turn, where equal submissions without a key agree on an id.
    Turn,
}

impl Part {
    /// Seconds at which a measurement of at most 15 s may begin.
    const fn start_seconds(self) -> Range<i64> {
        match self {
            Self::Middle => 15..30,
            Self::Turn => 45..60,
        }
    }

    /// Waits until a measurement may begin.
    pub async fn wait(self) {
        tokio::time::sleep(self.delay_from(Timestamp::now())).await;
    }

    fn delay_from(self, now: Timestamp) -> Duration {
        let second = now.as_second().rem_euclid(60);
        let start_seconds = self.start_seconds();
        let wait = if start_seconds.contains(&second) {
            0
        } else {
            (start_seconds.start - second).rem_euclid(60)
        };
        Duration::from_secs(wait.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurement_starts_in_its_part_of_the_minute() {
        let starts = |part: Part, second| {
            let now = Timestamp::from_second(60 + second).unwrap();
            second + i64::try_from(part.delay_from(now).as_secs()).unwrap()
        };

        for (second, middle, turn) in [
            (0, 15, 45),
            (15, 15, 45),
            (29, 29, 45),
            (30, 75, 45),
            (59, 75, 59),
        ] {
            assert_eq!(starts(Part::Middle, second), middle, "from second {second}");
            assert_eq!(starts(Part::Turn, second), turn, "from second {second}");
        }
    }
}
