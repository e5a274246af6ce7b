//! Fetch, without sessions: a broker may always answer session id 0.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use super::check_leader_epoch;
use crate::cluster::call::Call;
use crate::cluster::waiting::Waiting;
use crate::cluster::{Cluster, Outcome};

/// A Fetch that waits for `min_bytes`.
#[derive(Debug)]
pub(crate) struct WaitingFetch {
    request: FetchRequest,
    deadline: Duration,
}

/// Records to answer with, and how many bytes of them there may still be.
struct Budget {
    left: usize,
    found: usize,
    failed: bool,
    /// Only what was committed, or was never in a transaction.
    committed_only: bool,
}

/// `isolation_level` of `read_committed`.
pub(super) const READ_COMMITTED: i8 = 1;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: FetchRequest,
    now: Duration,
) -> Outcome {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    resume(cluster, call, WaitingFetch { request, deadline: now + wait }, now)
}

/// Looks again for records.
pub(crate) fn resume(
    cluster: &mut Cluster,
    call: &Call,
    waiting: WaitingFetch,
    now: Duration,
) -> Outcome {
    let request = &waiting.request;
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0);
    let committed_only = request.isolation_level == READ_COMMITTED;
    let mut budget = Budget { left: max_bytes, found: 0, failed: false, committed_only };
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let name = cluster.topic_name(&topic.topic, topic.topic_id);
        let read = |partition: &FetchPartition| match &name {
            Ok(name) => read_partition(cluster, call, name, partition, &mut budget, now),
            Err(error) => failed(partition, *error, &mut budget),
        };
        topics.push(
            FetchableTopicResponse::default()
                .with_topic(topic.topic.clone())
                .with_topic_id(topic.topic_id)
                .with_partitions(topic.partitions.iter().map(read).collect()),
        );
    }
    let enough = budget.found >= usize::try_from(request.min_bytes).unwrap_or(0);
    if enough || budget.failed || now >= waiting.deadline || request.topics.is_empty() {
        return FetchResponse::default()
            .with_throttle_time_ms(call.throttle_ms())
            .with_responses(topics)
            .into();
    }
    let deadline = waiting.deadline;
    Outcome::Wait(Waiting::Fetch(waiting), deadline)
}

fn read_partition(
    cluster: &mut Cluster,
    call: &Call,
    topic: &str,
    request: &FetchPartition,
    budget: &mut Budget,
    now: Duration,
) -> PartitionData {
    match try_read(cluster, call, topic, request, budget, now) {
        Ok(data) => data,
        Err(error) => failed(request, error, budget),
    }
}

fn try_read(
    cluster: &mut Cluster,
    call: &Call,
    topic: &str,
    request: &FetchPartition,
    budget: &mut Budget,
    now: Duration,
) -> Result<PartitionData, ResponseError> {
    let partition = cluster.topics.led_partition(call.node, topic, request.partition)?;
    check_leader_epoch(partition, request.current_leader_epoch)?;
    let high_watermark = partition.high_watermark(now);
    let last_stable_offset = partition.last_stable_offset(now);
    let limit = if budget.committed_only { last_stable_offset } else { high_watermark };
    let start_offset = partition.log.start_offset();
    if !(start_offset..=partition.log.end_offset()).contains(&request.fetch_offset) {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let max_bytes = usize::try_from(request.partition_max_bytes).unwrap_or(0).min(budget.left);
    // The first batch of a response is sent whatever its size, so that consumers get on (KIP-74).
    let batches = if max_bytes == 0 && budget.found > 0 {
        Vec::new()
    } else {
        let read = partition.log.read(request.fetch_offset, limit, max_bytes);
        read.map_err(|_| ResponseError::KafkaStorageError)?
    };
    let aborted = partition.aborted_between(request.fetch_offset, limit).map(|it| {
        AbortedTransaction::default()
            .with_producer_id(it.producer_id.into())
            .with_first_offset(it.first_offset)
    });
    let aborted = aborted.collect();
    let records = joined(&batches);
    budget.found += records.len();
    budget.left = budget.left.saturating_sub(records.len());
    Ok(PartitionData::default()
        .with_partition_index(request.partition)
        .with_high_watermark(high_watermark)
        .with_last_stable_offset(last_stable_offset)
        .with_log_start_offset(start_offset)
        .with_aborted_transactions(budget.committed_only.then_some(aborted))
        .with_records(Some(records)))
}

fn joined(batches: &[Bytes]) -> Bytes {
    match batches {
        [batch] => batch.clone(),
        batches => {
            let mut records = BytesMut::with_capacity(batches.iter().map(Bytes::len).sum());
            batches.iter().for_each(|batch| records.extend_from_slice(batch));
            records.freeze()
        }
    }
}

fn failed(request: &FetchPartition, error: ResponseError, budget: &mut Budget) -> PartitionData {
    budget.failed = true;
    PartitionData::default()
        .with_partition_index(request.partition)
        .with_error_code(error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_records(Some(Bytes::new()))
}
