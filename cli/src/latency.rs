//! Latencies in microseconds, from one to an hour, within 0.1 %.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

const HOUR_MICROS: u64 = 3_600_000_000;

/// A histogram of durations.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, HOUR_MICROS, 3);
        Self(histogram.expect("the bounds are in order"))
    }

    /// Counts `count` durations of `latency`; more than an hour counts as an hour.
    pub(crate) fn record(&mut self, latency: Duration, count: u64) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(micros.clamp(1, HOUR_MICROS), count);
    }

    /// Adds those of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have the same bounds");
    }

    /// The latency in microseconds that the share `quantile` of all does not exceed.
    pub(crate) fn micros_at(&self, quantile: f64) -> u64 {
        self.0.value_at_quantile(quantile)
    }

    /// The percentiles that machines read.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "p50": self.micros_at(0.5),
            "p90": self.micros_at(0.9),
            "p99": self.micros_at(0.99),
            "p999": self.micros_at(0.999),
            "max": self.0.max(),
        })
    }
}
