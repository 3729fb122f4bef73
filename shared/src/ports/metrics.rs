use jiff::Timestamp;

/// A number that an operator watches. Says nothing about a person or a customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// What is measured.
    pub gauge: Gauge,
    /// How much.
    pub value: f64,
}

/// Everything that is measured. Alarms and the dashboard know each by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gauge {
    /// How long the oldest lead has been on its way.
    OldestUndelivered,
    /// Connections that deliver nothing until a person acts.
    LostConnections,
    /// The share of its day's calls that the application with the highest share has used.
    BudgetUsed,
    /// Leads of the last day that are set aside.
    Quarantined,
    /// How late the operator's own lead is.
    CanaryLate,
}

impl Gauge {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::OldestUndelivered,
        Self::LostConnections,
        Self::BudgetUsed,
        Self::Quarantined,
        Self::CanaryLate,
    ];

    /// The name of its metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OldestUndelivered => "OldestUndelivered",
            Self::LostConnections => "LostConnections",
            Self::BudgetUsed => "BudgetUsed",
            Self::Quarantined => "Quarantined",
            Self::CanaryLate => "CanaryLate",
        }
    }

    /// Its unit.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::OldestUndelivered | Self::CanaryLate => Unit::Seconds,
            Self::LostConnections | Self::Quarantined => Unit::Count,
            Self::BudgetUsed => Unit::Percent,
        }
    }
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Percent.
    Percent,
}

/// Where an operator watches metrics. Recording cannot fail: it writes to the log.
pub trait Metrics: Send + Sync {
    /// Records metrics of one moment.
    fn record(&self, at: Timestamp, metrics: &[Metric]);
}
