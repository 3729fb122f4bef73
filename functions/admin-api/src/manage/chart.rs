//! The last thirty days as a bar chart. Plain SVG, drawn without script; a table beside it has the same numbers.

use jiff::ToSpan as _;
use jiff::civil::Date;
use leadfeed_shared::domain::tally::Tally;

use crate::sums::Sums;

const DAYS: i32 = 30;

/// Units of the drawing.
const HEIGHT: f64 = 120.0;
const STEP: f64 = 20.0;
const BAR: f64 = 14.0;

pub struct Chart {
    pub bars: Vec<Bar>,
    /// The highest number of leads in one day.
    pub most: i64,
    /// The totals of the days shown.
    pub sums: Sums,
    pub width: f64,
    pub height: f64,
    pub first: String,
    pub last: String,
}

/// One day, from the bottom up.
pub struct Bar {
    pub day: String,
    pub sums: Sums,
    pub parts: Vec<Part>,
}

pub struct Part {
    pub class: &'static str,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Chart {
    pub fn of(tallies: &[Tally], today: Date) -> Self {
        let days: Vec<Date> = (0..DAYS)
            .rev()
            .filter_map(|back| today.checked_sub(back.days()).ok())
            .collect();
        let of_day = |day: &Date| {
            let tally = tallies.iter().find(|tally| tally.day == *day);
            tally.map_or_else(Sums::default, |tally| Sums::of([tally]))
        };
        let sums: Vec<Sums> = days.iter().map(of_day).collect();
        let most = sums.iter().map(Sums::all).max().unwrap_or_default();
        let bars = days
            .iter()
            .zip(sums)
            .enumerate()
            .map(|(i, (day, sums))| Bar {
                day: day_label(*day),
                parts: parts(&sums, i, most),
                sums,
            });
        let days_shown = tallies.iter().filter(|tally| days.contains(&tally.day));
        Self {
            bars: bars.collect(),
            most,
            sums: Sums::of(days_shown),
            width: STEP * f64::from(DAYS) - (STEP - BAR), // no gap after the last
            height: HEIGHT,
            first: days.first().copied().map(day_label).unwrap_or_default(),
            last: days.last().copied().map(day_label).unwrap_or_default(),
        }
    }
}

/// The bar's segments; a count above zero is always visible.
fn parts(sums: &Sums, place: usize, most: i64) -> Vec<Part> {
    let mut top = HEIGHT;
    let mut parts = Vec::new();
    for (class, count) in [
        ("delivered", sums.delivered + sums.exported),
        ("waiting", sums.waiting),
        ("refused", sums.refused + sums.quarantined),
    ] {
        if count <= 0 {
            continue;
        }
        let height = (HEIGHT * ratio(count, most)).max(2.0).min(top);
        top -= height;
        parts.push(Part {
            class,
            x: f64::from(u32::try_from(place).unwrap_or_default()) * STEP,
            y: top,
            width: BAR,
            height,
        });
    }
    parts
}

fn ratio(count: i64, most: i64) -> f64 {
    let thousandths = count.saturating_mul(1_000) / most.max(1);
    f64::from(i32::try_from(thousandths).unwrap_or(1_000)) / 1_000.0
}

fn day_label(day: Date) -> String {
    day.strftime("%-d %b").to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use leadfeed_shared::domain::tally::Counts;

    use super::*;

    #[test]
    fn bars_of_thirty_days_fill_the_drawing_and_stay_inside_it() {
        let today = date(2026, 11, 23);
        let tally = |day, delivered, waiting| Tally {
            day,
            counts: Counts::from([
                ("delivered".into(), delivered),
                ("waiting.quota".into(), waiting),
            ]),
        };
        let tallies = [
            tally(date(2026, 10, 1), 7, 0),
            tally(date(2026, 11, 22), 90_000, 10_000),
            tally(today, 1, 0),
        ];

        let chart = Chart::of(&tallies, today);

        assert_eq!((chart.bars.len(), chart.most), (30, 100_000));
        assert_eq!(chart.sums.all(), 100_001, "earlier days are not counted");
        let parts: Vec<_> = chart.bars.iter().flat_map(|bar| &bar.parts).collect();
        assert_eq!(parts.len(), 3);
        for part in &parts {
            assert!(part.y >= 0.0 && part.y + part.height <= HEIGHT + 0.01);
            assert!(part.x + part.width <= chart.width);
        }
        assert!(parts[2].height >= 2.0, "one lead is visible beside many");
        let end = parts[2].x + parts[2].width;
        assert!(
            (end - chart.width).abs() < 0.01,
            "the bar of today ends the drawing"
        );
    }
}
