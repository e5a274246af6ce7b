//! The producer's metrics under Kafka's names.

use ottla::Metrics;
use serde_json::Value;

/// Name and value of each; times in milliseconds, as Kafka's.
fn all(metrics: &Metrics) -> Vec<(&'static str, f64)> {
    let millis = |micros: u64| micros as f64 / 1000.0;
    let count = |value: u64| value as f64;
    vec![
        ("batch-size-avg", count(metrics.batch_size.average())),
        ("batch-size-max", count(metrics.batch_size.max)),
        ("batch-split-total", count(metrics.batch_splits)),
        ("buffer-available-bytes", count(metrics.buffer_available_bytes)),
        ("buffer-exhausted-total", count(metrics.buffer_exhausted)),
        ("buffer-total-bytes", count(metrics.buffer_total_bytes)),
        ("byte-total", count(metrics.bytes_sent)),
        ("compression-rate-avg", count(metrics.compression_per_mille.average()) / 1000.0),
        ("connection-close-total", count(metrics.connections_closed)),
        ("connection-creation-total", count(metrics.connections_opened)),
        ("incoming-byte-total", count(metrics.incoming_bytes)),
        ("metadata-age", metrics.metadata_age.as_secs_f64()),
        ("outgoing-byte-total", count(metrics.outgoing_bytes)),
        ("produce-throttle-time-avg", millis(metrics.throttle_time.average())),
        ("produce-throttle-time-max", millis(metrics.throttle_time.max)),
        ("record-error-total", count(metrics.records_failed)),
        ("record-queue-time-avg", millis(metrics.queue_time.average())),
        ("record-queue-time-max", millis(metrics.queue_time.max)),
        ("record-retry-total", count(metrics.records_retried)),
        ("record-send-total", count(metrics.records_sent)),
        ("records-per-request-avg", count(metrics.records_per_request.average())),
        ("request-latency-avg", millis(metrics.request_latency.average())),
        ("request-latency-max", millis(metrics.request_latency.max)),
        ("request-total", count(metrics.requests)),
        ("requests-in-flight", count(metrics.requests_in_flight)),
        ("waiting-threads", count(metrics.waiting_for_memory)),
    ]
}

/// The table that Kafka's tools print.
pub(crate) fn to_text(metrics: &Metrics, client_id: &str) -> String {
    let name = |name: &str| format!("producer-metrics:{name}:{{client-id={client_id}}}");
    let all = all(metrics);
    let width = all.iter().map(|(metric, _)| name(metric).len()).max().unwrap_or(0);
    let mut text = format!("\n{:<width$}   Value", "Metric Name");
    for (metric, value) in all {
        text += &format!("\n{:<width$} : {value:.3}", name(metric));
    }
    text
}

/// `{"name": value}`.
pub(crate) fn to_json(metrics: &Metrics) -> Value {
    all(metrics).into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}
