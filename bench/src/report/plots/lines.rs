//! Line charts over a number.

use std::path::Path;

use anyhow::Result;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::{COLORS, FAINT, INK, WIDTH, plot_error};

pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) x: &'static str,
    /// Of the horizontal and the vertical axis.
    pub(super) logarithmic: (bool, bool),
    pub(super) lines: Vec<Line>,
}

pub(super) fn draw(file: &Path, note: &str, chart: &Chart) -> Result<()> {
    let points = || chart.lines.iter().flat_map(|line| &line.points);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(1.0, f64::max) * 1.1;
    let (x, y) = (most(|point| point.0), most(|point| point.1));
    let least = points().map(|point| point.0).fold(x, f64::min) * 0.9;
    match chart.logarithmic {
        (true, true) => draw_on(
            file,
            note,
            chart,
            (least..x).log_scale(),
            (1.0..y).log_scale(),
        ),
        _ => draw_on(file, note, chart, 0.0..x, 0.0..y),
    }
}

fn draw_on<X, Y>(
    file: &Path,
    note: &str,
    chart: &Chart,
    x: impl AsRangedCoord<CoordDescType = X, Value = f64>,
    y: impl AsRangedCoord<CoordDescType = Y, Value = f64>,
) -> Result<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let text = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let root = SVGBackend::new(file, (WIDTH, 420)).into_drawing_area();
    root.fill(&WHITE).map_err(plot_error)?;
    let mut axes = ChartBuilder::on(&root)
        .caption(chart.title, text(17))
        .margin(14)
        .x_label_area_size(56)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)
        .map_err(plot_error)?;
    axes.configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .x_desc(format!("{}. {note}", chart.x))
        .label_style(text(12))
        .draw()
        .map_err(plot_error)?;
    for (line, color) in chart.lines.iter().zip(COLORS) {
        let style = ShapeStyle::from(&color).stroke_width(2);
        let points = line.points.iter().copied();
        let series = axes.draw_series(LineSeries::new(points, style));
        series
            .map_err(plot_error)?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color));
    }
    axes.configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE)
        .border_style(FAINT)
        .label_font(text(13))
        .draw()
        .map_err(plot_error)?;
    root.present().map_err(plot_error)
}
