//! Progress bars on a terminal; plain lines elsewhere.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// The longest that a step without a terminal stays silent while there is something to report.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// Where steps are shown.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Bars on a terminal, lines elsewhere; both on standard error, so that standard output stays the program's own.
    pub fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
        }
    }

    /// A step that begins now and ends when told to.
    pub fn step(&self, name: impl Into<String>) -> Step {
        let name = name.into();
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars
                .add(ProgressBar::new_spinner())
                .with_style(style("{spinner} {prefix}  {elapsed}  {wide_msg:.dim}"));
            bar.set_prefix(name.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            eprintln!("… {name}");
        }
        Step {
            name,
            bar,
            began: Instant::now(),
            last_printed: Cell::new(Instant::now()),
        }
    }

    /// A step that counts to `total`.
    pub fn count(&self, name: impl Into<String>, total: usize) -> Step {
        let step = self.step(name);
        if let Some(bar) = &step.bar {
            bar.set_length(total as u64);
            bar.set_style(style(
                "{spinner} {prefix}  {elapsed}  {bar:30} {pos}/{len}  {wide_msg:.dim}",
            ));
        }
        step
    }

    /// Prints a line of output without breaking a bar.
    pub fn print(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| println!("{line}")),
            None => println!("{line}"),
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// A running step.
#[derive(Debug)]
pub struct Step {
    name: String,
    bar: Option<ProgressBar>,
    began: Instant,
    /// When a line was last printed, if there is no terminal.
    last_printed: Cell<Instant>,
}

impl Step {
    /// Reports what is happening now. Without a terminal, only now and then, as a sign of life.
    pub fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(message.to_owned()),
            None if self.last_printed.get().elapsed() > REPORT_INTERVAL => {
                self.last_printed.set(Instant::now());
                eprintln!("  {message}");
            }
            None => {}
        }
    }

    /// Reports how far a counting step is.
    pub fn at(&self, position: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(position as u64);
        }
    }

    /// Ends the step.
    pub fn done(self) {
        let seconds = self.began.elapsed().as_secs_f32();
        match &self.bar {
            Some(bar) => {
                bar.set_style(style("{prefix}"));
                bar.finish_with_message("");
                bar.set_prefix(format!("✓ {}  {seconds:.1} s", self.name));
            }
            None => eprintln!("✓ {}  {seconds:.1} s", self.name),
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
    }
}
