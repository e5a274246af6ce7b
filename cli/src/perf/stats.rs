//! What `ottla perf` counts, and the lines of kafka-producer-perf-test that tell it.

use std::time::Duration;

use crate::latency::Latencies;
use crate::rate::{MEBIBYTE, per_second};

/// Acknowledged records since the last line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    latency_sum: Duration,
    latency_max: Duration,
}

impl Window {
    pub(crate) fn record(&mut self, latency: Duration, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
        self.latency_sum += latency * records as u32;
        self.latency_max = self.latency_max.max(latency);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.latency_sum += other.latency_sum;
        self.latency_max = self.latency_max.max(other.latency_max);
    }

    /// `printWindow` of Kafka's ProducerPerformance.
    pub(crate) fn line(&self, elapsed: Duration) -> String {
        format!(
            "{} records sent, {:.1} records/sec ({:.2} MB/sec), {:.1} ms avg latency, {:.1} ms max latency.",
            self.records,
            per_second(self.records as f64, elapsed),
            per_second(self.bytes as f64 / MEBIBYTE, elapsed),
            self.latency_avg_millis(),
            millis(self.latency_max),
        )
    }

    fn latency_avg_millis(&self) -> f64 {
        if self.records == 0 { 0.0 } else { millis(self.latency_sum) / self.records as f64 }
    }
}

/// Acknowledged records of the whole run, or of its steady state.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    pub(crate) sums: Window,
    pub(crate) latencies: Latencies,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self { sums: Window::default(), latencies: Latencies::new() }
    }

    pub(crate) fn record(&mut self, latency: Duration, records: u64, bytes: u64) {
        self.sums.record(latency, records, bytes);
        self.latencies.record(latency, records);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sums.merge(&other.sums);
        self.latencies.merge(&other.latencies);
    }

    /// `printTotal` of Kafka's ProducerPerformance; `state` is empty or ` steady state`.
    pub(crate) fn line(&self, elapsed: Duration, state: &str) -> String {
        let Self { sums, latencies } = self;
        let at = |quantile| latencies.micros_at(quantile) / 1000;
        format!(
            "{}{state} records sent, {:.6} records/sec ({:.2} MB/sec), {:.2} ms avg latency, \
             {:.2} ms max latency, {} ms 50th, {} ms 95th, {} ms 99th, {} ms 99.9th.",
            sums.records,
            per_second(sums.records as f64, elapsed),
            per_second(sums.bytes as f64 / MEBIBYTE, elapsed),
            sums.latency_avg_millis(),
            millis(sums.latency_max),
            at(0.5),
            at(0.95),
            at(0.99),
            at(0.999),
        )
    }
}

/// Kafka's tool sees whole milliseconds, so its maximum has none behind the point; this has.
fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Java's `String.format` on the same numbers, run once with Kafka 4.3.1's format strings.
    #[test]
    fn the_lines_are_kafkas() {
        let mut window = Window::default();
        window.record(Duration::from_millis(4), 50_000, 5_000_000);
        window.record(Duration::from_millis(12), 50_000, 5_000_000);
        assert_eq!(
            window.line(Duration::from_millis(5000)),
            "100000 records sent, 20000.0 records/sec (1.91 MB/sec), 8.0 ms avg latency, 12.0 ms max latency."
        );
        let mut totals = Totals::new();
        totals.record(Duration::from_millis(3), 980, 98_000);
        totals.record(Duration::from_millis(250), 20, 2_000);
        assert_eq!(
            totals.line(Duration::from_millis(1234), ""),
            "1000 records sent, 810.372771 records/sec (0.08 MB/sec), 7.94 ms avg latency, \
             250.00 ms max latency, 3 ms 50th, 3 ms 95th, 250 ms 99th, 250 ms 99.9th."
        );
        assert!(
            totals
                .line(Duration::from_secs(1), " steady state")
                .starts_with("1000 steady state records sent, ")
        );
    }

    #[test]
    fn nothing_sent_is_no_division_by_zero() {
        let line = Window::default().line(Duration::from_secs(5));
        assert_eq!(
            line,
            "0 records sent, 0.0 records/sec (0.00 MB/sec), 0.0 ms avg latency, 0.0 ms max latency."
        );
    }
}
