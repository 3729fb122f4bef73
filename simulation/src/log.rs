//! The log of a run, for understanding a failure.

use std::cell::RefCell;
use std::io;
use std::sync::Mutex;

use jiff::Timestamp;
use leadfeed_shared::locked;
use tracing::level_filters::LevelFilter;

/// The lines, if the log is recording.
#[derive(Debug, Default)]
pub struct Log(Option<Mutex<Vec<String>>>);

impl Log {
    /// A log that records its lines.
    #[must_use]
    pub fn recording() -> Self {
        Self(Some(Mutex::default()))
    }

    /// A log that records nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// Adds a line.
    pub fn note(&self, at: Timestamp, source: &str, text: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let line = format!("{at:.3} {source:<14} {}", text());
            locked(lines).push(line);
        }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.as_ref().map(|lines| locked(lines).clone());
        lines.unwrap_or_default()
    }
}

thread_local! {
    /// What the use cases have logged on this thread since the last read.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The writer that collects the use cases' log lines.
struct LogCollector;

impl io::Write for LogCollector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects what is logged on this thread for as long as the guard lives.
#[must_use]
pub fn collect() -> tracing::subscriber::DefaultGuard {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(|| LogCollector)
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .finish();
    tracing::subscriber::set_default(subscriber)
}

/// Takes what was logged on this thread since the last read.
#[must_use]
pub fn take_logged() -> Option<String> {
    LOGGED.with_borrow_mut(|logged| {
        let text = (!logged.is_empty()).then(|| String::from_utf8_lossy(logged).into_owned());
        logged.clear();
        text
    })
}
