//! What a producer counts (row F4), as plain numbers since its start.
//!
//! Rates and averages are the reader's: two snapshots and the time between them give any window.

use core::time::Duration;

use crate::time::micros;

/// A sum with its count and maximum, from which averages follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The largest.
    pub max: u64,
}

impl Summary {
    pub(crate) fn record(&mut self, value: u64) {
        self.count += 1;
        self.sum += value;
        self.max = self.max.max(value);
    }

    pub(crate) fn record_duration(&mut self, value: Duration) {
        self.record(micros(value));
    }

    /// The mean, zero without values.
    pub fn average(&self) -> u64 {
        self.sum.checked_div(self.count).unwrap_or(0)
    }
}

/// A snapshot. Kafka's metric names stand beside the fields; durations are microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Records sent, each attempt counted (`record-send-total`).
    pub records_sent: u64,
    /// Bytes of batches sent, after compression (`byte-total`).
    pub bytes_sent: u64,
    /// Records acknowledged.
    pub records_acknowledged: u64,
    /// Records that went out again (`record-retry-total`).
    pub records_retried: u64,
    /// Records that failed (`record-error-total`).
    pub records_failed: u64,
    /// Bytes per batch on the wire (`batch-size-avg`, `-max`).
    pub batch_size: Summary,
    /// Records per Produce request (`records-per-request-avg`).
    pub records_per_request: Summary,
    /// Compressed size in per mille of the original's, per batch (`compression-rate-avg`).
    pub compression_per_mille: Summary,
    /// Time from a batch's first record to its first sending (`record-queue-time-avg`, `-max`).
    pub queue_time: Summary,
    /// Time from a Produce request to its response (`request-latency-avg`, `-max`).
    pub request_latency: Summary,
    /// Requests sent, of all kinds (`request-total`).
    pub requests: u64,
    /// Bytes written to and read from connections (`outgoing-byte-total`, `incoming-byte-total`).
    pub outgoing_bytes: u64,
    /// See [`outgoing_bytes`](Self::outgoing_bytes).
    pub incoming_bytes: u64,
    /// Requests without a response yet (`requests-in-flight`).
    pub requests_in_flight: u64,
    /// Batches split for being too large (`batch-split-total`).
    pub batch_splits: u64,
    /// Time brokers asked to be left alone (`produce-throttle-time-avg`, `-max`).
    pub throttle_time: Summary,
    /// Connections opened, and lost or closed.
    pub connections_opened: u64,
    /// See [`connections_opened`](Self::connections_opened).
    pub connections_closed: u64,
    /// Metadata responses applied.
    pub metadata_updates: u64,
    /// Time since the last one (`metadata-age`).
    pub metadata_age: Duration,
    /// Times the producer id's epoch moved on to recover from a gap.
    pub epoch_bumps: u64,
    /// `buffer.memory` (`buffer-total-bytes`) and what of it is free (`buffer-available-bytes`).
    pub buffer_total_bytes: u64,
    /// See [`buffer_total_bytes`](Self::buffer_total_bytes).
    pub buffer_available_bytes: u64,
    /// Sends that wait for memory now (`waiting-threads`).
    pub waiting_for_memory: u64,
    /// Sends refused for want of memory (`buffer-exhausted-total`).
    pub buffer_exhausted: u64,
}

/// A topic's own counters (`producer-topic-metrics`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct TopicMetrics {
    /// Records sent, each attempt counted.
    pub records_sent: u64,
    /// Bytes sent, after compression.
    pub bytes_sent: u64,
    /// Records that went out again.
    pub records_retried: u64,
    /// Records that failed.
    pub records_failed: u64,
    /// Compressed size in per mille of the original's, per batch.
    pub compression_per_mille: Summary,
}
