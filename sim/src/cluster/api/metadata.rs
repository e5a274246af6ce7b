//! Metadata, which also makes topics.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use uuid::Uuid;

use super::text;
use crate::cluster::call::Call;
use crate::cluster::config::AutoCreate;
use crate::cluster::partition::Partition;
use crate::cluster::topics::{Topic, is_valid_name};
use crate::cluster::{Cluster, Outcome};

pub(crate) fn handle(
    cluster: &mut Cluster,
    call: &Call,
    request: MetadataRequest,
    now: Duration,
) -> Outcome {
    let may_create = call.version < 4 || request.allow_auto_topic_creation;
    let topics = match request.topics {
        // Version 0 has no null: there, no topic means every topic.
        Some(topics) if !(topics.is_empty() && call.version == 0) => topics
            .into_iter()
            .map(|topic| requested_topic(cluster, call, topic, may_create, now))
            .collect(),
        _ => all_topics(cluster, call),
    };
    let brokers = cluster.registered_nodes().map(|node| {
        MetadataResponseBroker::default()
            .with_node_id(node.id.into())
            .with_host(text(&node.host))
            .with_port(node.port.into())
    });
    MetadataResponse::default()
        .with_throttle_time_ms(call.throttle_ms())
        .with_brokers(brokers.collect())
        .with_cluster_id(Some(text(&cluster.config.cluster_id)))
        .with_controller_id(cluster.controller().map_or(-1, |node| node.id).into())
        .with_topics(topics)
        .into()
}

fn all_topics(cluster: &Cluster, call: &Call) -> Vec<MetadataResponseTopic> {
    cluster.topics.iter().map(|(name, topic)| describe(cluster, call, name, topic)).collect()
}

fn requested_topic(
    cluster: &mut Cluster,
    call: &Call,
    topic: MetadataRequestTopic,
    may_create: bool,
    now: Duration,
) -> MetadataResponseTopic {
    let Some(name) = topic.name.filter(|_| topic.topic_id.is_nil()) else {
        return by_id(cluster, call, topic.topic_id);
    };
    let missing = match cluster.topics.get(&name) {
        Some(_) => None,
        None => auto_create(cluster, &name, may_create, now).err(),
    };
    match (missing, cluster.topics.get(&name)) {
        (None, Some(topic)) => describe(cluster, call, &name, topic),
        (error, _) => {
            let error = error.unwrap_or(ResponseError::UnknownTopicOrPartition);
            MetadataResponseTopic::default().with_name(Some(name)).with_error_code(error.code())
        }
    }
}

fn by_id(cluster: &Cluster, call: &Call, id: Uuid) -> MetadataResponseTopic {
    let name = cluster.topics.name_of(id);
    match name.and_then(|name| Some((name, cluster.topics.get(name)?))) {
        Some((name, topic)) => describe(cluster, call, name, topic),
        None => {
            // Below version 12 the name may not be null.
            let name = (call.version < 12).then(|| text("").into());
            MetadataResponseTopic::default()
                .with_name(name)
                .with_topic_id(id)
                .with_error_code(ResponseError::UnknownTopicId.code())
        }
    }
}

fn auto_create(
    cluster: &mut Cluster,
    name: &str,
    allowed: bool,
    now: Duration,
) -> Result<(), ResponseError> {
    if !is_valid_name(name) {
        return Err(ResponseError::InvalidTopicException);
    }
    if !allowed || cluster.config.auto_create == AutoCreate::Never {
        return Err(ResponseError::UnknownTopicOrPartition);
    }
    cluster.create_topic(name, cluster.config.default_partitions, now)?;
    match cluster.config.auto_create {
        AutoCreate::AfterFirstAnswer => Err(ResponseError::UnknownTopicOrPartition),
        _ => Ok(()),
    }
}

fn describe(cluster: &Cluster, call: &Call, name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions);
    let described = MetadataResponseTopic::default()
        .with_name(Some(text(name).into()))
        .with_partitions(partitions.map(|(index, it)| partition(cluster, index, it)).collect());
    if call.version >= 10 { described.with_topic_id(topic.id) } else { described }
}

fn partition(cluster: &Cluster, index: i32, partition: &Partition) -> MetadataResponsePartition {
    let ids = |nodes: &[i32]| nodes.iter().map(|&id| id.into()).collect::<Vec<_>>();
    let leader = partition.leader.filter(|&id| cluster.node(id).is_some_and(|it| it.registered));
    let error = match leader {
        Some(_) => super::NONE,
        None => ResponseError::LeaderNotAvailable.code(),
    };
    MetadataResponsePartition::default()
        .with_error_code(error)
        .with_partition_index(index)
        .with_leader_id(leader.unwrap_or(-1).into())
        .with_leader_epoch(partition.leader_epoch)
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.in_sync))
}
