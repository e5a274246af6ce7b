//! Topics made, described and deleted by an admin client.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest,
    DescribeConfigsRequest,
};
use kafka_protocol::protocol::StrBytes;
use ottla_sim::cluster::{Cluster, ClusterConfig};

use super::support::*;

fn create(cluster: &mut Cluster, version: i16, name: &str, partitions: i32) -> i16 {
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(partitions)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]);
    let response = response!(call(cluster, ApiKey::CreateTopics, version, request), CreateTopics);
    response.topics[0].error_code
}

fn partitions(cluster: &Cluster, name: &str) -> Option<usize> {
    cluster.topics().find(|it| it.0 == name).map(|it| it.2)
}

#[test]
fn every_version_makes_topics() {
    let mut cluster = one_node();
    for version in 2..=7 {
        let name = format!("made-{version}");
        assert_eq!(create(&mut cluster, version, &name, 3), NONE);
        assert_eq!(partitions(&cluster, &name), Some(3));
    }
    assert_eq!(create(&mut cluster, 7, "default", -1), NONE);
    assert_eq!(partitions(&cluster, "default"), Some(6));
}

#[test]
fn topics_that_exist_or_cannot_are_refused() {
    let mut cluster = one_node();
    let exists = ResponseError::TopicAlreadyExists.code();
    assert_eq!(create(&mut cluster, 7, TOPIC, 1), exists);
    for count in [0, -2, i32::MAX] {
        let invalid = ResponseError::InvalidPartitions.code();
        assert_eq!(create(&mut cluster, 7, "new", count), invalid);
    }
    assert_eq!(create(&mut cluster, 7, "a b", 1), ResponseError::InvalidTopicException.code());
}

#[test]
fn validate_only_makes_nothing() {
    let mut cluster = one_node();
    let topic = CreatableTopic::default().with_name(topic_name("new")).with_num_partitions(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_validate_only(true);
    let response = response!(call(&mut cluster, ApiKey::CreateTopics, 7, request), CreateTopics);
    assert_eq!(response.topics[0].error_code, NONE);
    assert_eq!(partitions(&cluster, "new"), None);
}

#[test]
fn every_version_deletes_topics() {
    for version in 1..=6 {
        let mut cluster = one_node();
        let mut request = DeleteTopicsRequest::default();
        if version >= 6 {
            let id = cluster.topics().next().unwrap().1;
            request.topics = vec![DeleteTopicState::default().with_name(None).with_topic_id(id)];
        } else {
            request.topic_names = vec![topic_name(TOPIC)];
        }
        for expected in [NONE, if version >= 6 { 100 } else { 3 }] {
            let response = call(&mut cluster, ApiKey::DeleteTopics, version, request.clone());
            let response = response!(response, DeleteTopics);
            assert_eq!(response.responses[0].error_code, expected, "v{version}");
        }
        assert_eq!(cluster.topics().count(), 0);
    }
}

#[test]
fn settings_are_described() {
    let mut cluster = one_node();
    for version in 1..=4 {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(StrBytes::from_static_str(TOPIC))
            .with_configuration_keys(Some(vec![StrBytes::from_static_str("max.message.bytes")]));
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let response = call(&mut cluster, ApiKey::DescribeConfigs, version, request);
        let response = response!(response, DescribeConfigs);
        let configs = &response.results[0].configs;
        assert_eq!(configs.len(), 1);
        assert_eq!(configs[0].value.as_ref().unwrap().as_str(), "1048588");
    }
}

#[test]
fn the_cluster_is_described() {
    let mut cluster = with_nodes(3, ClusterConfig::default());
    for version in 0..=2 {
        let response =
            call(&mut cluster, ApiKey::DescribeCluster, version, DescribeClusterRequest::default());
        let response = response!(response, DescribeCluster);
        assert_eq!((response.error_code, response.brokers.len()), (NONE, 3));
    }
}
