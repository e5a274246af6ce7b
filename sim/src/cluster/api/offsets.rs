//! OffsetCommit and OffsetFetch.

use std::time::Duration;

use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopics;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::code;
use crate::cluster::call::Call;
use crate::cluster::groups::{Committed, Group};
use crate::cluster::{Cluster, Outcome};

/// Offset of a partition that the group committed none for.
const NOTHING_COMMITTED: i64 = -1;

pub(crate) fn commit(
    cluster: &mut Cluster,
    request: OffsetCommitRequest,
    now: Duration,
) -> Outcome {
    let group = cluster.groups.at(&request.group_id, now);
    let generation = request.generation_id_or_member_epoch;
    // A generation below 0 comes from a consumer that assigns its partitions itself.
    let allowed = if generation < 0 && group.members.is_empty() {
        Ok(())
    } else {
        group.check(&request.member_id, generation, now)
    };
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|partition| {
            if allowed.is_ok() {
                let committed = Committed {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition.committed_metadata,
                };
                let key = (topic.name.0.clone(), partition.partition_index);
                group.committed.insert(key, committed);
            }
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code(&allowed))
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default().with_name(topic.name).with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect()).into()
}

pub(crate) fn fetch(cluster: &Cluster, call: &Call, request: OffsetFetchRequest) -> Outcome {
    if call.version >= 8 {
        let groups = request.groups.into_iter().map(|asked| {
            let topics = of_group(cluster.groups.get(&asked.group_id), asked.topics);
            OffsetFetchResponseGroup::default().with_group_id(asked.group_id).with_topics(topics)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect()).into();
    }
    let asked = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topics.collect()
    });
    let topics = of_group(cluster.groups.get(&request.group_id), asked);
    let topics = topics.into_iter().map(|topic| before_groups(topic, call.version));
    OffsetFetchResponse::default().with_topics(topics.collect()).into()
}

/// The offsets asked for, or all that the group committed.
fn of_group(
    group: Option<&Group>,
    asked: Option<Vec<OffsetFetchRequestTopics>>,
) -> Vec<OffsetFetchResponseTopics> {
    let asked = asked.unwrap_or_else(|| group.map(all_committed).unwrap_or_default());
    let topics = asked.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&index| {
            let key = (topic.name.0.clone(), index);
            committed(index, group.and_then(|group| group.committed.get(&key)))
        });
        let partitions = partitions.collect();
        OffsetFetchResponseTopics::default().with_name(topic.name).with_partitions(partitions)
    });
    topics.collect()
}

fn all_committed(group: &Group) -> Vec<OffsetFetchRequestTopics> {
    let mut topics: Vec<OffsetFetchRequestTopics> = Vec::new();
    for (name, partition) in group.committed.keys() {
        match topics.last_mut().filter(|topic| topic.name.0 == *name) {
            Some(topic) => topic.partition_indexes.push(*partition),
            None => topics.push(
                OffsetFetchRequestTopics::default()
                    .with_name(TopicName(name.clone()))
                    .with_partition_indexes(vec![*partition]),
            ),
        }
    }
    topics
}

fn committed(index: i32, committed: Option<&Committed>) -> OffsetFetchResponsePartitions {
    let answer = OffsetFetchResponsePartitions::default().with_partition_index(index);
    match committed {
        Some(committed) => answer
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(committed.metadata.clone()),
        None => answer
            .with_committed_offset(NOTHING_COMMITTED)
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::default())),
    }
}

/// The same answer in the layout of the versions that asked for one group.
fn before_groups(topic: OffsetFetchResponseTopics, version: i16) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| {
        let epoch = if version >= 5 { partition.committed_leader_epoch } else { -1 };
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(epoch)
            .with_metadata(partition.metadata)
    });
    let partitions = partitions.collect();
    OffsetFetchResponseTopic::default().with_name(topic.name).with_partitions(partitions)
}
