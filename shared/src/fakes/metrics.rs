use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::ports::{Metric, Metrics};

/// What was recorded.
#[derive(Debug, Clone, Default)]
pub struct MemoryMetrics(Arc<Mutex<Vec<Metric>>>);

impl MemoryMetrics {
    /// The last value recorded under a name.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<f64> {
        let metrics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = metrics
            .iter()
            .rev()
            .find(|metric| metric.gauge.name() == name);
        found.map(|metric| metric.value)
    }
}

impl Metrics for MemoryMetrics {
    fn record(&self, _at: Timestamp, metrics: &[Metric]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(metrics);
    }
}
