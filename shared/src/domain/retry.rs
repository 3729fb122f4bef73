//! When a lead that met temporary trouble is tried again.

use jiff::SignedDuration;

/// The first wait.
const BASE: SignedDuration = SignedDuration::from_secs(30);
/// The longest wait.
const CAP: SignedDuration = SignedDuration::from_hours(6);

/// The wait after the given attempt (from 1): doubling, capped, with `jitter` (0 to 255) choosing within the upper
/// half, so that leads which failed together do not come back together.
#[must_use]
pub fn backoff(attempt: u32, jitter: u8) -> SignedDuration {
    let doubled = BASE.saturating_mul(2_i32.saturating_pow(attempt.saturating_sub(1).min(16)));
    let wait = doubled.min(CAP);
    let half = wait / 2;
    half + half * i32::from(jitter) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_six_hours_with_jitter_in_the_upper_half() {
        for (attempt, least, most) in [
            (1, 15, 30),
            (2, 30, 60),
            (5, 240, 480),
            (20, 10_800, 21_600),
            (u32::MAX, 10_800, 21_600),
        ] {
            assert_eq!(backoff(attempt, 0).as_secs(), least, "{attempt}");
            assert_eq!(backoff(attempt, 255).as_secs(), most, "{attempt}");
        }
    }
}
