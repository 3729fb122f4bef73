//! Horizontal bars in milliseconds, each with its figure, on a logarithmic scale.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::{INK, WIDTH, plot_error};

/// A bar and its label.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) color: RGBColor,
}

const TOP: i32 = 38;
const STEP: i32 = 22;
const LEFT: f64 = 290.0;

pub(super) fn draw(file: &Path, title: &str, note: &str, bars: &[Bar]) -> Result<()> {
    let bottom = TOP + STEP * i32::try_from(bars.len())?;
    let size = (WIDTH, u32::try_from(bottom + 30)?);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE).map_err(plot_error)?;
    let write = |text: &str, size: i32, at: (i32, i32)| {
        let style = ("sans-serif", size).into_font().color(&INK);
        root.draw(&Text::new(text.to_owned(), at, style))
            .map_err(plot_error)
    };
    write(&format!("{title} (ms, logarithmic)"), 17, (12, 10))?;
    let across = scale(bars);
    for (bar, top) in bars.iter().zip((TOP..).step_by(STEP as usize)) {
        let end = across(bar.value);
        let area = [(LEFT as i32, top), (end, top + STEP - 7)];
        root.draw(&Rectangle::new(area, bar.color.filled()))
            .map_err(plot_error)?;
        write(&bar.label, 13, (12, top + 1))?;
        write(&format!("{:.2}", bar.value), 13, (end + 6, top + 1))?;
    }
    write(note, 11, (12, bottom + 8))?;
    root.present().map_err(plot_error)
}

/// Maps a value to the end of its bar.
fn scale(bars: &[Bar]) -> impl Fn(f64) -> i32 {
    let values = bars.iter().map(|bar| bar.value.log10());
    let (least, most) = values.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    );
    let begin = (least - 0.3).floor();
    let right = f64::from(WIDTH) - 80.0;
    move |value| {
        let part = (value.log10() - begin) / (most - begin);
        (LEFT + part * (right - LEFT)) as i32
    }
}
