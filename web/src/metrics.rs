//! A metrics snapshot as numbers in a fixed order.

use alloc::vec;
use alloc::vec::Vec;

use ottla_core::Metrics;

macro_rules! metrics {
    ($($name:literal: $($field:ident).+,)*) => {
        /// The names in JavaScript.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// The values in the order of [`NAMES`]. Times are in microseconds.
        pub(crate) fn values(metrics: &Metrics) -> Vec<f64> {
            vec![$(metrics.$($field).+ as f64),*]
        }
    };
}

metrics! {
    "recordsSent": records_sent,
    "recordsAcknowledged": records_acknowledged,
    "recordsRetried": records_retried,
    "recordsFailed": records_failed,
    "bytesSent": bytes_sent,
    "batches": batch_size.count,
    "batchBytesMax": batch_size.max,
    "queueTimeTotalUs": queue_time.sum,
    "queueTimeMaxUs": queue_time.max,
    "requests": requests,
    "requestLatencyTotalUs": request_latency.sum,
    "requestLatencyMaxUs": request_latency.max,
    "produceRequests": request_latency.count,
    "requestsInFlight": requests_in_flight,
    "outgoingBytes": outgoing_bytes,
    "incomingBytes": incoming_bytes,
    "connectionsOpened": connections_opened,
    "connectionsClosed": connections_closed,
    "metadataUpdates": metadata_updates,
    "epochBumps": epoch_bumps,
    "throttleTimeTotalUs": throttle_time.sum,
    "bufferTotalBytes": buffer_total_bytes,
    "bufferAvailableBytes": buffer_available_bytes,
    "bufferExhausted": buffer_exhausted,
}
