//! Every response in every version, written by an independent implementation of the protocol; and
//! what becomes of it when bytes are missing, wrong or made up.

#![allow(clippy::redundant_clone, reason = "prop_assert_eq takes its arguments by value")]

mod protocol_oracle;

use ottla_core::protocol::add_offsets_to_txn::AddOffsetsToTxnResponse;
use ottla_core::protocol::add_partitions_to_txn::{AddPartitionsToTxnResponse, TopicResult};
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::{ApiVersionsResponse, NodeVersions, VersionRange};
use ottla_core::protocol::array::Array;
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::describe_configs::DescribeConfigsResponse;
use ottla_core::protocol::end_txn::EndTxnResponse;
use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::find_coordinator::FindCoordinatorResponse;
use ottla_core::protocol::header::parse_response_header;
use ottla_core::protocol::init_producer_id::InitProducerIdResponse;
use ottla_core::protocol::metadata::MetadataResponse;
use ottla_core::protocol::produce::{ProduceResponse, TopicRef};
use ottla_core::protocol::sasl_authenticate::SaslAuthenticateResponse;
use ottla_core::protocol::sasl_handshake::SaslHandshakeResponse;
use ottla_core::protocol::txn_offset_commit::TxnOffsetCommitResponse;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use protocol_oracle as oracle;

const KEYS: [ApiKey; 12] = [
    ApiKey::Produce,
    ApiKey::Metadata,
    ApiKey::ApiVersions,
    ApiKey::InitProducerId,
    ApiKey::SaslHandshake,
    ApiKey::SaslAuthenticate,
    ApiKey::FindCoordinator,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::TxnOffsetCommit,
    ApiKey::EndTxn,
    ApiKey::DescribeConfigs,
];

proptest! {
    #[test]
    fn produce(
        (version, message) in oracle::versions(ApiKey::Produce)
            .prop_flat_map(|version| (Just(version), oracle::produce(version)))
    ) {
        let body = oracle::encode(&message, version);
        let response = ProduceResponse::parse(&body, version).unwrap();
        prop_assert_eq!(oracle::produce_as_oracle(&response), message.clone());
        if ApiKey::Produce.is_flexible(version) {
            let body = oracle::encode(&oracle::produce_from_the_future(message.clone()), version);
            let response = ProduceResponse::parse(&body, version).unwrap();
            prop_assert_eq!(oracle::produce_as_oracle(&response), message);
        }
    }

    #[test]
    fn metadata(
        (version, message) in oracle::versions(ApiKey::Metadata)
            .prop_flat_map(|version| (Just(version), oracle::metadata(version)))
    ) {
        let body = oracle::encode(&message, version);
        let response = MetadataResponse::parse(&body, version).unwrap();
        prop_assert_eq!(oracle::metadata_as_oracle(&response), message.clone());
        if ApiKey::Metadata.is_flexible(version) {
            let body = oracle::encode(&oracle::metadata_from_the_future(message.clone()), version);
            let response = MetadataResponse::parse(&body, version).unwrap();
            prop_assert_eq!(oracle::metadata_as_oracle(&response), message);
        }
    }

    #[test]
    fn api_versions(
        (version, message) in oracle::versions(ApiKey::ApiVersions)
            .prop_flat_map(|version| (Just(version), oracle::api_versions(version)))
    ) {
        let mut expected = NodeVersions::default();
        for key in &message.api_keys {
            expected.insert(key.api_key, VersionRange { min: key.min_version, max: key.max_version });
        }
        let mut bodies = vec![oracle::encode(&message, version)];
        if ApiKey::ApiVersions.is_flexible(version) {
            let message = oracle::api_versions_from_the_future(message.clone());
            bodies.push(oracle::encode(&message, version));
        }
        for body in bodies {
            let response = ApiVersionsResponse::parse(&body, version).unwrap();
            prop_assert_eq!(response.error.code(), message.error_code);
            prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
            prop_assert_eq!(response.versions, expected);
            let level = message.finalized_features.iter();
            let level = level.clone().find(|it| it.name.as_str() == "transaction.version");
            let level = level.map_or(0, |it| it.max_version_level);
            prop_assert_eq!(response.features.transaction_version, level);
            prop_assert_eq!(response.features.epoch, message.finalized_features_epoch);
        }
    }

    #[test]
    fn find_coordinator(
        (version, message) in oracle::versions(ApiKey::FindCoordinator)
            .prop_flat_map(|version| (Just(version), oracle::find_coordinator(version)))
    ) {
        let body = oracle::encode(&message, version);
        let response = FindCoordinatorResponse::parse(&body, version).unwrap();
        let only = oracle::only_coordinator(&message, version);
        prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
        prop_assert_eq!(response.error.code(), only.error_code);
        prop_assert_eq!((response.node_id, response.port), (*only.node_id, only.port));
        prop_assert_eq!(response.host, only.host.as_str());
    }

    #[test]
    fn add_partitions_to_txn(
        version in oracle::versions(ApiKey::AddPartitionsToTxn),
        (message, expected) in oracle::add_partitions_to_txn(),
    ) {
        let body = oracle::encode(&message, version);
        let response = AddPartitionsToTxnResponse::parse(&body, version).unwrap();
        prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
        prop_assert_eq!(results(response.topics), expected);
    }

    #[test]
    fn txn_offset_commit(
        version in oracle::versions(ApiKey::TxnOffsetCommit),
        (message, expected) in oracle::txn_offset_commit(),
    ) {
        let body = oracle::encode(&message, version);
        let response = TxnOffsetCommitResponse::parse(&body, version).unwrap();
        prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
        prop_assert_eq!(results(response.topics), expected);
    }

    #[test]
    fn add_offsets_to_txn(
        version in oracle::versions(ApiKey::AddOffsetsToTxn),
        message in oracle::add_offsets_to_txn(),
    ) {
        let body = oracle::encode(&message, version);
        let response = AddOffsetsToTxnResponse::parse(&body, version).unwrap();
        prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
        prop_assert_eq!(response.error.code(), message.error_code);
    }

    #[test]
    fn end_txn(
        (version, message) in oracle::versions(ApiKey::EndTxn)
            .prop_flat_map(|version| (Just(version), oracle::end_txn(version)))
    ) {
        let body = oracle::encode(&message, version);
        let response = EndTxnResponse::parse(&body, version).unwrap();
        prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
        prop_assert_eq!(response.error.code(), message.error_code);
        prop_assert_eq!(response.producer_id, *message.producer_id);
        prop_assert_eq!(response.producer_epoch, message.producer_epoch);
    }

    #[test]
    fn describe_configs(
        (version, message) in oracle::versions(ApiKey::DescribeConfigs)
            .prop_flat_map(|version| (Just(version), oracle::describe_configs(version)))
    ) {
        let body = oracle::encode(&message, version);
        let response = DescribeConfigsResponse::parse(&body, version).unwrap();
        prop_assert_eq!(oracle::describe_configs_as_oracle(&response), oracle::plain(message));
    }

    #[test]
    fn init_producer_id(
        version in oracle::versions(ApiKey::InitProducerId),
        message in oracle::init_producer_id(),
    ) {
        let mut bodies = vec![oracle::encode(&message, version)];
        if ApiKey::InitProducerId.is_flexible(version) {
            let message = oracle::init_producer_id_from_the_future(message.clone());
            bodies.push(oracle::encode(&message, version));
        }
        for body in bodies {
            let response = InitProducerIdResponse::parse(&body, version).unwrap();
            prop_assert_eq!(response.throttle_time_ms, message.throttle_time_ms);
            prop_assert_eq!(response.error.code(), message.error_code);
            prop_assert_eq!(response.producer_id, *message.producer_id);
            prop_assert_eq!(response.producer_epoch, message.producer_epoch);
        }
    }

    #[test]
    fn sasl_handshake(message in oracle::sasl_handshake()) {
        let body = oracle::encode(&message, 1);
        let response = SaslHandshakeResponse::parse(&body, 1).unwrap();
        prop_assert_eq!(response.error.code(), message.error_code);
        let mechanisms: Vec<&str> = response.mechanisms.iter().collect();
        prop_assert!(mechanisms.into_iter().eq(message.mechanisms.iter().map(|name| name.as_str())));
    }

    #[test]
    fn sasl_authenticate(
        (version, message) in oracle::versions(ApiKey::SaslAuthenticate)
            .prop_flat_map(|version| (Just(version), oracle::sasl_authenticate(version)))
    ) {
        let mut bodies = vec![oracle::encode(&message, version)];
        if ApiKey::SaslAuthenticate.is_flexible(version) {
            let message = oracle::sasl_authenticate_from_the_future(message.clone());
            bodies.push(oracle::encode(&message, version));
        }
        for body in bodies {
            let response = SaslAuthenticateResponse::parse(&body, version).unwrap();
            prop_assert_eq!(response.error.code(), message.error_code);
            prop_assert_eq!(response.error_message, message.error_message.as_deref());
            prop_assert_eq!(response.message, &message.auth_bytes[..]);
            prop_assert_eq!(response.session_lifetime_ms, message.session_lifetime_ms);
        }
    }

    #[test]
    fn made_up_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for key in KEYS {
            for version in oracle::oldest(key)..=key.max_version() {
                let _ = read_all(key, version, &body);
            }
        }
        let _ = parse_response_header(&body, 0);
        let _ = parse_response_header(&body, 1);
    }
}

/// What was said of each partition.
fn results(topics: Array<'_, TopicResult<'_>>) -> Vec<(String, Vec<(i32, i16)>)> {
    let topic = |topic: TopicResult<'_>| {
        let partitions = topic.partitions.iter().map(|it| (it.partition, it.error.code()));
        (topic.name.to_owned(), partitions.collect())
    };
    topics.iter().map(topic).collect()
}

/// Reads a body and everything in it. Iteration must keep what `parse` promised, and no more
/// elements can come out than bytes went in.
fn read_all(key: ApiKey, version: i16, body: &[u8]) -> Result<(), DecodeError> {
    let mut elements = 0;
    match key {
        ApiKey::Produce => {
            let response = ProduceResponse::parse(body, version)?;
            assert_eq!(response.node_endpoints.iter().count(), response.node_endpoints.len());
            assert_eq!(response.topics.iter().count(), response.topics.len());
            elements += response.node_endpoints.len() + response.topics.len();
            for topic in response.topics {
                assert_eq!(topic.partitions.iter().count(), topic.partitions.len());
                elements += topic.partitions.len();
                for partition in topic.partitions {
                    let errors = partition.record_errors;
                    assert_eq!(errors.iter().count(), errors.len());
                    elements += errors.len();
                }
            }
        }
        ApiKey::Metadata => {
            let response = MetadataResponse::parse(body, version)?;
            assert_eq!(response.brokers.iter().count(), response.brokers.len());
            assert_eq!(response.topics.iter().count(), response.topics.len());
            elements += response.brokers.len() + response.topics.len();
            for topic in response.topics {
                assert_eq!(topic.partitions.iter().count(), topic.partitions.len());
                elements += topic.partitions.len();
                for p in topic.partitions {
                    for nodes in [p.replicas, p.in_sync_replicas, p.offline_replicas] {
                        assert_eq!(nodes.iter().count(), nodes.len());
                        elements += nodes.len();
                    }
                }
            }
        }
        ApiKey::ApiVersions => drop(ApiVersionsResponse::parse(body, version)?),
        ApiKey::InitProducerId => drop(InitProducerIdResponse::parse(body, version)?),
        ApiKey::SaslHandshake => {
            elements += SaslHandshakeResponse::parse(body, version)?.mechanisms.iter().count();
        }
        ApiKey::SaslAuthenticate => {
            elements += SaslAuthenticateResponse::parse(body, version)?.message.len();
        }
        ApiKey::FindCoordinator => drop(FindCoordinatorResponse::parse(body, version)?),
        ApiKey::AddOffsetsToTxn => drop(AddOffsetsToTxnResponse::parse(body, version)?),
        ApiKey::EndTxn => drop(EndTxnResponse::parse(body, version)?),
        ApiKey::DescribeConfigs => {
            let response = DescribeConfigsResponse::parse(body, version)?;
            let entries = response.resources.iter().map(|resource| resource.configs.iter().count());
            elements += response.resources.len() + entries.sum::<usize>();
        }
        ApiKey::AddPartitionsToTxn => {
            let topics = results(AddPartitionsToTxnResponse::parse(body, version)?.topics);
            elements += topics.iter().map(|(_, partitions)| 1 + partitions.len()).sum::<usize>();
        }
        ApiKey::TxnOffsetCommit => {
            let topics = results(TxnOffsetCommitResponse::parse(body, version)?.topics);
            elements += topics.iter().map(|(_, partitions)| 1 + partitions.len()).sum::<usize>();
        }
        _ => unreachable!("no other response is read"),
    }
    assert!(elements <= body.len());
    Ok(())
}

/// Bodies with something in every field, in every version.
fn rich_bodies() -> Vec<(ApiKey, i16, Vec<u8>)> {
    let mut runner = TestRunner::deterministic();
    let mut bodies = Vec::new();
    for key in KEYS {
        for version in oracle::oldest(key)..=key.max_version() {
            let samples = (0..30).map(|_| match key {
                ApiKey::Produce => sample(&oracle::produce(version), &mut runner, version),
                ApiKey::Metadata => sample(&oracle::metadata(version), &mut runner, version),
                ApiKey::ApiVersions => sample(&oracle::api_versions(version), &mut runner, version),
                ApiKey::SaslHandshake => sample(&oracle::sasl_handshake(), &mut runner, version),
                ApiKey::SaslAuthenticate => {
                    sample(&oracle::sasl_authenticate(version), &mut runner, version)
                }
                ApiKey::FindCoordinator => {
                    sample(&oracle::find_coordinator(version), &mut runner, version)
                }
                ApiKey::AddPartitionsToTxn => {
                    let messages = oracle::add_partitions_to_txn().prop_map(|(it, _)| it);
                    sample(&messages, &mut runner, version)
                }
                ApiKey::TxnOffsetCommit => {
                    let messages = oracle::txn_offset_commit().prop_map(|(it, _)| it);
                    sample(&messages, &mut runner, version)
                }
                ApiKey::AddOffsetsToTxn => {
                    sample(&oracle::add_offsets_to_txn(), &mut runner, version)
                }
                ApiKey::DescribeConfigs => {
                    sample(&oracle::describe_configs(version), &mut runner, version)
                }
                ApiKey::EndTxn => sample(&oracle::end_txn(version), &mut runner, version),
                _ => sample(&oracle::init_producer_id(), &mut runner, version),
            });
            let body = samples.max_by_key(Vec::len).unwrap();
            bodies.push((key, version, body));
        }
    }
    bodies
}

fn sample<S>(messages: &S, runner: &mut TestRunner, version: i16) -> Vec<u8>
where
    S: Strategy<Value: kafka_protocol::protocol::Encodable>,
{
    oracle::encode(&messages.new_tree(runner).unwrap().current(), version)
}

#[test]
fn cut_anywhere_a_response_is_an_error() {
    for (key, version, body) in rich_bodies() {
        read_all(key, version, &body).unwrap();
        for end in 0..body.len() {
            let cut = read_all(key, version, &body[..end]);
            assert!(cut.is_err(), "{key:?} v{version} cut at {end} of {}", body.len());
        }
    }
}

#[test]
fn longer_than_its_fields_a_response_is_an_error() {
    for (key, version, mut body) in rich_bodies() {
        let offset = body.len();
        body.push(0);
        let expected = DecodeError::TrailingBytes { offset };
        assert_eq!(read_all(key, version, &body), Err(expected), "{key:?} v{version}");
    }
}

#[test]
fn a_wrong_byte_is_an_error_or_another_meaning() {
    for (key, version, mut body) in rich_bodies() {
        for at in 0..body.len() {
            let right = body[at];
            for flip in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x7f, 0xff] {
                body[at] = right ^ flip;
                let _ = read_all(key, version, &body);
            }
            body[at] = right;
        }
    }
}

#[test]
fn announced_counts_are_not_believed() {
    const MANY: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let count = |offset| Err(DecodeError::Count { offset });
    let many_topics = [&MANY[..], &[0; 40]].concat();
    assert_eq!(read_all(ApiKey::Produce, 9, &many_topics), count(0));

    // No topics, no throttling, and then 2³² − 1 tagged fields.
    let many_tags = [&[1, 0, 0, 0, 0][..], &MANY, &[0; 40]].concat();
    assert_eq!(read_all(ApiKey::Produce, 9, &many_tags), count(5));

    let many_old = [&i32::MAX.to_be_bytes()[..], &[0; 40]].concat();
    assert_eq!(read_all(ApiKey::Produce, 8, &many_old), count(0));

    let long_tag = [&[1, 0, 0, 0, 0, 1, 0][..], &MANY, &[0; 40]].concat();
    let expected = Err(DecodeError::Truncated { offset: 12 });
    assert_eq!(read_all(ApiKey::Produce, 9, &long_tag), expected);
}

#[test]
fn malformed_fields_are_named_by_their_offset() {
    let parse = |version, body: &[u8]| ProduceResponse::parse(body, version).unwrap_err();
    let negative = [0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0];
    assert_eq!(parse(8, &negative), DecodeError::NegativeLength { offset: 0 });
    assert_eq!(parse(9, &[0, 0, 0, 0, 0, 0]), DecodeError::UnexpectedNull { offset: 0 });
    assert_eq!(parse(9, &[0xff; 9]), DecodeError::BadVarint { offset: 0 });
    let bad_utf8 = [2, 3, 0xc3, 0x28, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(parse(9, &bad_utf8), DecodeError::BadUtf8 { offset: 2 });
    // A leader in a tagged field that is one byte too long.
    let mut partition = vec![2, 2, b't', 2];
    partition.extend_from_slice(&[0; 30]);
    partition.extend_from_slice(&[1, 0, 1, 0, 10]);
    partition.extend_from_slice(&[0; 16]);
    assert_eq!(parse(10, &partition), DecodeError::TrailingBytes { offset: 48 });
    assert_eq!(parse(14, &[]), DecodeError::UnsupportedVersion { version: 14 });
}

#[test]
fn a_leader_that_nobody_knows_is_none() {
    // A partition with error 6 and CurrentLeader { -1, -1 }, as a broker mid-election writes it.
    let mut body = vec![2, 2, b't', 2, 0, 0, 0, 5, 0, 6];
    body.extend_from_slice(&[0xff; 24]);
    body.extend_from_slice(&[1, 0, 1, 0, 9]);
    body.extend_from_slice(&[0xff; 8]);
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0]);
    let response = ProduceResponse::parse(&body, 10).unwrap();
    let topic = response.topics.iter().next().unwrap();
    assert_eq!(topic.topic, TopicRef::Name("t"));
    let partition = topic.partitions.iter().next().unwrap();
    assert_eq!((partition.partition, partition.error), (5, ErrorCode::NotLeaderOrFollower));
    assert_eq!(partition.current_leader, None);
}

#[test]
fn response_headers() {
    assert_eq!(parse_response_header(&[0, 0, 1, 2, 9, 9], 0), Ok((258, &[9, 9][..])));
    assert_eq!(parse_response_header(&[0, 0, 1, 2, 0, 9], 1), Ok((258, &[9][..])));
    assert_eq!(parse_response_header(&[0, 0, 1, 2, 1, 5, 1, 7, 9], 1), Ok((258, &[9][..])));
    assert!(parse_response_header(&[0, 0, 1], 0).is_err());
    assert!(parse_response_header(&[0, 0, 1, 2], 1).is_err());
}
