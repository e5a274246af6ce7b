//! ApiVersions, and clusters that look like older Kafkas.

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, InitProducerIdRequest, ResponseKind, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use ottla_sim::cluster::{ApiRanges, Cluster, ClusterConfig, Node, Reply};

use super::support::*;

fn range(cluster: &mut Cluster, api: ApiKey) -> Option<(i16, i16)> {
    let request = ApiVersionsRequest::default();
    let response = response!(call(cluster, ApiKey::ApiVersions, 0, request), ApiVersions);
    let found = response.api_keys.iter().find(|key| key.api_key == api as i16)?;
    Some((found.min_version, found.max_version))
}

fn like(apis: ApiRanges) -> Cluster {
    let node = Node::new(NODE, "node", 9092).with_apis(apis);
    let mut cluster = Cluster::new(ClusterConfig::default(), vec![node], NOW).unwrap();
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    cluster
}

#[test]
fn every_version_lists_the_apis() {
    let mut cluster = one_node();
    for version in 0..=4 {
        let request = ApiVersionsRequest::default();
        let response =
            response!(call(&mut cluster, ApiKey::ApiVersions, version, request), ApiVersions);
        assert_eq!((response.error_code, response.api_keys.len()), (NONE, 21));
    }
}

#[test]
fn an_unknown_version_is_answered_as_version_0_with_the_range_that_would_do() {
    let mut cluster = one_node();
    let mut frame =
        BytesMut::from(&encode(ApiKey::ApiVersions, 4, &ApiVersionsRequest::default().into())[..]);
    frame[3] = 99;
    let reply = sent(cluster.handle(NODE, frame.freeze(), NOW));
    let ResponseKind::ApiVersions(response) = decode(ApiKey::ApiVersions, 0, reply) else {
        panic!()
    };
    assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code());
    let [key] = &response.api_keys[..] else { panic!("{:?}", response.api_keys) };
    assert_eq!((key.api_key, key.min_version, key.max_version), (18, 0, 4));
}

#[test]
fn produce_is_told_from_version_0_as_kafka_4_does() {
    assert_eq!(range(&mut one_node(), ApiKey::Produce), Some((0, 13)));
}

#[test]
fn a_node_can_look_like_kafka_2_1_or_3_9() {
    let mut old = like(ApiRanges::kafka_2_1());
    assert_eq!(range(&mut old, ApiKey::Produce), Some((0, 7)));
    assert_eq!(range(&mut old, ApiKey::Metadata), Some((0, 7)));
    assert_eq!(range(&mut old, ApiKey::DescribeCluster), None);
    let request = produce_request(-1, 0, batch(1).bytes());
    assert_eq!(ask(&mut old, NODE, ApiKey::Produce, 8, request, NOW), Reply::Close);

    let mut newer = like(ApiRanges::kafka_3_9());
    assert_eq!(range(&mut newer, ApiKey::Produce), Some((0, 11)));
}

#[test]
fn an_api_can_be_missing() {
    let mut cluster = like(ApiRanges::current().without(ApiKey::InitProducerId));
    assert_eq!(range(&mut cluster, ApiKey::InitProducerId), None);
    let request = InitProducerIdRequest::default();
    let reply = ask(&mut cluster, NODE, ApiKey::InitProducerId, 2, request, NOW);
    assert_eq!(reply, Reply::Close);
}

#[test]
fn producer_ids_are_handed_out_once_each_at_epoch_0() {
    let mut cluster = one_node();
    for (id, version) in (0..).zip(0..=5) {
        let mut request = InitProducerIdRequest::default().with_transactional_id(None);
        if version >= 3 {
            request = request.with_producer_id(0.into()).with_producer_epoch(3);
        }
        let response =
            response!(call(&mut cluster, ApiKey::InitProducerId, version, request), InitProducerId);
        assert_eq!((response.error_code, response.producer_id.0), (NONE, id));
        assert_eq!(response.producer_epoch, 0);
    }
}

#[test]
fn transactions_may_not_take_any_time() {
    let id = Some(TransactionalId(StrBytes::from_static_str("id")));
    let request = InitProducerIdRequest::default().with_transactional_id(id);
    let request = request.with_transaction_timeout_ms(i32::MAX);
    let response =
        response!(call(&mut one_node(), ApiKey::InitProducerId, 5, request), InitProducerId);
    assert_eq!(response.error_code, ResponseError::InvalidTransactionTimeout.code());
}
