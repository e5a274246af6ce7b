//! AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
};

use super::code;
use crate::cluster::call::Call;
use crate::cluster::groups::Committed;
use crate::cluster::transactions::Producer;
use crate::cluster::{Cluster, Outcome};

/// TxnOffsetCommit and EndTxn from here on are of transactions of version 2 (KIP-890).
const FIRST_OF_SECOND: i16 = 5;

/// Whether the node that was asked coordinates the transactional id.
pub(super) fn is_coordinator(
    cluster: &Cluster,
    call: &Call,
    id: &str,
) -> Result<(), ResponseError> {
    match cluster.transaction_coordinator(id) {
        Some(node) if node == call.node => Ok(()),
        _ => Err(ResponseError::NotCoordinator),
    }
}

pub(crate) fn add_partitions(
    cluster: &mut Cluster,
    call: &Call,
    request: AddPartitionsToTxnRequest,
    now: Duration,
) -> Outcome {
    let topics = request.v3_and_below_topics;
    let places = || {
        let of_topic = |name: &str, partitions: &[i32]| -> Vec<(String, i32)> {
            partitions.iter().map(|partition| (name.to_owned(), *partition)).collect()
        };
        topics.iter().flat_map(move |topic| of_topic(&topic.name, &topic.partitions))
    };
    let is_there = |cluster: &Cluster, (topic, index): &(String, i32)| {
        cluster.topics.get(topic).is_some_and(|topic| topic.partition(*index).is_some())
    };
    let all_there = places().all(|place| is_there(cluster, &place));
    let id = request.v3_and_below_transactional_id.as_str();
    let producer = (*request.v3_and_below_producer_id, request.v3_and_below_producer_epoch);
    let result = is_coordinator(cluster, call, id).and_then(|()| {
        if !all_there {
            return Ok(());
        }
        cluster.add_to_transaction(id, producer, places().collect::<Vec<_>>(), now)
    });
    let error = |place: (String, i32)| match result {
        Err(error) => error.code(),
        Ok(()) if all_there => super::NONE,
        Ok(()) if is_there(cluster, &place) => ResponseError::OperationNotAttempted.code(),
        Ok(()) => ResponseError::UnknownTopicOrPartition.code(),
    };
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|&index| {
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(index)
                .with_partition_error_code(error((topic.name.to_string(), index)))
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default()
        .with_throttle_time_ms(call.throttle_ms())
        .with_results_by_topic_v3_and_below(results.collect())
        .into()
}

pub(crate) fn add_offsets(
    cluster: &mut Cluster,
    call: &Call,
    request: &AddOffsetsToTxnRequest,
    now: Duration,
) -> Outcome {
    let id = request.transactional_id.as_str();
    let producer = (*request.producer_id, request.producer_epoch);
    let result = is_coordinator(cluster, call, id)
        .and_then(|()| cluster.add_group_to_transaction(id, producer, &request.group_id, now));
    AddOffsetsToTxnResponse::default()
        .with_throttle_time_ms(call.throttle_ms())
        .with_error_code(code(&result))
        .into()
}

pub(crate) fn commit_offsets(
    cluster: &mut Cluster,
    call: &Call,
    request: TxnOffsetCommitRequest,
    now: Duration,
) -> Outcome {
    let producer = (*request.producer_id, request.producer_epoch);
    let allowed = may_commit(cluster, call, &request, producer, now);
    let group = cluster.groups.at(&request.group_id, now);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            if allowed.is_ok() {
                let committed = Committed {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata,
                };
                let key = (topic.name.0.clone(), partition.partition_index);
                group.uncommitted.entry(producer.0).or_default().insert(key, committed);
            }
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&allowed))
        });
        let partitions = partitions.collect();
        TxnOffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    TxnOffsetCommitResponse::default()
        .with_throttle_time_ms(call.throttle_ms())
        .with_topics(topics.collect())
        .into()
}

/// The group's word first (KIP-447), then that of the transaction's coordinator.
fn may_commit(
    cluster: &mut Cluster,
    call: &Call,
    request: &TxnOffsetCommitRequest,
    producer: Producer,
    now: Duration,
) -> Result<(), ResponseError> {
    if cluster.controller().map(|node| node.id) != Some(call.node) {
        return Err(ResponseError::NotCoordinator);
    }
    let group = cluster.groups.at(&request.group_id, now);
    if call.version >= 3 && (request.generation_id >= 0 || !request.member_id.is_empty()) {
        group.check(&request.member_id, request.generation_id, now)?;
    }
    let id = request.transactional_id.as_str();
    if call.version >= FIRST_OF_SECOND {
        return cluster.add_group_to_transaction(id, producer, &request.group_id, now);
    }
    if cluster.is_group_in_transaction(id, producer, &request.group_id) {
        Ok(())
    } else {
        Err(ResponseError::InvalidTxnState)
    }
}

pub(crate) fn end(
    cluster: &mut Cluster,
    call: &Call,
    request: &EndTxnRequest,
    now: Duration,
) -> Outcome {
    let id = request.transactional_id.as_str();
    let producer = (*request.producer_id, request.producer_epoch);
    let second = call.version >= FIRST_OF_SECOND;
    let result = is_coordinator(cluster, call, id)
        .and_then(|()| cluster.end_transaction(id, producer, request.committed, second, now));
    let response = EndTxnResponse::default()
        .with_throttle_time_ms(call.throttle_ms())
        .with_error_code(code(&result));
    match result {
        Ok((id, epoch)) if second => {
            response.with_producer_id(id.into()).with_producer_epoch(epoch)
        }
        _ => response,
    }
    .into()
}
