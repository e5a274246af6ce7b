//! Questions to a broker in Kafka's protocol, asked with a codec that is not ottla's.
//!
//! A Java tool would answer the same after seconds of starting; tests ask often.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, CreateAclsRequest, CreateTopicsRequest, DescribeProducersRequest, ListOffsetsRequest,
    MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{
    Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer,
};

use super::cluster::NodeId;

/// All of them are spoken by every broker from 2.1 to 4.x.
const METADATA: i16 = 7;
const CREATE_TOPICS: i16 = 3;
const LIST_OFFSETS: i16 = 4;
const CREATE_ACLS: i16 = 1;

const TIMEOUT: Duration = Duration::from_secs(15);
const TIMEOUT_MS: i32 = 15_000;
const MAX_RESPONSE: usize = 64 << 20;

/// The first offset of a partition, or the one that the next record will get.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edge {
    Start = -2,
    End = -1,
}

/// What a user may be allowed to do to a topic.
#[derive(Debug, Clone, Copy)]
pub enum Operation {
    /// Read records.
    Read = 3,
    /// Write records.
    Write = 4,
    /// See that it is there, and where.
    Describe = 8,
    /// Read its settings.
    DescribeConfigs = 10,
}

/// Who has a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its index in the topic.
    pub index: i32,
    /// The leading node, or -1 if there is none now.
    pub leader: NodeId,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// All replicas.
    pub replicas: Vec<NodeId>,
    /// Those in sync.
    pub in_sync: Vec<NodeId>,
}

/// The nodes that `address` knows to be alive.
pub(super) fn nodes(address: SocketAddr) -> io::Result<Vec<NodeId>> {
    let response = metadata(address, vec![])?;
    if response.controller_id.0 < 0 {
        return Ok(Vec::new()); // nobody who could create a topic
    }
    Ok(response.brokers.iter().map(|broker| broker.node_id.0).collect())
}

/// The partitions of `topic` in order, as `address` knows them.
pub(super) fn partitions(address: SocketAddr, topic: &str) -> io::Result<Vec<Partition>> {
    let wanted = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let response = metadata(address, vec![wanted])?;
    let topic = response.topics.first().ok_or_else(|| invalid("no topic in the answer"))?;
    check(topic.error_code)?;
    let ids = |nodes: &[BrokerId]| nodes.iter().map(|id| id.0).collect();
    let mut partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|p| Partition {
            index: p.partition_index,
            leader: p.leader_id.0,
            leader_epoch: p.leader_epoch,
            replicas: ids(&p.replica_nodes),
            in_sync: ids(&p.isr_nodes),
        })
        .collect();
    partitions.sort_by_key(|p| p.index);
    Ok(partitions)
}

/// Creates a topic.
pub(super) fn create_topic(
    address: SocketAddr,
    topic: &str,
    partitions: i32,
    replication: i16,
    configs: &[(&str, &str)],
) -> io::Result<()> {
    let config = |&(key, value): &(&str, &str)| {
        CreatableTopicConfig::default().with_name(string(key)).with_value(Some(string(value)))
    };
    let topic = CreatableTopic::default()
        .with_name(name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(replication)
        .with_configs(configs.iter().map(config).collect());
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
    let response = call(address, CREATE_TOPICS, &request)?;
    let result = response.topics.first().ok_or_else(|| invalid("no topic in the answer"))?;
    check(result.error_code)
}

/// Lets a user do something to a topic.
pub(super) fn allow(
    address: SocketAddr,
    user: &str,
    operation: Operation,
    topic: &str,
) -> io::Result<()> {
    const TOPIC: i8 = 2;
    const LITERAL: i8 = 3;
    const ALLOW: i8 = 3;
    let creation = AclCreation::default()
        .with_resource_type(TOPIC)
        .with_resource_name(string(topic))
        .with_resource_pattern_type(LITERAL)
        .with_principal(string(&format!("User:{user}")))
        .with_host(string("*"))
        .with_operation(operation as i8)
        .with_permission_type(ALLOW);
    let request = CreateAclsRequest::default().with_creations(vec![creation]);
    let response = call(address, CREATE_ACLS, &request)?;
    let result = response.results.first().ok_or_else(|| invalid("no result in the answer"))?;
    check(result.error_code)
}

/// The offset at one edge of a partition; `address` must be its leader's.
pub(super) fn offset(
    address: SocketAddr,
    topic: &str,
    partition: i32,
    edge: Edge,
) -> io::Result<i64> {
    let wanted = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_current_leader_epoch(-1)
        .with_timestamp(edge as i64);
    let topic = ListOffsetsTopic::default().with_name(name(topic)).with_partitions(vec![wanted]);
    let request =
        ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = call(address, LIST_OFFSETS, &request)?;
    let result = response.topics.first().and_then(|topic| topic.partitions.first());
    let result = result.ok_or_else(|| invalid("no partition in the answer"))?;
    check(result.error_code)?;
    Ok(result.offset)
}

/// The producers that the leader of a partition remembers.
pub(super) fn producer_ids(
    address: SocketAddr,
    topic: &str,
    partition: i32,
) -> io::Result<Vec<i64>> {
    let topic =
        TopicRequest::default().with_name(name(topic)).with_partition_indexes(vec![partition]);
    let response = call(address, 0, &DescribeProducersRequest::default().with_topics(vec![topic]))?;
    let result = response.topics.first().and_then(|topic| topic.partitions.first());
    let result = result.ok_or_else(|| invalid("no partition in the answer"))?;
    check(result.error_code)?;
    Ok(result.active_producers.iter().map(|producer| producer.producer_id.0).collect())
}

fn metadata(
    address: SocketAddr,
    topics: Vec<MetadataRequestTopic>,
) -> io::Result<MetadataResponse> {
    let request = MetadataRequest::default().with_topics(Some(topics));
    call(address, METADATA, &request)
}

/// One request over a connection of its own.
pub(super) fn call<R: Request>(
    address: SocketAddr,
    version: i16,
    request: &R,
) -> io::Result<R::Response> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(&frame(version, request)?)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u32::from_be_bytes(size) as usize;
    if size > MAX_RESPONSE {
        return Err(invalid("the answer is too large"));
    }
    let mut body = vec![0; size];
    stream.read_exact(&mut body)?;
    let mut body = Bytes::from(body);
    ResponseHeader::decode(&mut body, R::Response::header_version(version)).map_err(invalid)?;
    R::Response::decode(&mut body, version).map_err(invalid)
}

fn frame<R: Request>(version: i16, request: &R) -> io::Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_client_id(Some(StrBytes::from_static_str("ottla-tests")));
    let mut body = BytesMut::new();
    encode_request_header_into_buffer(&mut body, &header).map_err(invalid)?;
    request.encode(&mut body, version).map_err(invalid)?;
    let size = u32::try_from(body.len()).map_err(invalid)?;
    let prefix = Bytes::copy_from_slice(&size.to_be_bytes());
    let total = prefix.len() + body.len();
    Ok(prefix.chain(body).copy_to_bytes(total))
}

fn check(code: i16) -> io::Result<()> {
    match ResponseError::try_from_code(code) {
        None => Ok(()),
        Some(error) => Err(Error::other(format!("{error:?}"))),
    }
}

pub(super) fn name(topic: &str) -> TopicName {
    TopicName(string(topic))
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn invalid(reason: impl ToString) -> Error {
    Error::new(ErrorKind::InvalidData, reason.to_string())
}
