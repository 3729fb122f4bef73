use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use secrecy::SecretString;

use super::cell::Cell;
use super::faults::Faults;
use crate::ports::{AdminTokens, Metric, Metrics, StoreError};

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

/// The admin secret's values.
#[derive(Debug, Clone)]
pub struct MemoryTokens(Cell<Vec<String>>);

impl MemoryTokens {
    /// These values.
    #[must_use]
    pub fn new(faults: &Faults, secrets: &[&str]) -> Self {
        let tokens = Self(Cell::new(faults));
        tokens.set(secrets);
        tokens
    }

    /// Other values from now on.
    pub fn set(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned());
        self.0.with(|known| *known = secrets.collect());
    }
}

impl AdminTokens for MemoryTokens {
    async fn secrets(&self) -> Result<Vec<SecretString>, StoreError> {
        let read =
            |known: &mut Vec<String>| known.iter().cloned().map(SecretString::from).collect();
        self.0.step(read).await
    }
}
