//! Every request in every version, read back by an independent implementation of the protocol.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest as OracleAddOffsets, AddPartitionsToTxnRequest as OracleAddPartitions,
    ApiVersionsRequest as OracleApiVersions, DescribeConfigsRequest as OracleDescribeConfigs,
    EndTxnRequest as OracleEndTxn, FindCoordinatorRequest as OracleFindCoordinator,
    InitProducerIdRequest as OracleInitProducerId, MetadataRequest as OracleMetadata,
    ProduceRequest as OracleProduce, RequestHeader,
    SaslAuthenticateRequest as OracleSaslAuthenticate, SaslHandshakeRequest as OracleSaslHandshake,
    TxnOffsetCommitRequest as OracleTxnOffsetCommit,
};
use kafka_protocol::protocol::Decodable;
use ottla_core::protocol::add_offsets_to_txn::AddOffsetsToTxnRequest;
use ottla_core::protocol::add_partitions_to_txn::AddPartitionsToTxnRequest;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::ApiVersionsRequest;
use ottla_core::protocol::describe_configs::DescribeConfigsRequest;
use ottla_core::protocol::end_txn::EndTxnRequest;
use ottla_core::protocol::find_coordinator::{CoordinatorKind, FindCoordinatorRequest};
use ottla_core::protocol::header::{begin_request, finish_request};
use ottla_core::protocol::init_producer_id::InitProducerIdRequest;
use ottla_core::protocol::metadata::MetadataRequest;
use ottla_core::protocol::produce::ProduceRequestBuilder;
use ottla_core::protocol::sasl_authenticate::SaslAuthenticateRequest;
use ottla_core::protocol::sasl_handshake::SaslHandshakeRequest;
use ottla_core::protocol::txn_offset_commit::{OffsetToCommit, TxnOffsetCommitRequest};
use ottla_core::protocol::uuid::Uuid;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const TEXT: &str = "\\PC{0,12}";

fn versions(key: ApiKey) -> impl Strategy<Value = i16> {
    // Those with message sets are not the oracle's.
    let oldest = if key == ApiKey::Produce { 3 } else { key.min_version() };
    oldest..=key.max_version()
}

/// Frames a body behind bytes that are there already, which have to stay.
fn request(key: ApiKey, version: i16, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut buf = b"earlier".to_vec();
    let start = begin_request(&mut buf, key, version, 77, "test");
    body(&mut buf);
    finish_request(&mut buf, start, 0);
    assert_eq!(&buf[..7], b"earlier");
    buf.split_off(7)
}

/// Checks size and header, and returns the body as the oracle reads it.
fn oracle<T: Decodable>(key: ApiKey, version: i16, wire: Vec<u8>) -> T {
    let mut wire = Bytes::from(wire);
    assert_eq!(wire.get_i32() as usize, wire.len());
    let header = RequestHeader::decode(&mut wire, key.request_header_version(version)).unwrap();
    assert_eq!(header.request_api_key, key.code());
    assert_eq!(header.request_api_version, version);
    assert_eq!(header.correlation_id, 77);
    assert_eq!(header.client_id.as_deref(), Some("test"));
    let body = T::decode(&mut wire, version).unwrap();
    assert!(wire.is_empty(), "{} bytes left", wire.len());
    body
}

#[test]
fn header_versions_are_the_oracles() {
    use kafka_protocol::messages::ApiKey as OracleKey;
    let others = [ApiKey::ApiVersions, ApiKey::SaslHandshake, ApiKey::SaslAuthenticate];
    let first = [ApiKey::Produce, ApiKey::Metadata, ApiKey::InitProducerId];
    let partitions = [ApiKey::FindCoordinator, ApiKey::AddPartitionsToTxn];
    let offsets = [ApiKey::AddOffsetsToTxn, ApiKey::TxnOffsetCommit, ApiKey::EndTxn];
    let tools = [ApiKey::DescribeConfigs];
    for key in first.into_iter().chain(others).chain(partitions).chain(offsets).chain(tools) {
        let oracle = OracleKey::try_from(key.code()).unwrap();
        assert_eq!(ApiKey::from_code(key.code()), Some(key));
        for version in key.min_version()..=key.max_version() {
            let request = key.request_header_version(version);
            assert_eq!(request, oracle.request_header_version(version), "{key:?} v{version}");
            let response = key.response_header_version(version);
            assert_eq!(response, oracle.response_header_version(version), "{key:?} v{version}");
        }
    }
}

#[test]
fn overlong_strings_are_cut_at_a_character() {
    let long = "é".repeat(40_000);
    let topics = [long.as_str(), "next"];
    for version in [8, 13] {
        let request = request(ApiKey::Metadata, version, |buf| {
            let topics = Some(topics.as_slice());
            MetadataRequest { topics, allow_auto_topic_creation: true }.encode(buf, version);
        });
        let read: OracleMetadata = oracle(ApiKey::Metadata, version, request);
        let topics = read.topics.unwrap();
        assert_eq!(topics[0].name.as_ref().unwrap().len(), 32_766);
        assert_eq!(topics[1].name.as_ref().unwrap().as_str(), "next");
    }
}

proptest! {
    #[test]
    fn api_versions(version in versions(ApiKey::ApiVersions), name in TEXT, software in TEXT) {
        let wire = request(ApiKey::ApiVersions, version, |buf| {
            ApiVersionsRequest { software_name: &name, software_version: &software }
                .encode(buf, version);
        });
        let read: OracleApiVersions = oracle(ApiKey::ApiVersions, version, wire);
        if version >= 3 {
            prop_assert_eq!(read.client_software_name.as_str(), name);
            prop_assert_eq!(read.client_software_version.as_str(), software);
        }
    }

    #[test]
    fn init_producer_id(
        version in versions(ApiKey::InitProducerId),
        transactional_id in option::of(TEXT),
        transaction_timeout_ms: i32,
        producer_id: i64,
        producer_epoch: i16,
    ) {
        let wire = request(ApiKey::InitProducerId, version, |buf| {
            InitProducerIdRequest {
                transactional_id: transactional_id.as_deref(),
                transaction_timeout_ms,
                producer_id,
                producer_epoch,
            }
            .encode(buf, version);
        });
        let read: OracleInitProducerId = oracle(ApiKey::InitProducerId, version, wire);
        prop_assert_eq!(read.transactional_id.map(|id| id.to_string()), transactional_id);
        prop_assert_eq!(read.transaction_timeout_ms, transaction_timeout_ms);
        if version >= 3 {
            prop_assert_eq!((*read.producer_id, read.producer_epoch), (producer_id, producer_epoch));
        }
    }

    #[test]
    fn find_coordinator(version in versions(ApiKey::FindCoordinator), key in TEXT, group: bool) {
        let kind = if group { CoordinatorKind::Group } else { CoordinatorKind::Transaction };
        let wire = request(ApiKey::FindCoordinator, version, |buf| {
            FindCoordinatorRequest { key: &key, kind }.encode(buf, version);
        });
        let read: OracleFindCoordinator = oracle(ApiKey::FindCoordinator, version, wire);
        prop_assert_eq!(read.key_type, i8::from(!group));
        let found = if version < 4 { &read.key } else { &read.coordinator_keys[0] };
        prop_assert_eq!(found.as_str(), key);
        prop_assert_eq!(read.coordinator_keys.len(), usize::from(version >= 4));
    }

    #[test]
    fn add_partitions_to_txn(
        version in versions(ApiKey::AddPartitionsToTxn),
        id in TEXT,
        producer_id: i64,
        producer_epoch: i16,
        topics in vec((TEXT, vec(any::<i32>(), 0..4)), 0..4),
    ) {
        let wire = request(ApiKey::AddPartitionsToTxn, version, |buf| {
            let topics: Vec<_> = topics.iter().map(|(name, p)| (name.as_str(), p.clone())).collect();
            let (transactional_id, topics) = (id.as_str(), topics.as_slice());
            AddPartitionsToTxnRequest { transactional_id, producer_id, producer_epoch, topics }
                .encode(buf, version);
        });
        let read: OracleAddPartitions = oracle(ApiKey::AddPartitionsToTxn, version, wire);
        prop_assert_eq!(read.v3_and_below_transactional_id.as_str(), id);
        prop_assert_eq!(*read.v3_and_below_producer_id, producer_id);
        prop_assert_eq!(read.v3_and_below_producer_epoch, producer_epoch);
        let read = read.v3_and_below_topics.into_iter();
        let read: Vec<_> = read.map(|it| (it.name.to_string(), it.partitions)).collect();
        prop_assert_eq!(read, topics);
    }

    #[test]
    fn add_offsets_to_txn(
        version in versions(ApiKey::AddOffsetsToTxn),
        id in TEXT,
        producer_id: i64,
        producer_epoch: i16,
        group in TEXT,
    ) {
        let wire = request(ApiKey::AddOffsetsToTxn, version, |buf| {
            let (transactional_id, group_id) = (id.as_str(), group.as_str());
            AddOffsetsToTxnRequest { transactional_id, producer_id, producer_epoch, group_id }
                .encode(buf, version);
        });
        let read: OracleAddOffsets = oracle(ApiKey::AddOffsetsToTxn, version, wire);
        prop_assert_eq!(read.transactional_id.as_str(), id);
        prop_assert_eq!((*read.producer_id, read.producer_epoch), (producer_id, producer_epoch));
        prop_assert_eq!(read.group_id.as_str(), group);
    }

    #[test]
    fn txn_offset_commit(
        version in versions(ApiKey::TxnOffsetCommit),
        (id, group, member) in (TEXT, TEXT, TEXT),
        instance in option::of(TEXT),
        (producer_id, producer_epoch, generation_id) in any::<(i64, i16, i32)>(),
        topics in vec((TEXT, vec((any::<(i32, i64, i32)>(), TEXT), 0..3)), 0..3),
    ) {
        let wire = request(ApiKey::TxnOffsetCommit, version, |buf| {
            let offset = |((partition, offset, leader_epoch), metadata): &((i32, i64, i32), String)| {
                let metadata: &str = Box::leak(metadata.clone().into_boxed_str());
                OffsetToCommit {
                    partition: *partition, offset: *offset, leader_epoch: *leader_epoch, metadata,
                }
            };
            let topics: Vec<_> = topics
                .iter()
                .map(|(name, offsets)| (name.as_str(), offsets.iter().map(offset).collect()))
                .collect();
            TxnOffsetCommitRequest {
                transactional_id: &id,
                group_id: &group,
                producer_id,
                producer_epoch,
                generation_id,
                member_id: &member,
                group_instance_id: instance.as_deref(),
                topics: &topics,
            }
            .encode(buf, version);
        });
        let read: OracleTxnOffsetCommit = oracle(ApiKey::TxnOffsetCommit, version, wire);
        prop_assert_eq!(read.transactional_id.as_str(), id);
        prop_assert_eq!(read.group_id.as_str(), group);
        prop_assert_eq!((*read.producer_id, read.producer_epoch), (producer_id, producer_epoch));
        if version >= 3 {
            prop_assert_eq!(read.generation_id, generation_id);
            prop_assert_eq!(read.member_id.as_str(), member);
            prop_assert_eq!(read.group_instance_id.as_deref(), instance.as_deref());
        }
        let read = read.topics.into_iter().map(|topic| {
            let offsets = topic.partitions.into_iter().map(|it| {
                let epoch = it.committed_leader_epoch;
                let metadata = it.committed_metadata.unwrap().to_string();
                ((it.partition_index, it.committed_offset, epoch), metadata)
            });
            (topic.name.to_string(), offsets.collect())
        });
        let read: Vec<(String, Vec<_>)> = read.collect();
        let mut expected = topics;
        if version < 2 {
            expected.iter_mut().flat_map(|(_, offsets)| offsets).for_each(|it| it.0.2 = -1);
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn end_txn(
        version in versions(ApiKey::EndTxn),
        id in TEXT,
        producer_id: i64,
        producer_epoch: i16,
        committed: bool,
    ) {
        let wire = request(ApiKey::EndTxn, version, |buf| {
            EndTxnRequest { transactional_id: &id, producer_id, producer_epoch, committed }
                .encode(buf, version);
        });
        let read: OracleEndTxn = oracle(ApiKey::EndTxn, version, wire);
        prop_assert_eq!(read.transactional_id.as_str(), id);
        prop_assert_eq!((*read.producer_id, read.producer_epoch), (producer_id, producer_epoch));
        prop_assert_eq!(read.committed, committed);
    }

    #[test]
    fn describe_configs(
        version in versions(ApiKey::DescribeConfigs),
        topic in TEXT,
        names in vec(TEXT, 0..4),
    ) {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let wire = request(ApiKey::DescribeConfigs, version, |buf| {
            DescribeConfigsRequest { topic: &topic, names: &names }.encode(buf, version);
        });
        let read: OracleDescribeConfigs = oracle(ApiKey::DescribeConfigs, version, wire);
        prop_assert!(!read.include_synonyms && !read.include_documentation);
        prop_assert_eq!(read.resources.len(), 1);
        let resource = &read.resources[0];
        prop_assert_eq!((resource.resource_type, resource.resource_name.as_str()), (2, &*topic));
        let read: Vec<&str> =
            resource.configuration_keys.iter().flatten().map(|name| name.as_str()).collect();
        prop_assert_eq!(read, names);
    }

    #[test]
    fn sasl_handshake(mechanism in TEXT) {
        let wire = request(ApiKey::SaslHandshake, 1, |buf| {
            SaslHandshakeRequest { mechanism: &mechanism }.encode(buf);
        });
        let read: OracleSaslHandshake = oracle(ApiKey::SaslHandshake, 1, wire);
        prop_assert_eq!(read.mechanism.as_str(), mechanism);
    }

    #[test]
    fn sasl_authenticate(
        version in versions(ApiKey::SaslAuthenticate),
        message in vec(any::<u8>(), 0..300),
    ) {
        let wire = request(ApiKey::SaslAuthenticate, version, |buf| {
            SaslAuthenticateRequest { message: &message }.encode(buf, version);
        });
        let read: OracleSaslAuthenticate = oracle(ApiKey::SaslAuthenticate, version, wire);
        prop_assert_eq!(&read.auth_bytes[..], &message[..]);
    }

    #[test]
    fn metadata(
        version in versions(ApiKey::Metadata),
        topics in option::of(vec(TEXT, 0..4)),
        auto_create: bool,
    ) {
        let names = topics.as_ref().map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
        let wire = request(ApiKey::Metadata, version, |buf| {
            MetadataRequest { topics: names.as_deref(), allow_auto_topic_creation: auto_create }
                .encode(buf, version);
        });
        let read: OracleMetadata = oracle(ApiKey::Metadata, version, wire);
        prop_assert_eq!(read.allow_auto_topic_creation, auto_create || version < 4);
        prop_assert!(!read.include_cluster_authorized_operations);
        prop_assert!(!read.include_topic_authorized_operations);
        let read = read.topics.map(|topics| {
            topics.into_iter().map(|topic| topic.name.unwrap().to_string()).collect::<Vec<_>>()
        });
        prop_assert_eq!(read, topics);
    }

    #[test]
    fn produce(
        version in versions(ApiKey::Produce),
        transactional_id in option::of(TEXT),
        acks: i16,
        timeout_ms: i32,
        topics in vec((TEXT, any::<[u8; 16]>(), vec((any::<i32>(), vec(any::<u8>(), 0..300)), 0..4)), 0..4),
    ) {
        let mut head = Vec::new();
        let mut splices = Vec::new();
        let mut builder = ProduceRequestBuilder::begin(
            &mut head, version, 77, "test", transactional_id.as_deref(), acks, timeout_ms, topics.len(),
        );
        for (name, id, partitions) in &topics {
            builder.topic(name, Uuid(*id), partitions.len());
            for (index, batch) in partitions {
                splices.push((builder.partition(*index, batch.len()), batch));
                builder.end_partition();
            }
            builder.end_topic();
        }
        builder.finish(splices.iter().map(|(_, batch)| batch.len()).sum());

        let mut wire = Vec::new();
        let mut sent = 0;
        for (splice, batch) in splices {
            wire.extend_from_slice(&head[sent..splice]);
            wire.extend_from_slice(batch);
            sent = splice;
        }
        wire.extend_from_slice(&head[sent..]);

        let read: OracleProduce = oracle(ApiKey::Produce, version, wire);
        prop_assert_eq!(read.transactional_id.map(|id| id.to_string()), transactional_id);
        prop_assert_eq!((read.acks, read.timeout_ms), (acks, timeout_ms));
        prop_assert_eq!(read.topic_data.len(), topics.len());
        for (read, (name, id, partitions)) in read.topic_data.iter().zip(&topics) {
            if version >= 13 {
                prop_assert_eq!(read.topic_id.as_bytes(), id);
            } else {
                prop_assert_eq!(read.name.as_str(), name);
            }
            let read: Vec<_> = read
                .partition_data
                .iter()
                .map(|partition| (partition.index, partition.records.clone().unwrap().to_vec()))
                .collect();
            prop_assert_eq!(&read, partitions);
        }
    }
}
