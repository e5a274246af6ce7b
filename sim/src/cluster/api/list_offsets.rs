//! ListOffsets: earliest, latest, by timestamp.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};

use super::check_leader_epoch;
use crate::cluster::call::Call;
use crate::cluster::partition::Partition;
use crate::cluster::{Cluster, Outcome};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
/// What is answered where no record has a timestamp, or none was asked for.
const UNKNOWN: i64 = -1;

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: ListOffsetsRequest,
    now: Duration,
) -> Outcome {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let answer = ListOffsetsPartitionResponse::default()
                .with_partition_index(partition.partition_index);
            match offset(cluster, call, &topic.name, partition, now) {
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
    now: Duration,
) -> Result<(i64, i64, i32), ResponseError> {
    let partition = cluster.topics.led_partition(call.node, topic, request.partition_index)?;
    check_leader_epoch(partition, request.current_leader_epoch)?;
    let epoch = partition.leader_epoch;
    let high_watermark = partition.high_watermark(now);
    Ok(match request.timestamp {
        LATEST => (high_watermark, UNKNOWN, epoch),
        EARLIEST | EARLIEST_LOCAL => (partition.log.start_offset(), UNKNOWN, epoch),
        MAX_TIMESTAMP => highest_timestamp(partition, high_watermark),
        timestamp if timestamp < 0 => (UNKNOWN, UNKNOWN, epoch),
        timestamp => first_at_or_after(partition, timestamp, high_watermark),
    })
}

/// The batch with the highest timestamp: its last offset.
fn highest_timestamp(partition: &Partition, high_watermark: i64) -> (i64, i64, i32) {
    let headers = partition.log.headers().filter(|it| it.last_offset() < high_watermark);
    let highest = headers.max_by_key(|it| (it.max_timestamp, std::cmp::Reverse(it.base_offset)));
    highest
        .map_or((UNKNOWN, UNKNOWN, -1), |it| (it.last_offset(), it.max_timestamp, it.leader_epoch))
}

/// The first batch that reaches a timestamp: its first offset, a few records early at most.
fn first_at_or_after(
    partition: &Partition,
    timestamp: i64,
    high_watermark: i64,
) -> (i64, i64, i32) {
    let mut headers = partition.log.headers().filter(|it| it.last_offset() < high_watermark);
    let found = headers.find(|header| header.max_timestamp >= timestamp);
    found.map_or((UNKNOWN, UNKNOWN, -1), |it| (it.base_offset, it.max_timestamp, it.leader_epoch))
}
