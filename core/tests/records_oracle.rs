//! Batches judged by an independent implementation, the `kafka-protocol` crate.

use bytes::Bytes;
use kafka_protocol::records::{Record, RecordBatchDecoder};
use ottla_core::records::batch::write_producer_state;
use ottla_core::records::{BatchBuilder, Compression, Compressor, Header, RecordFields};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct OwnedRecord {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: i64,
}

fn records() -> impl Strategy<Value = Vec<OwnedRecord>> {
    let bytes = || of(vec(any::<u8>(), 0..200));
    let headers = proptest::collection::btree_map(".{0,70}", bytes(), 0..4);
    let record = (bytes(), bytes(), headers, prop_oneof![0..i64::MAX, 0..1000i64]).prop_map(
        |(key, value, headers, timestamp)| OwnedRecord {
            key,
            value,
            headers: headers.into_iter().collect(),
            timestamp,
        },
    );
    vec(record, 1..80)
}

fn batch_of(records: &[OwnedRecord], compression: Compression) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::with_capacity(1024));
    for record in records {
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| Header { key, value: value.as_deref() })
            .collect();
        let fields = RecordFields {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        };
        batch.append(&fields, record.timestamp).expect("there is room");
    }
    let mut compressor = Compressor::new(compression).expect("the codec is compiled in");
    batch.seal(&mut compressor).expect("records compress");
    batch.into_bytes()
}

fn decoded(batch: Vec<u8>) -> Vec<Record> {
    let mut bytes = Bytes::from(batch);
    RecordBatchDecoder::decode(&mut bytes).expect("kafka-protocol reads the batch").records
}

proptest! {
    #[test]
    fn kafka_protocol_reads_what_was_written(records in records()) {
        let mut batch = batch_of(&records, Compression::NONE);
        write_producer_state(&mut batch, 77, 5, i32::MAX - 100).expect("a batch");
        let decoded = decoded(batch);
        prop_assert_eq!(decoded.len(), records.len());
        for (i, (read, written)) in decoded.iter().zip(&records).enumerate() {
            prop_assert_eq!(read.key.as_deref(), written.key.as_deref());
            prop_assert_eq!(read.value.as_deref(), written.value.as_deref());
            prop_assert_eq!(read.timestamp, written.timestamp);
            prop_assert_eq!(read.offset, i as i64);
            prop_assert_eq!(read.producer_id, 77);
            prop_assert_eq!(read.producer_epoch, 5);
            prop_assert_eq!(read.partition_leader_epoch, -1);
            prop_assert!(!read.transactional && !read.control);
            prop_assert_eq!(read.headers.len(), written.headers.len());
            for (read, written) in read.headers.iter().zip(&written.headers) {
                prop_assert_eq!(read.0.as_str(), written.0.as_str());
                prop_assert_eq!(read.1.as_deref(), written.1.as_deref());
            }
        }
    }
}
