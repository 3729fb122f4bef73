//! Medians, percentiles and number formatting.

use std::time::Duration;

/// The value below which this share of the samples lies, by nearest rank; `None` if there are no samples.
pub fn quantile<T: Ord + Copy>(samples: &[T], percent: usize) -> Option<T> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// The middle sample, or the lower of two; zero if there are no samples.
pub fn median<T: Ord + Copy + Default>(samples: &[T]) -> T {
    quantile(samples, 50).unwrap_or_default()
}

/// As `1.23 ms`.
pub fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// As `1.23 MB`, in millions of bytes.
pub fn megabytes(bytes: u64) -> String {
    let thousands = (bytes + 5_000) / 10_000;
    format!("{}.{:02} MB", thousands / 100, thousands % 100)
}

/// As `2.3×`.
pub fn times(own: f64, floor: f64) -> String {
    format!("{:.1}×", own / floor)
}

/// As `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_returns_the_nearest_rank_sample_or_none() {
        let samples: Vec<u32> = (1..=200).rev().collect();

        assert_eq!(quantile(&samples, 50), Some(100));
        assert_eq!(quantile(&samples, 99), Some(198));
        assert_eq!(quantile(&[7], 99), Some(7));
        assert_eq!(quantile::<u32>(&[], 50), None);
    }

    #[test]
    fn figures_are_rounded_and_grouped() {
        assert_eq!(megabytes(1_234_999), "1.23 MB");
        assert_eq!(megabytes(1_235_000), "1.24 MB");
        assert_eq!(millis(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
