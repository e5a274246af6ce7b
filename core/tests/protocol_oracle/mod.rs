//! Random responses of `kafka-protocol`, an independent implementation, and ours translated back
//! into its types.

mod configs;
mod transactions;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, InitProducerIdResponse, MetadataResponse, ProduceResponse,
    SaslAuthenticateResponse, SaslHandshakeResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::{metadata, produce};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

pub(crate) use configs::{describe_configs, describe_configs_as_oracle, plain};
pub(crate) use transactions::{
    add_offsets_to_txn, add_partitions_to_txn, end_txn, find_coordinator, only_coordinator,
    txn_offset_commit,
};

/// The body of a response as the oracle writes it.
pub(crate) fn encode(message: &impl Encodable, version: i16) -> Vec<u8> {
    let mut buf = BytesMut::new();
    message.encode(&mut buf, version).unwrap();
    buf.to_vec()
}

/// The oldest version that both speak: message sets are not the oracle's.
pub(crate) fn oldest(key: ApiKey) -> i16 {
    if key == ApiKey::Produce { 3 } else { key.min_version() }
}

pub(crate) fn versions(key: ApiKey) -> impl Strategy<Value = i16> {
    oldest(key)..=key.max_version()
}

fn text() -> impl Strategy<Value = StrBytes> + Clone {
    "\\PC{0,12}".prop_map(StrBytes::from_string)
}

fn maybe_text() -> impl Strategy<Value = Option<StrBytes>> + Clone {
    option::of(text())
}

/// Tagged fields from the future.
macro_rules! with_future_tags {
    ($message:expr) => {{
        let message = $message;
        message
            .with_unknown_tagged_field(9, Bytes::from_static(b"?"))
            .with_unknown_tagged_field(300, Bytes::from_static(&[7; 200]))
    }};
}

/// A Produce response of this version.
pub(crate) fn produce(version: i16) -> impl Strategy<Value = ProduceResponse> {
    let endpoints = vec(endpoint(), 0..if version >= 10 { 3 } else { 1 });
    (vec(produce_topic(version), 0..4), any::<i32>(), endpoints).prop_map(
        |(responses, throttle_time_ms, endpoints)| {
            ProduceResponse::default()
                .with_responses(responses)
                .with_throttle_time_ms(throttle_time_ms)
                .with_node_endpoints(endpoints)
        },
    )
}

fn endpoint() -> impl Strategy<Value = NodeEndpoint> {
    (any::<i32>(), text(), any::<i32>(), maybe_text()).prop_map(|(id, host, port, rack)| {
        NodeEndpoint::default()
            .with_node_id(BrokerId(id))
            .with_host(host)
            .with_port(port)
            .with_rack(rack)
    })
}

fn produce_topic(version: i16) -> impl Strategy<Value = TopicProduceResponse> {
    (text(), any::<[u8; 16]>(), vec(produce_partition(version), 0..4)).prop_map(
        move |(name, id, partitions)| {
            let topic = TopicProduceResponse::default().with_partition_responses(partitions);
            if version >= 13 {
                topic.with_topic_id(uuid(id))
            } else {
                topic.with_name(TopicName(name))
            }
        },
    )
}

fn produce_partition(version: i16) -> impl Strategy<Value = PartitionProduceResponse> {
    let numbers = any::<(i32, i16, i64, i64, i64)>();
    let leader = option::of((0..=i32::MAX, 0..=i32::MAX));
    let record_error = (any::<i32>(), maybe_text()).prop_map(|(index, message)| {
        BatchIndexAndErrorMessage::default()
            .with_batch_index(index)
            .with_batch_index_error_message(message)
    });
    (numbers, vec(record_error, 0..3), maybe_text(), leader).prop_map(
        move |(
            (index, error, base_offset, append_time, start_offset),
            records,
            message,
            leader,
        )| {
            let mut response = PartitionProduceResponse::default()
                .with_index(index)
                .with_error_code(error)
                .with_base_offset(base_offset)
                .with_log_append_time_ms(append_time);
            if version >= 5 {
                response = response.with_log_start_offset(start_offset);
            }
            if version >= 8 {
                response = response.with_record_errors(records).with_error_message(message);
            }
            if let (10.., Some((id, epoch))) = (version, leader) {
                let leader = LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(id))
                    .with_leader_epoch(epoch);
                response = response.with_current_leader(leader);
            }
            response
        },
    )
}

/// The same message with tagged fields that nobody knows.
pub(crate) fn produce_from_the_future(mut message: ProduceResponse) -> ProduceResponse {
    for topic in &mut message.responses {
        for partition in &mut topic.partition_responses {
            for error in &mut partition.record_errors {
                *error = with_future_tags!(error.clone());
            }
            let leader = &mut partition.current_leader;
            if leader.leader_id != BrokerId(-1) {
                *leader = with_future_tags!(leader.clone());
            }
            *partition = with_future_tags!(partition.clone());
        }
        *topic = with_future_tags!(topic.clone());
    }
    for endpoint in &mut message.node_endpoints {
        *endpoint = with_future_tags!(endpoint.clone());
    }
    with_future_tags!(message)
}

/// What we read, in the oracle's types.
pub(crate) fn produce_as_oracle(response: &produce::ProduceResponse<'_>) -> ProduceResponse {
    let endpoints = response.node_endpoints.iter().map(|endpoint| {
        NodeEndpoint::default()
            .with_node_id(BrokerId(endpoint.node_id))
            .with_host(owned(endpoint.host))
            .with_port(endpoint.port)
            .with_rack(endpoint.rack.map(owned))
    });
    ProduceResponse::default()
        .with_responses(response.topics.iter().map(|topic| topic_as_oracle(&topic)).collect())
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_node_endpoints(endpoints.collect())
}

fn topic_as_oracle(topic: &produce::TopicProduceResponse<'_>) -> TopicProduceResponse {
    let partitions = topic.partitions.iter().map(|partition| partition_as_oracle(&partition));
    let message = TopicProduceResponse::default().with_partition_responses(partitions.collect());
    match topic.topic {
        produce::TopicRef::Name(name) => message.with_name(TopicName(owned(name))),
        produce::TopicRef::Id(id) => message.with_topic_id(uuid(id.0)),
    }
}

fn partition_as_oracle(
    partition: &produce::PartitionProduceResponse<'_>,
) -> PartitionProduceResponse {
    let record_errors = partition.record_errors.iter().map(|error| {
        BatchIndexAndErrorMessage::default()
            .with_batch_index(error.index)
            .with_batch_index_error_message(error.message.map(owned))
    });
    let leader = partition.current_leader.map_or_else(LeaderIdAndEpoch::default, |leader| {
        LeaderIdAndEpoch::default()
            .with_leader_id(BrokerId(leader.leader_id))
            .with_leader_epoch(leader.leader_epoch)
    });
    PartitionProduceResponse::default()
        .with_index(partition.partition)
        .with_error_code(partition.error.code())
        .with_base_offset(partition.base_offset)
        .with_log_append_time_ms(partition.log_append_time_ms)
        .with_log_start_offset(partition.log_start_offset)
        .with_record_errors(record_errors.collect())
        .with_error_message(partition.error_message.map(owned))
        .with_current_leader(leader)
}

/// A Metadata response of this version.
pub(crate) fn metadata(version: i16) -> impl Strategy<Value = MetadataResponse> {
    let brokers = vec(broker(), 0..4);
    let topics = vec(metadata_topic(version), 0..4);
    (any::<(i32, i32, i16)>(), brokers, maybe_text(), topics).prop_map(
        move |((throttle_time_ms, controller, error), brokers, cluster_id, topics)| {
            MetadataResponse::default()
                .with_throttle_time_ms(if version >= 3 { throttle_time_ms } else { 0 })
                .with_brokers(brokers)
                .with_cluster_id(cluster_id.filter(|_| version >= 2))
                .with_controller_id(BrokerId(controller))
                .with_topics(topics)
                .with_error_code(if version >= 13 { error } else { 0 })
        },
    )
}

fn broker() -> impl Strategy<Value = MetadataResponseBroker> {
    (any::<i32>(), text(), any::<i32>(), maybe_text()).prop_map(|(id, host, port, rack)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(host)
            .with_port(port)
            .with_rack(rack)
    })
}

fn metadata_topic(version: i16) -> impl Strategy<Value = MetadataResponseTopic> {
    let partitions = vec(metadata_partition(version), 0..4);
    (any::<(i16, bool, [u8; 16])>(), maybe_text(), partitions).prop_map(
        move |((error, internal, id), name, partitions)| {
            let name = if version >= 12 { name } else { Some(name.unwrap_or_default()) };
            MetadataResponseTopic::default()
                .with_error_code(error)
                .with_name(name.map(TopicName))
                .with_topic_id(uuid(if version >= 10 { id } else { [0; 16] }))
                .with_is_internal(internal)
                .with_partitions(partitions)
        },
    )
}

fn metadata_partition(version: i16) -> impl Strategy<Value = MetadataResponsePartition> {
    let nodes = || vec(any::<i32>().prop_map(BrokerId), 0..4);
    (any::<(i16, i32, i32, i32)>(), nodes(), nodes(), nodes()).prop_map(
        move |((error, index, leader, epoch), replicas, in_sync, offline)| {
            MetadataResponsePartition::default()
                .with_error_code(error)
                .with_partition_index(index)
                .with_leader_id(BrokerId(leader))
                .with_leader_epoch(if version >= 7 { epoch } else { -1 })
                .with_replica_nodes(replicas)
                .with_isr_nodes(in_sync)
                .with_offline_replicas(if version >= 5 { offline } else { vec![] })
        },
    )
}

/// The same message with tagged fields that nobody knows.
pub(crate) fn metadata_from_the_future(mut message: MetadataResponse) -> MetadataResponse {
    for broker in &mut message.brokers {
        *broker = with_future_tags!(broker.clone());
    }
    for topic in &mut message.topics {
        for partition in &mut topic.partitions {
            *partition = with_future_tags!(partition.clone());
        }
        *topic = with_future_tags!(topic.clone());
    }
    with_future_tags!(message)
}

/// What we read, in the oracle's types.
pub(crate) fn metadata_as_oracle(response: &metadata::MetadataResponse<'_>) -> MetadataResponse {
    let brokers = response.brokers.iter().map(|broker| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(broker.node_id))
            .with_host(owned(broker.host))
            .with_port(broker.port)
            .with_rack(broker.rack.map(owned))
    });
    let topics = response.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            MetadataResponsePartition::default()
                .with_error_code(partition.error.code())
                .with_partition_index(partition.index)
                .with_leader_id(BrokerId(partition.leader_id))
                .with_leader_epoch(partition.leader_epoch)
                .with_replica_nodes(partition.replicas.iter().map(BrokerId).collect())
                .with_isr_nodes(partition.in_sync_replicas.iter().map(BrokerId).collect())
                .with_offline_replicas(partition.offline_replicas.iter().map(BrokerId).collect())
        });
        MetadataResponseTopic::default()
            .with_error_code(topic.error.code())
            .with_name(topic.name.map(|name| TopicName(owned(name))))
            .with_topic_id(uuid(topic.topic_id.0))
            .with_is_internal(topic.is_internal)
            .with_partitions(partitions.collect())
    });
    MetadataResponse::default()
        .with_throttle_time_ms(response.throttle_time_ms)
        .with_brokers(brokers.collect())
        .with_cluster_id(response.cluster_id.map(owned))
        .with_controller_id(BrokerId(response.controller_id))
        .with_topics(topics.collect())
        .with_error_code(response.error.code())
}

/// An ApiVersions response of this version, any error but that of an unsupported version.
pub(crate) fn api_versions(version: i16) -> impl Strategy<Value = ApiVersionsResponse> {
    let error = any::<i16>().prop_filter("answered in version 0", |code| *code != 35);
    let keys = vec((0i16..40, any::<(i16, i16)>()), 0..20);
    let features = vec((text(), any::<(i16, i16)>()), 0..3);
    (error, keys, any::<i32>(), features)
        .prop_map(move |(error, keys, throttle, features)| {
            let keys = keys.into_iter().map(|(key, (min, max))| {
                ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max)
            });
            let features = features.into_iter().map(|(name, (min, max))| {
                SupportedFeatureKey::default()
                    .with_name(name)
                    .with_min_version(min)
                    .with_max_version(max)
            });
            let mut response =
                ApiVersionsResponse::default().with_error_code(error).with_api_keys(keys.collect());
            if version >= 1 {
                response = response.with_throttle_time_ms(throttle);
            }
            if version >= 3 {
                response = response.with_supported_features(features.collect());
            }
            response
        })
        .prop_flat_map(move |response| (Just(response), finalized_features(version)))
        .prop_map(|(response, (epoch, features))| {
            response.with_finalized_features_epoch(epoch).with_finalized_features(features)
        })
}

/// Their epoch, and what was agreed on: none before there was such a thing.
fn finalized_features(version: i16) -> impl Strategy<Value = (i64, Vec<FinalizedFeatureKey>)> {
    let name = prop_oneof![Just(StrBytes::from_static_str("transaction.version")), text()];
    let feature = (name, any::<(i16, i16)>()).prop_map(|(name, (min, max))| {
        FinalizedFeatureKey::default()
            .with_name(name)
            .with_min_version_level(min)
            .with_max_version_level(max)
    });
    (any::<i64>(), vec(feature, 0..3))
        .prop_map(move |told| if version >= 3 { told } else { (-1, vec![]) })
}

/// The same message with tagged fields that nobody knows.
pub(crate) fn api_versions_from_the_future(
    mut message: ApiVersionsResponse,
) -> ApiVersionsResponse {
    for key in &mut message.api_keys {
        *key = with_future_tags!(key.clone());
    }
    with_future_tags!(message)
}

/// An InitProducerId response.
pub(crate) fn init_producer_id() -> impl Strategy<Value = InitProducerIdResponse> {
    any::<(i32, i16, i64, i16)>().prop_map(|(throttle, error, id, epoch)| {
        InitProducerIdResponse::default()
            .with_throttle_time_ms(throttle)
            .with_error_code(error)
            .with_producer_id(id.into())
            .with_producer_epoch(epoch)
    })
}

/// The same message with tagged fields that nobody knows.
pub(crate) fn init_producer_id_from_the_future(
    message: InitProducerIdResponse,
) -> InitProducerIdResponse {
    with_future_tags!(message)
}

/// A SaslHandshake response.
pub(crate) fn sasl_handshake() -> impl Strategy<Value = SaslHandshakeResponse> {
    (any::<i16>(), vec(text(), 0..4)).prop_map(|(error, mechanisms)| {
        SaslHandshakeResponse::default().with_error_code(error).with_mechanisms(mechanisms)
    })
}

/// A SaslAuthenticate response of this version.
pub(crate) fn sasl_authenticate(version: i16) -> impl Strategy<Value = SaslAuthenticateResponse> {
    let bytes = vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    (any::<i16>(), maybe_text(), bytes, any::<i64>()).prop_map(
        move |(error, message, bytes, lifetime)| {
            SaslAuthenticateResponse::default()
                .with_error_code(error)
                .with_error_message(message)
                .with_auth_bytes(bytes)
                .with_session_lifetime_ms(if version >= 1 { lifetime } else { 0 })
        },
    )
}

/// The same message with tagged fields that nobody knows.
pub(crate) fn sasl_authenticate_from_the_future(
    message: SaslAuthenticateResponse,
) -> SaslAuthenticateResponse {
    with_future_tags!(message)
}

fn owned(text: &str) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn uuid(bytes: [u8; 16]) -> Uuid {
    Uuid::from_bytes(bytes)
}
