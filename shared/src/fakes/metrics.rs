use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::locked;
use crate::ports::{Metric, Metrics};

/// The recorded metrics.
#[derive(Debug, Clone, Default)]
pub struct MemoryMetrics(Arc<Mutex<Vec<Metric>>>);

impl MemoryMetrics {
    /// The last value recorded under a name.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<f64> {
        let metrics = locked(&self.0);
        let found = metrics
            .iter()
            .rev()
            .find(|metric| metric.gauge.name() == name);
        found.map(|metric| metric.value)
    }
}

impl Metrics for MemoryMetrics {
    fn record(&self, _at: Timestamp, metrics: &[Metric]) {
        locked(&self.0).extend(metrics);
    }
}
