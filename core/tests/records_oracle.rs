//! Batches of every codec judged by an independent implementation, the `kafka-protocol` crate, in
//! both directions.

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records as oracle;
use ottla_core::records::batch::write_producer_state;
use ottla_core::records::{
    BatchBuilder, Codec, Compression, Compressor, Header, Ratio, RecordBatchView, RecordFields,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;

const MAX_LEN: usize = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
struct OwnedRecord {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
    timestamp: i64,
}

/// Bytes that compress well, badly or not at all.
fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    let repeated = (vec(any::<u8>(), 1..9), 0..300usize)
        .prop_map(|(unit, len)| unit.into_iter().cycle().take(len).collect());
    of(prop_oneof![vec(any::<u8>(), 0..200), vec(0..4u8, 0..2000), repeated])
}

fn records() -> impl Strategy<Value = Vec<OwnedRecord>> {
    let headers = btree_map(".{0,70}", bytes(), 0..4).prop_map(|map| map.into_iter().collect());
    let timestamp = prop_oneof![0..i64::MAX, 0..1000i64];
    let record =
        (bytes(), bytes(), headers, timestamp).prop_map(|(key, value, headers, timestamp)| {
            OwnedRecord { key, value, headers, timestamp }
        });
    vec(record, 1..80)
}

fn available() -> Vec<Codec> {
    Codec::ALL.into_iter().filter(|codec| codec.is_available()).collect()
}

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(available())
}

fn batch_of(records: &[OwnedRecord], compressor: &mut Compressor) -> Vec<u8> {
    let mut batch = BatchBuilder::new(Vec::with_capacity(1024));
    for (i, record) in records.iter().enumerate() {
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
        assert_eq!(batch.append(&fields, record.timestamp), Ok(i as u32));
    }
    let ratio = batch.seal(compressor).expect("records compress");
    assert!(ratio <= Ratio::ONE);
    batch.into_bytes()
}

fn by_oracle(batch: Vec<u8>) -> Vec<oracle::Record> {
    let mut bytes = Bytes::from(batch);
    oracle::RecordBatchDecoder::decode(&mut bytes).expect("kafka-protocol reads the batch").records
}

fn by_ottla(batch: &[u8]) -> Vec<OwnedRecord> {
    let view = RecordBatchView::parse(batch).expect("ottla reads the batch");
    let mut scratch = Vec::new();
    let records = view.records(&mut scratch, MAX_LEN).expect("the records decompress");
    records
        .enumerate()
        .map(|(i, record)| {
            let record = record.expect("a valid record");
            assert_eq!(record.offset_delta, i as u32);
            let headers = record.headers;
            let headers = headers.map(|h| (h.key.to_owned(), h.value.map(Vec::from))).collect();
            OwnedRecord {
                key: record.key.map(Vec::from),
                value: record.value.map(Vec::from),
                headers,
                timestamp: record.timestamp,
            }
        })
        .collect()
}

fn owned(record: &oracle::Record) -> OwnedRecord {
    let headers = record.headers.iter();
    OwnedRecord {
        key: record.key.as_deref().map(Vec::from),
        value: record.value.as_deref().map(Vec::from),
        headers: headers.map(|(k, v)| (k.to_string(), v.as_deref().map(Vec::from))).collect(),
        timestamp: record.timestamp,
    }
}

fn for_oracle(i: usize, record: &OwnedRecord) -> oracle::Record {
    let headers = record.headers.iter();
    oracle::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: 12,
        producer_epoch: 3,
        timestamp_type: oracle::TimestampType::Creation,
        offset: i as i64,
        sequence: 1000 + i as i32,
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: headers
            .map(|(k, v)| (StrBytes::from_string(k.clone()), v.clone().map(Bytes::from)))
            .collect(),
    }
}

fn oracle_codec(codec: Codec) -> oracle::Compression {
    match codec {
        Codec::None => oracle::Compression::None,
        Codec::Gzip => oracle::Compression::Gzip,
        Codec::Snappy => oracle::Compression::Snappy,
        Codec::Lz4 => oracle::Compression::Lz4,
        Codec::Zstd => oracle::Compression::Zstd,
    }
}

proptest! {
    #[test]
    fn the_oracle_reads_what_ottla_writes(batches in vec(records(), 1..4), codec in codec()) {
        // One compressor for all: what it keeps from one batch may not show in the next.
        let mut compressor = Compressor::new(Compression::from(codec)).expect("compiled in");
        for records in batches {
            let mut batch = batch_of(&records, &mut compressor);
            write_producer_state(&mut batch, 77, 5, i32::MAX - 100).expect("a batch");
            prop_assert_eq!(&by_ottla(&batch), &records);
            let decoded = by_oracle(batch);
            prop_assert_eq!(decoded.iter().map(owned).collect::<Vec<_>>(), records);
            for (i, record) in decoded.iter().enumerate() {
                prop_assert_eq!(record.offset, i as i64);
                prop_assert_eq!(record.producer_id, 77);
                prop_assert_eq!(record.producer_epoch, 5);
                prop_assert_eq!(record.sequence, i32::MAX - 100 + i as i32);
                prop_assert_eq!(record.partition_leader_epoch, -1);
                prop_assert!(!record.transactional && !record.control);
            }
        }
    }

    #[test]
    fn ottla_reads_what_the_oracle_writes(records in records(), codec in codec()) {
        let compression = oracle_codec(codec);
        let options = oracle::RecordEncodeOptions { version: 2, compression };
        let given: Vec<_> = records.iter().enumerate().map(|(i, r)| for_oracle(i, r)).collect();
        let mut batch = BytesMut::new();
        oracle::RecordBatchEncoder::encode(&mut batch, &given, &options).expect("it encodes");
        prop_assert_eq!(&by_ottla(&batch), &records);
        let view = RecordBatchView::parse(&batch).expect("ottla reads the batch");
        prop_assert_eq!(view.codec(), codec);
        prop_assert_eq!(view.header().producer_id, 12);
        prop_assert_eq!(view.header().producer_epoch, 3);
        prop_assert_eq!(view.header().base_sequence, 1000);
        prop_assert_eq!(view.header().record_count as usize, records.len());
        prop_assert_eq!(view.header().last_offset_delta as usize, records.len() - 1);
        let max = records.iter().map(|record| record.timestamp).max();
        prop_assert_eq!(Some(view.header().max_timestamp), max);
    }
}

#[test]
fn large_batches_of_many_blocks_pass_in_every_codec() {
    // Words as in text, so that matches of many lengths and distances occur across all blocks.
    let mut random = 1u64;
    let mut value = Vec::new();
    while value.len() < 700_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        value.extend_from_slice(format!("word{} ", (random >> 52) * (random >> 60)).as_bytes());
    }
    for codec in available() {
        for len in [0, 1, 14, 15, 16, 32_768, 65_534, 65_535, 65_536, 131_072, value.len()] {
            let record = OwnedRecord {
                key: None,
                value: Some(value[..len].to_vec()),
                headers: Vec::new(),
                timestamp: 7,
            };
            let mut compressor = Compressor::new(Compression::from(codec)).expect("compiled in");
            let records = [record];
            for _ in 0..2 {
                let batch = batch_of(&records, &mut compressor);
                assert!(codec == Codec::None || len < 1000 || batch.len() < len * 2 / 3, "{codec}");
                assert_eq!(by_ottla(&batch), records);
                assert_eq!(owned(&by_oracle(batch)[0]), records[0]);
            }
        }
    }
}
