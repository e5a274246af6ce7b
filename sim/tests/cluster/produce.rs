//! What a broker accepts and refuses in a Produce request.

use super::support::*;
use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::Compression;
use ottla_core::Codec;
use ottla_sim::cluster::{ClusterConfig, Reply};
use uuid::Uuid;

fn error(cluster: &mut ottla_sim::cluster::Cluster, batch: &Batch) -> ResponseError {
    error_of(cluster, batch.bytes())
}

fn error_of(cluster: &mut ottla_sim::cluster::Cluster, records: Bytes) -> ResponseError {
    let answer = produce_bytes(cluster, records);
    assert_eq!(answer.base_offset, -1);
    assert_eq!(offsets(cluster), (0, 0));
    ResponseError::try_from_code(answer.error_code).expect("an error")
}

#[test]
fn a_batch_gets_its_offset_and_the_leader_epoch() {
    let mut cluster = one_node();
    cluster.move_leader(TOPIC, 0, Some(NODE), NOW).unwrap();
    outcome(&mut cluster, &batch(2));
    let answer = produce(&mut cluster, &batch(3));
    assert_eq!((answer.base_offset, answer.log_start_offset), (2, 0));
    assert_eq!(answer.log_append_time_ms, -1);
    let stored = cluster.batches(TOPIC, 0, 2, usize::MAX).unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].header.base_offset, 2);
    assert_eq!(stored[0].header.leader_epoch, 1);
    assert_eq!(stored[0].bytes[17..], batch(3).bytes()[17..]);
}

#[test]
fn every_version_from_3_to_13_is_answered() {
    let mut cluster = one_node();
    let id = cluster.topics().next().unwrap().1;
    for (offset, version) in (0..).zip(3..=13) {
        let request = match version {
            13 => produce_request_by_id(id, batch(1).bytes()),
            _ => produce_request(-1, 0, batch(1).bytes()),
        };
        let response = call(&mut cluster, ApiKey::Produce, version, request);
        let answer = only_partition(response!(response, Produce));
        assert_eq!((answer.error_code, answer.base_offset), (NONE, offset), "v{version}");
    }
}

#[test]
fn a_version_that_is_not_spoken_ends_the_connection() {
    let mut cluster = one_node();
    let mut frame = BytesMut::from(
        &encode(ApiKey::Produce, 3, &produce_request(-1, 0, batch(1).bytes()).into())[..],
    );
    frame[3] = 2;
    assert_eq!(cluster.handle(NODE, frame.freeze(), NOW), Reply::Close);
}

#[test]
fn a_wrong_crc_is_a_corrupt_message() {
    let mut bytes = BytesMut::from(&batch(1).bytes()[..]);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_eq!(error_of(&mut one_node(), bytes.freeze()), ResponseError::CorruptMessage);
}

#[test]
fn only_format_v2_is_a_valid_record() {
    for magic in [0, 1, 3] {
        let mut bytes = BytesMut::from(&batch(1).bytes()[..]);
        bytes[16] = magic;
        assert_eq!(error_of(&mut one_node(), bytes.freeze()), ResponseError::InvalidRecord);
    }
}

#[test]
fn two_batches_for_a_partition_are_invalid() {
    let bytes = [batch(1).bytes(), batch(1).bytes()].concat();
    assert_eq!(error_of(&mut one_node(), bytes.into()), ResponseError::InvalidRecord);
}

#[test]
fn no_batch_or_half_a_batch_is_invalid() {
    assert_eq!(error_of(&mut one_node(), Bytes::new()), ResponseError::InvalidRecord);
    let whole = batch(3).bytes();
    for length in [1, 60, whole.len() - 1] {
        let cut = whole.slice(..length);
        assert_eq!(error_of(&mut one_node(), cut), ResponseError::InvalidRecord);
    }
}

#[test]
fn clients_may_not_write_control_records() {
    let control = Batch { attributes: 0b10_0000, ..batch(1) };
    assert_eq!(error(&mut one_node(), &control), ResponseError::InvalidRecord);
}

#[test]
fn the_base_offset_must_be_0() {
    let moved = Batch { base_offset: 5, ..batch(1) };
    assert_eq!(error(&mut one_node(), &moved), ResponseError::InvalidRecord);
}

#[test]
fn the_record_count_must_fit_the_offsets() {
    for count in [-1, 0, 1, 3] {
        let wrong = Batch { record_count: Some(count), ..batch(2) };
        assert_eq!(error(&mut one_node(), &wrong), ResponseError::InvalidRecord);
    }
}

#[test]
fn a_producer_id_needs_a_sequence() {
    assert_eq!(error(&mut one_node(), &idempotent(1, 0, -1, 1)), ResponseError::InvalidRecord);
}

#[test]
fn timestamps_may_be_long_past_but_not_far_ahead() {
    let year_1990 = Batch { timestamp: 631_152_000_000, ..batch(1) };
    assert_eq!(outcome(&mut one_node(), &year_1990), (NONE, 0));
    let year_2200 = Batch { timestamp: 7_258_118_400_000, ..batch(1) };
    assert_eq!(error(&mut one_node(), &year_2200), ResponseError::InvalidTimestamp);
    let blamed = produce(&mut one_node(), &year_2200).record_errors;
    assert_eq!(blamed.iter().map(|it| it.batch_index).collect::<Vec<_>>(), [0]);
}

#[test]
fn a_batch_above_message_max_bytes_is_too_large() {
    let size = batch(10).bytes().len();
    let config = |max_message_bytes| ClusterConfig { max_message_bytes, ..Default::default() };
    assert_eq!(outcome(&mut with_nodes(1, config(size)), &batch(10)), (NONE, 0));
    let mut smaller = with_nodes(1, config(size - 1));
    assert_eq!(error(&mut smaller, &batch(10)), ResponseError::MessageTooLarge);
}

#[test]
fn every_codec_can_be_read_back() {
    let mut cluster = one_node();
    let codecs = [
        (Compression::None, Codec::None),
        (Compression::Gzip, Codec::Gzip),
        (Compression::Snappy, Codec::Snappy),
        (Compression::Lz4, Codec::Lz4),
        (Compression::Zstd, Codec::Zstd),
    ];
    for (base_offset, (compression, codec)) in (0..).step_by(100).zip(codecs) {
        let sent = Batch { codec: compression, ..batch(100) };
        assert_eq!(outcome(&mut cluster, &sent), (NONE, base_offset));
        let read = cluster.records(TOPIC, 0, base_offset + 40, usize::MAX).unwrap();
        assert_eq!(read.len(), 60);
        assert_eq!(read[0].offset, base_offset + 40);
        assert_eq!(read[0].timestamp, sent.timestamp);
        assert_eq!(read[0].codec, codec);
        assert_eq!(read[0].value.as_deref(), Some(&b"value 40"[..]));
        assert_eq!((&read[0].key, &read[0].headers), (&None, &Vec::new()));
    }
}

#[test]
fn records_that_cannot_be_read_are_invalid() {
    let mislabelled = Batch { attributes: 1, ..batch(1) };
    assert_eq!(error(&mut one_node(), &mislabelled), ResponseError::InvalidRecord);
    let mut bytes = BytesMut::from(&batch(2).bytes()[..]);
    bytes[61] = 0x7f; // the first record's length
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(error_of(&mut one_node(), bytes.freeze()), ResponseError::InvalidRecord);
}

#[test]
fn zstd_needs_version_7() {
    let mut cluster = one_node();
    let zstd = Batch { codec: Compression::Zstd, ..batch(1) }.bytes();
    for (version, expected) in [(6, ResponseError::UnsupportedCompressionType.code()), (7, NONE)] {
        let response =
            call(&mut cluster, ApiKey::Produce, version, produce_request(-1, 0, zstd.clone()));
        let answer = only_partition(response!(response, Produce));
        assert_eq!(answer.error_code, expected, "v{version}");
    }
}

#[test]
fn transactional_batches_need_a_transactional_id_and_a_transaction() {
    let transactional = Batch { attributes: 0b1_0000, ..idempotent(1, 0, 0, 1) };
    let refused = ResponseError::TransactionalIdAuthorizationFailed;
    assert_eq!(error(&mut one_node(), &transactional), refused);
    let mut request = produce_request(-1, 0, transactional.bytes());
    request.transactional_id = Some(TransactionalId(StrBytes::from_static_str("id")));
    let response = call(&mut one_node(), ApiKey::Produce, 9, request);
    let refused = ResponseError::InvalidTxnState.code();
    assert_eq!(only_partition(response!(response, Produce)).error_code, refused);
}

#[test]
fn acks_other_than_all_1_and_0_are_invalid() {
    let mut cluster = one_node();
    for acks in [-2, 2, i16::MAX] {
        let request = produce_request(acks, 0, batch(1).bytes());
        let response = call(&mut cluster, ApiKey::Produce, 9, request);
        let code = only_partition(response!(response, Produce)).error_code;
        assert_eq!(code, ResponseError::InvalidRequiredAcks.code());
    }
    assert_eq!(offsets(&cluster), (0, 0));
}

#[test]
fn acks_0_is_not_answered_and_an_error_ends_the_connection() {
    let mut cluster = one_node();
    let good = produce_request(0, 0, batch(1).bytes());
    assert_eq!(ask(&mut cluster, NODE, ApiKey::Produce, 9, good, NOW), Reply::Nothing);
    assert_eq!(offsets(&cluster), (0, 1));
    let bad = produce_request(0, 9, batch(1).bytes());
    assert_eq!(ask(&mut cluster, NODE, ApiKey::Produce, 9, bad, NOW), Reply::Close);
}

#[test]
fn unknown_topics_and_partitions_and_topic_ids_are_told_apart() {
    let mut cluster = one_node();
    for (topic, partition) in [("absent", 0), (TOPIC, 1), (TOPIC, -1)] {
        let mut request = produce_request(-1, partition, batch(1).bytes());
        request.topic_data[0].name = topic_name(topic);
        let response = call(&mut cluster, ApiKey::Produce, 12, request);
        let answer = only_partition(response!(response, Produce));
        assert_eq!(answer.error_code, ResponseError::UnknownTopicOrPartition.code());
    }
    let request = produce_request_by_id(Uuid::from_u128(5), batch(1).bytes());
    let response = call(&mut cluster, ApiKey::Produce, 13, request);
    let answer = only_partition(response!(response, Produce));
    assert_eq!(answer.error_code, ResponseError::UnknownTopicId.code());
}

#[test]
fn a_topic_made_again_has_another_id() {
    let mut cluster = one_node();
    let before = cluster.topics().next().unwrap().1;
    cluster.delete_topic(TOPIC).unwrap();
    let after = cluster.create_topic(TOPIC, 1, NOW).unwrap();
    assert_ne!(before, after);
    for (id, expected) in [(before, ResponseError::UnknownTopicId.code()), (after, NONE)] {
        let request = produce_request_by_id(id, batch(1).bytes());
        let response = call(&mut cluster, ApiKey::Produce, 13, request);
        assert_eq!(only_partition(response!(response, Produce)).error_code, expected);
    }
}

#[test]
fn old_batches_leave_a_memory_log_above_its_retention() {
    let size = batch(1).bytes().len();
    let config = ClusterConfig { retention_bytes: 3 * size, ..ClusterConfig::default() };
    let mut cluster = with_nodes(1, config);
    for _ in 0..10 {
        assert_eq!(produce(&mut cluster, &batch(1)).error_code, NONE);
    }
    assert_eq!(offsets(&cluster), (7, 10));
    assert_eq!(produce(&mut cluster, &batch(1)).log_start_offset, 8);
}
