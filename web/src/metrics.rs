//! A metrics snapshot as numbers, in the order of the names in `web/js/metrics.js`.

macro_rules! metrics {
    ($($name:literal: $($field:ident).+,)*) => {
        /// The values. Times are in microseconds.
        #[cfg(target_family = "wasm")]
        pub(crate) fn values(metrics: &ottla_core::Metrics) -> alloc::vec::Vec<f64> {
            alloc::vec![$(metrics.$($field).+ as f64),*]
        }

        #[cfg(test)]
        const NAMES: &[&str] = &[$($name),*];
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::NAMES;

    #[test]
    fn javascript_has_the_same_names_in_the_same_order() {
        let script = include_str!("../js/metrics.js");
        let lines = script.lines().filter_map(|line| line.strip_prefix("  '"));
        let names: Vec<_> = lines.filter_map(|line| line.strip_suffix("',")).collect();
        assert_eq!(names, NAMES);
    }
}
