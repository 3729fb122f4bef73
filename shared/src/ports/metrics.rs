use jiff::Timestamp;

/// A number that an operator watches. Holds nothing of a person or a customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name, which alarms and the dashboard know.
    pub name: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// How much.
    pub value: f64,
}

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Hundredths.
    Percent,
}

/// Where an operator watches. Recording cannot fail: what it is written to is the log.
pub trait Metrics: Send + Sync {
    /// Records metrics of one moment.
    fn record(&self, at: Timestamp, metrics: &[Metric]);
}
