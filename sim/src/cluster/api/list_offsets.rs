//! ListOffsets: earliest, latest, by timestamp.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::check_leader_epoch;
use super::fetch::READ_COMMITTED;
use crate::batch::BatchHeader;
use crate::cluster::call::Call;
use crate::cluster::partition::Partition;
use crate::cluster::{Cluster, Outcome};
use crate::records;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
/// What is answered where no record has a timestamp, or none was asked for.
const UNKNOWN: i64 = -1;
const NOT_FOUND: (i64, i64, i32) = (UNKNOWN, UNKNOWN, -1);

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ListOffsetsRequest,
    now: Duration,
) -> Outcome {
    let committed_only = request.isolation_level == READ_COMMITTED;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(partition.partition_index);
            match offset(cluster, call, &topic.name, partition, committed_only, now) {
                Ok((offset, timestamp, leader_epoch)) if call.version >= 4 => answer
                    .with_offset(offset)
                    .with_timestamp(timestamp)
                    .with_leader_epoch(leader_epoch),
                Ok((offset, timestamp, _)) => answer.with_offset(offset).with_timestamp(timestamp),
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions)
    });
    let topics = topics.collect();
    let response = ListOffsetsResponse::default().with_topics(topics);
    response.with_throttle_time_ms(call.throttle_ms()).into()
}

/// Offset, timestamp and leader epoch.
fn offset(
    cluster: &mut Cluster,
    call: &Call,
    topic: &str,
    request: &ListOffsetsPartition,
    committed_only: bool,
    now: Duration,
) -> Result<(i64, i64, i32), ResponseError> {
    let partition = cluster.topics.led_partition(call.node, topic, request.partition_index)?;
    check_leader_epoch(partition, request.current_leader_epoch)?;
    let epoch = partition.leader_epoch;
    let high_watermark = partition.high_watermark(now);
    Ok(match request.timestamp {
        LATEST if committed_only => (partition.last_stable_offset(now), UNKNOWN, epoch),
        LATEST => (high_watermark, UNKNOWN, epoch),
        EARLIEST | EARLIEST_LOCAL => (partition.log.start_offset(), UNKNOWN, epoch),
        MAX_TIMESTAMP => highest_timestamp(partition, high_watermark)?,
        timestamp if timestamp < 0 => (UNKNOWN, UNKNOWN, epoch),
        timestamp => first_at_or_after(partition, timestamp, high_watermark)?,
    })
}

/// The first record that has the highest timestamp of all.
fn highest_timestamp(
    partition: &Partition,
    high_watermark: i64,
) -> Result<(i64, i64, i32), ResponseError> {
    let headers = partition.log.headers().filter(|it| it.last_offset() < high_watermark);
    let highest = headers.max_by_key(|it| (it.max_timestamp, std::cmp::Reverse(it.base_offset)));
    highest.map_or(Ok(NOT_FOUND), |batch| {
        first_in_batch(partition, batch, |timestamp| timestamp == batch.max_timestamp)
    })
}

/// The first record at a time or after it.
fn first_at_or_after(
    partition: &Partition,
    timestamp: i64,
    high_watermark: i64,
) -> Result<(i64, i64, i32), ResponseError> {
    let mut headers = partition.log.headers().filter(|it| it.last_offset() < high_watermark);
    let found = headers.find(|header| header.max_timestamp >= timestamp);
    found.map_or(Ok(NOT_FOUND), |batch| {
        first_in_batch(partition, batch, |candidate| candidate >= timestamp)
    })
}

/// The first record of a batch whose timestamp fits; the batch's first record if the header's
/// highest timestamp isn't true.
fn first_in_batch(
    partition: &Partition,
    header: &BatchHeader,
    fits: impl Fn(i64) -> bool,
) -> Result<(i64, i64, i32), ResponseError> {
    let batches = partition.log.read(header.base_offset, i64::MAX, 0);
    let batches = batches.map_err(|_| ResponseError::KafkaStorageError)?;
    let mut found = None;
    for batch in &batches {
        let readable = records::visit(batch, |record| {
            if found.is_none() && fits(record.timestamp) {
                found = Some((i64::from(record.offset_delta), record.timestamp));
            }
        });
        readable.map_err(|_| ResponseError::CorruptMessage)?;
    }
    let (offset_delta, timestamp) = found.unwrap_or((0, header.max_timestamp));
    Ok((header.base_offset + offset_delta, timestamp, header.leader_epoch))
}
