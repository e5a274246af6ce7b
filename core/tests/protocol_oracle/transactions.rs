//! Random responses about transactions.

use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnResponse, BrokerId, EndTxnResponse,
    FindCoordinatorResponse, ProducerId, TopicName, TxnOffsetCommitResponse,
};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{maybe_text, owned, text};

/// A FindCoordinator response of this version, for one key.
pub(crate) fn find_coordinator(version: i16) -> impl Strategy<Value = FindCoordinatorResponse> {
    let coordinator = (any::<(i32, i32, i16)>(), text(), text(), maybe_text()).prop_map(
        |((id, port, error), key, host, message)| {
            Coordinator::default()
                .with_key(key)
                .with_node_id(BrokerId(id))
                .with_host(host)
                .with_port(port)
                .with_error_code(error)
                .with_error_message(message)
        },
    );
    (any::<i32>(), coordinator).prop_map(move |(throttle, it)| {
        let message = FindCoordinatorResponse::default().with_throttle_time_ms(throttle);
        if version >= 4 {
            return message.with_coordinators(vec![it]);
        }
        message
            .with_error_code(it.error_code)
            .with_error_message(it.error_message)
            .with_node_id(it.node_id)
            .with_host(it.host)
            .with_port(it.port)
    })
}

/// The one coordinator that the response names.
pub(crate) fn only_coordinator(message: &FindCoordinatorResponse, version: i16) -> Coordinator {
    if version >= 4 {
        return message.coordinators[0].clone();
    }
    Coordinator::default()
        .with_error_code(message.error_code)
        .with_node_id(message.node_id)
        .with_host(message.host.clone())
        .with_port(message.port)
}

/// Topics with partitions and what is said of each.
pub(crate) type Results = Vec<(String, Vec<(i32, i16)>)>;

fn results() -> impl Strategy<Value = Results> {
    let name = text().prop_map(|name| name.to_string());
    vec((name, vec(any::<(i32, i16)>(), 0..4)), 0..4)
}

pub(crate) fn add_partitions_to_txn() -> impl Strategy<Value = (AddPartitionsToTxnResponse, Results)>
{
    (any::<i32>(), results()).prop_map(|(throttle, results)| {
        let topics = results.iter().map(|(name, partitions)| {
            let partitions = partitions.iter().map(|(partition, error)| {
                AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(*partition)
                    .with_partition_error_code(*error)
            });
            AddPartitionsToTxnTopicResult::default()
                .with_name(TopicName(owned(name)))
                .with_results_by_partition(partitions.collect())
        });
        let message = AddPartitionsToTxnResponse::default()
            .with_throttle_time_ms(throttle)
            .with_results_by_topic_v3_and_below(topics.collect());
        (message, results)
    })
}

pub(crate) fn txn_offset_commit() -> impl Strategy<Value = (TxnOffsetCommitResponse, Results)> {
    (any::<i32>(), results()).prop_map(|(throttle, results)| {
        let topics = results.iter().map(|(name, partitions)| {
            let partitions = partitions.iter().map(|(partition, error)| {
                TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(*partition)
                    .with_error_code(*error)
            });
            TxnOffsetCommitResponseTopic::default()
                .with_name(TopicName(owned(name)))
                .with_partitions(partitions.collect())
        });
        let message = TxnOffsetCommitResponse::default()
            .with_throttle_time_ms(throttle)
            .with_topics(topics.collect());
        (message, results)
    })
}

pub(crate) fn add_offsets_to_txn() -> impl Strategy<Value = AddOffsetsToTxnResponse> {
    any::<(i32, i16)>().prop_map(|(throttle, error)| {
        AddOffsetsToTxnResponse::default().with_throttle_time_ms(throttle).with_error_code(error)
    })
}

/// An EndTxn response of this version.
pub(crate) fn end_txn(version: i16) -> impl Strategy<Value = EndTxnResponse> {
    any::<(i32, i16, i64, i16)>().prop_map(move |(throttle, error, id, epoch)| {
        let (id, epoch) = if version >= 5 { (id, epoch) } else { (-1, -1) };
        EndTxnResponse::default()
            .with_throttle_time_ms(throttle)
            .with_error_code(error)
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch)
    })
}
