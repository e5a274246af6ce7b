//! Metadata and the topics that it makes.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{ApiKey, MetadataRequest};
use ottla_sim::cluster::{AutoCreate, ClusterConfig};

use super::support::*;

fn with_auto_create(auto_create: AutoCreate) -> ottla_sim::cluster::Cluster {
    with_nodes(1, ClusterConfig { auto_create, ..ClusterConfig::default() })
}

#[test]
fn every_version_names_nodes_leaders_and_epochs() {
    let mut cluster = with_nodes(3, ClusterConfig::default());
    cluster.move_leader(TOPIC, 0, Some(3), NOW).unwrap();
    let id = cluster.topics().next().unwrap().1;
    for version in 0..=13 {
        let response = metadata(&mut cluster, version, &[TOPIC]);
        let brokers: Vec<i32> = response.brokers.iter().map(|broker| broker.node_id.0).collect();
        assert_eq!(brokers, [1, 2, 3]);
        let topic = &response.topics[0];
        assert_eq!((topic.error_code, topic.name.as_ref()), (NONE, Some(&topic_name(TOPIC))));
        assert_eq!(topic.topic_id == id, version >= 10, "v{version}");
        let partition = &topic.partitions[0];
        assert_eq!(partition.leader_id.0, 3);
        assert_eq!(partition.leader_epoch, if version >= 7 { 1 } else { -1 });
        assert_eq!(partition.replica_nodes.len(), 3);
    }
}

#[test]
fn no_list_means_all_topics_and_an_empty_one_none_but_in_version_0() {
    let mut cluster = one_node();
    for (version, topics, expected) in [(1, None, 1), (1, Some(vec![]), 0), (0, Some(vec![]), 1)] {
        let request = MetadataRequest::default().with_topics(topics);
        let response = response!(call(&mut cluster, ApiKey::Metadata, version, request), Metadata);
        assert_eq!(response.topics.len(), expected, "v{version}");
    }
}

#[test]
fn an_unknown_topic_is_made_at_once() {
    let mut cluster = with_auto_create(AutoCreate::AtOnce);
    let topic = &metadata(&mut cluster, 12, &["new"]).topics[0];
    assert_eq!((topic.error_code, topic.partitions.len()), (NONE, 6));
}

#[test]
fn or_it_is_there_at_the_second_question() {
    let mut cluster = with_auto_create(AutoCreate::AfterFirstAnswer);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(metadata(&mut cluster, 12, &["new"]).topics[0].error_code, unknown);
    assert_eq!(metadata(&mut cluster, 12, &["new"]).topics[0].error_code, NONE);
}

#[test]
fn or_it_stays_unknown() {
    let mut cluster = with_auto_create(AutoCreate::Never);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    for _ in 0..2 {
        assert_eq!(metadata(&mut cluster, 12, &["new"]).topics[0].error_code, unknown);
    }
}

#[test]
fn a_request_may_forbid_making_topics() {
    let mut cluster = one_node();
    let topic = MetadataRequestTopic::default().with_name(Some(topic_name("new")));
    let request = MetadataRequest::default()
        .with_topics(Some(vec![topic]))
        .with_allow_auto_topic_creation(false);
    let response = response!(call(&mut cluster, ApiKey::Metadata, 12, request), Metadata);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(response.topics[0].error_code, unknown);
}

#[test]
fn invalid_names_are_refused() {
    let mut cluster = one_node();
    let long = "n".repeat(250);
    for name in ["", ".", "..", "a/b", "../a", "ä", &long] {
        let answer = &metadata(&mut cluster, 12, &[name]).topics[0];
        assert_eq!(answer.error_code, ResponseError::InvalidTopicException.code(), "{name:?}");
    }
    assert_eq!(metadata(&mut cluster, 12, &[&long[1..]]).topics[0].error_code, NONE);
}

#[test]
fn topics_are_found_by_id() {
    let mut cluster = one_node();
    let id = cluster.topics().next().unwrap().1;
    for (id, expected) in [(id, NONE), (uuid(9), ResponseError::UnknownTopicId.code())] {
        let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(id);
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let response = response!(call(&mut cluster, ApiKey::Metadata, 12, request), Metadata);
        assert_eq!(response.topics[0].error_code, expected);
        assert_eq!(response.topics[0].topic_id, id);
    }
}

#[test]
fn a_partition_without_leader_says_so() {
    let mut cluster = one_node();
    cluster.move_leader(TOPIC, 0, None, NOW).unwrap();
    let partition = &metadata(&mut cluster, 12, &[TOPIC]).topics[0].partitions[0];
    assert_eq!(partition.error_code, ResponseError::LeaderNotAvailable.code());
    assert_eq!(partition.leader_id.0, -1);
}
