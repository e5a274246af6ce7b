//! Latencies, from the moment at which a record was due to its acknowledgement.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// A histogram in nanoseconds.
#[derive(Clone, Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed"))
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0.record(nanos.max(1)).expect("it grows with its values");
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have room for every latency");
    }

    /// In microseconds; null if there is none.
    pub(crate) fn to_json(&self) -> Value {
        if self.0.is_empty() {
            return Value::Null;
        }
        let micros = |quantile| self.0.value_at_quantile(quantile) as f64 / 1e3;
        json!({ "p50": micros(0.5), "p99": micros(0.99), "p999": micros(0.999) })
    }
}
