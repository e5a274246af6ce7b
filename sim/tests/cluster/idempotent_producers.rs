//! What a partition answers to sequences and epochs: Kafka's `ProducerAppendInfo`, and what a
//! Kafka 4.3.1 was seen to answer.

use super::support::*;
use kafka_protocol::ResponseError::{
    InvalidProducerEpoch, OutOfOrderSequenceNumber, UnknownProducerId,
};
use ottla_sim::cluster::{ClusterConfig, UnknownProducer};

const PID: i64 = 4;

#[test]
fn consecutive_sequences_are_appended() {
    let mut cluster = one_node();
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 0, 3)), (NONE, 0));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 3, 2)), (NONE, 3));
    assert_eq!(offsets(&cluster), (0, 5));
}

#[test]
fn any_of_the_last_five_batches_repeated_gets_its_original_offset() {
    let mut cluster = one_node();
    for sequence in 0..8 {
        outcome(&mut cluster, &idempotent(PID, 0, sequence, 1));
    }
    for sequence in 3..8 {
        let repeated = outcome(&mut cluster, &idempotent(PID, 0, sequence, 1));
        assert_eq!(repeated, (NONE, i64::from(sequence)));
    }
    assert_eq!(offsets(&cluster), (0, 8));
}

#[test]
fn the_sixth_last_batch_repeated_is_out_of_order() {
    let mut cluster = one_node();
    for sequence in 0..8 {
        outcome(&mut cluster, &idempotent(PID, 0, sequence, 1));
    }
    let repeated = outcome(&mut cluster, &idempotent(PID, 0, 2, 1));
    assert_eq!(repeated, (OutOfOrderSequenceNumber.code(), -1));
}

#[test]
fn the_same_records_in_other_batches_are_out_of_order() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 4));
    let half = outcome(&mut cluster, &idempotent(PID, 0, 0, 2));
    assert_eq!(half, (OutOfOrderSequenceNumber.code(), -1));
}

#[test]
fn the_same_range_with_other_content_counts_as_a_repeat() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 2));
    let mut other = idempotent(PID, 0, 0, 2);
    other.values = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(outcome(&mut cluster, &other), (NONE, 0));
    assert_eq!(offsets(&cluster), (0, 2));
}

#[test]
fn a_gap_is_out_of_order() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    let gap = outcome(&mut cluster, &idempotent(PID, 0, 2, 1));
    assert_eq!(gap, (OutOfOrderSequenceNumber.code(), -1));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 1, 1)), (NONE, 1));
}

#[test]
fn an_older_epoch_is_refused_even_for_a_repeat() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 1, 0, 1));
    outcome(&mut cluster, &idempotent(PID, 2, 0, 1));
    let repeat = outcome(&mut cluster, &idempotent(PID, 1, 0, 1));
    assert_eq!(repeat, (InvalidProducerEpoch.code(), -1));
    let next = outcome(&mut cluster, &idempotent(PID, 1, 1, 1));
    assert_eq!(next, (InvalidProducerEpoch.code(), -1));
}

#[test]
fn a_new_epoch_starts_at_sequence_0() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    let wrong = outcome(&mut cluster, &idempotent(PID, 1, 1, 1));
    assert_eq!(wrong, (OutOfOrderSequenceNumber.code(), -1));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 1, 0, 1)), (NONE, 1));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 1, 1, 1)), (NONE, 2));
}

#[test]
fn the_epoch_does_not_wrap() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, i16::MAX, 0, 1));
    let wrapped = outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    assert_eq!(wrapped, (InvalidProducerEpoch.code(), -1));
}

#[test]
fn sequences_wrap_from_the_highest_to_0() {
    let mut cluster = one_node();
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, i32::MAX, 1)), (NONE, 0));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 0, 1)), (NONE, 1));
}

#[test]
fn sequences_wrap_within_a_batch() {
    let mut cluster = one_node();
    let across = idempotent(PID, 0, i32::MAX - 1, 4);
    assert_eq!(outcome(&mut cluster, &across), (NONE, 0));
    assert_eq!(outcome(&mut cluster, &across), (NONE, 0));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 2, 1)), (NONE, 4));
}

#[test]
fn an_unknown_producer_may_begin_anywhere() {
    let mut cluster = one_node();
    assert_eq!(outcome(&mut cluster, &idempotent(987_654_321, 7, 41, 1)), (NONE, 0));
}

#[test]
fn before_kafka_2_5_an_unknown_producer_had_to_begin_at_0() {
    let config =
        ClusterConfig { unknown_producer: UnknownProducer::Refuse, ..ClusterConfig::default() };
    let mut cluster = with_nodes(1, config);
    let refused = outcome(&mut cluster, &idempotent(PID, 0, 41, 1));
    assert_eq!(refused, (UnknownProducerId.code(), -1));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 0, 1)), (NONE, 0));
}

#[test]
fn partitions_know_producers_each_on_its_own() {
    let mut cluster = one_node();
    cluster.create_topic("other", 2, NOW).unwrap();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    let mut request = produce_request(-1, 1, idempotent(PID, 0, 0, 1).bytes());
    request.topic_data[0].name = topic_name("other");
    let response = call(&mut cluster, kafka_protocol::messages::ApiKey::Produce, 9, request);
    assert_eq!(only_partition(response!(response, Produce)).error_code, NONE);
    assert_eq!(cluster.offsets("other", 1), Some((0, 1)));
}

#[test]
fn after_expiry_a_repeat_is_appended_again() {
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    assert!(cluster.forget_producers(TOPIC, 0));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 0, 1)), (NONE, 1));
}

#[test]
fn a_silent_producer_expires_with_time() {
    use kafka_protocol::messages::ApiKey;
    use std::time::Duration;
    let mut cluster = one_node();
    outcome(&mut cluster, &idempotent(PID, 0, 0, 1));
    let day_later = NOW + Duration::from_secs(24 * 3600);
    let request = produce_request(-1, 0, idempotent(PID, 0, 5, 1).bytes());
    let reply = ask(&mut cluster, NODE, ApiKey::Produce, 9, request, day_later);
    let response = decode(ApiKey::Produce, 9, sent(reply));
    assert_eq!(only_partition(response!(response, Produce)).error_code, NONE);
}

#[test]
fn without_a_producer_id_nothing_is_a_repeat() {
    let mut cluster = one_node();
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 0));
    assert_eq!(outcome(&mut cluster, &batch(1)), (NONE, 1));
}

#[test]
fn truncation_takes_the_producers_back_to_that_point() {
    let mut cluster = one_node();
    for sequence in 0..3 {
        outcome(&mut cluster, &idempotent(PID, 0, sequence, 1));
    }
    cluster.truncate(TOPIC, 0, 1, NOW).unwrap();
    let ahead = outcome(&mut cluster, &idempotent(PID, 0, 2, 1));
    assert_eq!(ahead, (OutOfOrderSequenceNumber.code(), -1));
    assert_eq!(outcome(&mut cluster, &idempotent(PID, 0, 1, 1)), (NONE, 1));
}
