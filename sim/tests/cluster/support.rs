//! A client made of the `kafka-protocol` crate alone, and batches of any kind.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    ApiKey, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, RequestHeader,
    RequestKind, ResponseHeader, ResponseKind, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use ottla_sim::cluster::{Cluster, ClusterConfig, Reply};
use uuid::Uuid;

pub(crate) const NOW: Duration = Duration::from_secs(1_800_000_000);
pub(crate) const NODE: i32 = 1;
pub(crate) const TOPIC: &str = "t";
pub(crate) const NONE: i16 = 0;

/// One node with the topic "t" of one partition.
pub(crate) fn one_node() -> Cluster {
    with_nodes(1, ClusterConfig::default())
}

/// Some nodes with the topic "t", whose one partition node 1 leads.
pub(crate) fn with_nodes(count: i32, config: ClusterConfig) -> Cluster {
    let mut cluster = Cluster::in_memory(config, count);
    cluster.create_topic(TOPIC, 1, NOW).unwrap();
    cluster
}

/// A request frame without its size.
pub(crate) fn encode(api: ApiKey, version: i16, request: &RequestKind) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(Some(StrBytes::from_static_str("test")));
    let mut frame = BytesMut::new();
    header.encode(&mut frame, api.request_header_version(version)).unwrap();
    request.encode(&mut frame, version).unwrap();
    frame.freeze()
}

/// Reads a response frame with its size.
pub(crate) fn decode(api: ApiKey, version: i16, mut frame: Bytes) -> ResponseKind {
    let size = u32::from_be_bytes(frame.split_to(4)[..].try_into().unwrap());
    assert_eq!(size as usize, frame.len());
    let header = ResponseHeader::decode(&mut frame, api.response_header_version(version)).unwrap();
    assert_eq!(header.correlation_id, 7);
    let response = ResponseKind::decode(api, &mut frame, version).unwrap();
    assert!(frame.is_empty(), "{api:?} v{version} leaves {} bytes", frame.len());
    response
}

/// Hands a request to a node.
pub(crate) fn ask(
    cluster: &mut Cluster,
    node: i32,
    api: ApiKey,
    version: i16,
    request: impl Into<RequestKind>,
    now: Duration,
) -> Reply {
    cluster.handle(node, encode(api, version, &request.into()), now)
}

/// The bytes of a reply that must be one.
pub(crate) fn sent(reply: Reply) -> Bytes {
    match reply {
        Reply::Send { frame, .. } => frame,
        other => panic!("no answer but {other:?}"),
    }
}

/// Hands a request to node 1 and expects an answer at once.
pub(crate) fn call(
    cluster: &mut Cluster,
    api: ApiKey,
    version: i16,
    request: impl Into<RequestKind>,
) -> ResponseKind {
    decode(api, version, sent(ask(cluster, NODE, api, version, request, NOW)))
}

macro_rules! response {
    ($response:expr, $kind:ident) => {
        match $response {
            kafka_protocol::messages::ResponseKind::$kind(response) => response,
            other => panic!("another kind of response: {other:?}"),
        }
    };
}
pub(crate) use response;

/// A batch yet to be written, with knobs for what an honest encoder wouldn't do.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) values: Vec<String>,
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) timestamp: i64,
    pub(crate) attributes: i16,
    pub(crate) base_offset: i64,
    pub(crate) record_count: Option<i32>,
    pub(crate) codec: Compression,
}

/// A batch of `count` records without a producer id.
pub(crate) fn batch(count: usize) -> Batch {
    Batch {
        values: (0..count).map(|index| format!("value {index}")).collect(),
        producer_id: -1,
        epoch: -1,
        sequence: -1,
        timestamp: NOW.as_millis() as i64,
        attributes: 0,
        base_offset: 0,
        record_count: None,
        codec: Compression::None,
    }
}

/// A batch of an idempotent producer.
pub(crate) fn idempotent(producer_id: i64, epoch: i16, sequence: i32, count: usize) -> Batch {
    Batch { producer_id, epoch, sequence, ..batch(count) }
}

impl Batch {
    pub(crate) fn bytes(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        let options = RecordEncodeOptions { version: 2, compression: self.codec };
        RecordBatchEncoder::encode(&mut bytes, &self.records(), &options).unwrap();
        bytes[..8].copy_from_slice(&self.base_offset.to_be_bytes());
        bytes[22] |= self.attributes as u8;
        bytes[43..51].copy_from_slice(&self.producer_id.to_be_bytes());
        bytes[51..53].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[53..57].copy_from_slice(&self.sequence.to_be_bytes());
        if let Some(count) = self.record_count {
            bytes[57..61].copy_from_slice(&count.to_be_bytes());
        }
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes.freeze()
    }

    fn records(&self) -> Vec<Record> {
        let record = |(offset, value): (i64, &String)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            timestamp_type: TimestampType::Creation,
            offset,
            sequence: offset as i32,
            timestamp: self.timestamp,
            key: None,
            value: Some(Bytes::from(value.clone())),
            headers: Default::default(),
        };
        (0..).zip(&self.values).map(record).collect()
    }
}

/// A Produce request of one partition of "t", by name.
pub(crate) fn produce_request(acks: i16, partition: i32, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(records));
    let topic =
        TopicProduceData::default().with_name(topic_name(TOPIC)).with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

/// The same by id, for version 13.
pub(crate) fn produce_request_by_id(id: Uuid, records: Bytes) -> ProduceRequest {
    let mut request = produce_request(-1, 0, records);
    request.topic_data[0].name = TopicName::default();
    request.topic_data[0].topic_id = id;
    request
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// The one partition's answer to a Produce of version 9 with acks=all, to node 1, at [`NOW`].
pub(crate) fn produce(cluster: &mut Cluster, batch: &Batch) -> PartitionProduceResponse {
    produce_bytes(cluster, batch.bytes())
}

pub(crate) fn produce_bytes(cluster: &mut Cluster, records: Bytes) -> PartitionProduceResponse {
    let response = call(cluster, ApiKey::Produce, 9, produce_request(-1, 0, records));
    only_partition(response!(response, Produce))
}

pub(crate) fn only_partition(mut response: ProduceResponse) -> PartitionProduceResponse {
    response.responses.remove(0).partition_responses.remove(0)
}

/// Error code and base offset of a Produce.
pub(crate) fn outcome(cluster: &mut Cluster, batch: &Batch) -> (i16, i64) {
    let answer = produce(cluster, batch);
    (answer.error_code, answer.base_offset)
}

pub(crate) fn metadata(cluster: &mut Cluster, version: i16, topics: &[&str]) -> MetadataResponse {
    let topics =
        topics.iter().map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(name))));
    let request = MetadataRequest::default()
        .with_topics(Some(topics.collect()))
        .with_allow_auto_topic_creation(true);
    response!(call(cluster, ApiKey::Metadata, version, request), Metadata)
}

/// First and end offset of the only partition.
pub(crate) fn offsets(cluster: &Cluster) -> (i64, i64) {
    cluster.offsets(TOPIC, 0).unwrap()
}

pub(crate) fn uuid(value: u128) -> Uuid {
    Uuid::from_u128(value)
}
