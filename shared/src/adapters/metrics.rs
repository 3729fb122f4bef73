//! Metrics in `CloudWatch`'s embedded format: `CloudWatch` turns a JSON line of the function's output into metrics.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::config::{self, ConfigError};
use crate::ports::{Metric, Metrics, Unit};

const NAMESPACE: &str = "Leadfeed";

/// Writes the metrics of one stack to the standard output.
#[derive(Debug, Clone)]
pub struct EmbeddedMetrics {
    stack: String,
}

impl EmbeddedMetrics {
    /// For the stack `LEADFEED_STACK`, by its name.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self::of(&config::required("LEADFEED_STACK")?))
    }

    /// For a stack by its name or its ARN.
    #[must_use]
    pub fn of(stack: &str) -> Self {
        let name = stack.split('/').nth(1).unwrap_or(stack);
        Self {
            stack: name.to_owned(),
        }
    }

    fn line(&self, at: Timestamp, metrics: &[Metric]) -> Value {
        let unit = |unit| match unit {
            Unit::Count => "Count",
            Unit::Seconds => "Seconds",
            Unit::Percent => "Percent",
        };
        let described: Vec<_> = metrics
            .iter()
            .map(|metric| json!({"Name": metric.gauge.name(), "Unit": unit(metric.gauge.unit())}))
            .collect();
        let mut line = Map::from_iter([
            (
                "_aws".to_owned(),
                json!({
                    "Timestamp": at.as_millisecond(),
                    "CloudWatchMetrics": [
                        {"Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": described},
                    ],
                }),
            ),
            ("Stack".to_owned(), json!(self.stack)),
        ]);
        let values = metrics.iter();
        line.extend(values.map(|metric| (metric.gauge.name().to_owned(), json!(metric.value))));
        Value::Object(line)
    }
}

impl Metrics for EmbeddedMetrics {
    fn record(&self, at: Timestamp, metrics: &[Metric]) {
        println!("{}", self.line(at, metrics));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Gauge;

    #[test]
    fn metrics_line_is_in_the_cloudwatch_embedded_format() {
        let metrics = EmbeddedMetrics::of("arn:aws:cloudformation:us-east-1:1:stack/leadfeed/0");
        let (gauge, value) = (Gauge::OldestUndelivered, 90.0);

        let line = metrics.line(Timestamp::UNIX_EPOCH, &[Metric { gauge, value }]);

        assert_eq!(
            line,
            json!({
                "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{
                    "Namespace": "Leadfeed", "Dimensions": [["Stack"]],
                    "Metrics": [{"Name": "OldestUndelivered", "Unit": "Seconds"}],
                }]},
                "Stack": "leadfeed", "OldestUndelivered": 90.0,
            })
        );
    }
}
