//! Kafka's messages made and read by a codec that is not ottla's.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::ProduceResponse;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, ProduceRequest, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions,
    TimestampType,
};

pub(crate) const PRODUCE: i16 = 12;
pub(crate) const METADATA: i16 = 12;
pub(crate) const INIT: i16 = 4;

/// As whom a batch is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// A request frame with its size.
pub(crate) fn request(key: ApiKey, version: i16, body: &impl Encodable) -> Vec<u8> {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(4242)
        .with_client_id(Some(StrBytes::from_static_str("a page")));
    header.encode(&mut frame, key.request_header_version(version)).unwrap();
    body.encode(&mut frame, version).unwrap();
    [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat()
}

/// A response's body, without its size; every byte has to be read.
pub(crate) fn response<T: Decodable>(key: ApiKey, version: i16, frame: &[u8]) -> T {
    let mut bytes = Bytes::copy_from_slice(frame);
    let header = ResponseHeader::decode(&mut bytes, key.response_header_version(version)).unwrap();
    assert_eq!(header.correlation_id, 4242);
    let body = T::decode(&mut bytes, version).unwrap();
    assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
    body
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64
}

/// A record batch, each value a record.
pub(crate) fn batch(identity: Identity, base_sequence: i32, values: &[&str]) -> Bytes {
    batch_with(identity, base_sequence, values, Compression::None, now_ms())
}

pub(crate) fn batch_with(
    identity: Identity,
    base_sequence: i32,
    values: &[&str],
    compression: Compression,
    timestamp: i64,
) -> Bytes {
    let record = |(place, value): (i32, &&str)| Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id: identity.producer_id,
        producer_epoch: identity.epoch,
        timestamp_type: TimestampType::Creation,
        offset: i64::from(place),
        sequence: base_sequence + place,
        timestamp,
        key: None,
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Default::default(),
    };
    let records: Vec<Record> = (0..).zip(values).map(record).collect();
    let options = RecordEncodeOptions { version: 2, compression };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options).unwrap();
    batch.freeze()
}

/// A Produce request's body.
pub(crate) fn produce_body(batches: &[(&str, i32, Bytes)]) -> ProduceRequest {
    let mut body = ProduceRequest::default().with_acks(-1).with_timeout_ms(5000);
    for (topic, partition, batch) in batches {
        let data = PartitionProduceData::default()
            .with_index(*partition)
            .with_records(Some(batch.clone()));
        let name = TopicName(StrBytes::from_string((*topic).to_owned()));
        match body.topic_data.iter_mut().find(|topic| topic.name == name) {
            Some(topic) => topic.partition_data.push(data),
            None => body
                .topic_data
                .push(TopicProduceData::default().with_name(name).with_partition_data(vec![data])),
        }
    }
    body
}

/// A whole Produce request.
pub(crate) fn produce(batches: &[(&str, i32, Bytes)]) -> Vec<u8> {
    request(ApiKey::Produce, PRODUCE, &produce_body(batches))
}

/// Topic, partition, error and offset of each part of a Produce response.
pub(crate) fn outcomes(frame: &[u8]) -> Vec<(String, i32, i16, i64)> {
    let response: ProduceResponse = response(ApiKey::Produce, PRODUCE, frame);
    assert!(response.node_endpoints.is_empty());
    let mut outcomes = Vec::new();
    for topic in response.responses {
        for part in topic.partition_responses {
            assert_eq!(part.error_message, None);
            outcomes.push((topic.name.to_string(), part.index, part.error_code, part.base_offset));
        }
    }
    outcomes
}

/// A Metadata request; `None` asks for all topics.
pub(crate) fn metadata(topics: Option<&[&str]>) -> Vec<u8> {
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
    let topic = |name: &&str| {
        let name = TopicName(StrBytes::from_string((*name).to_owned()));
        MetadataRequestTopic::default().with_name(Some(name))
    };
    let topics = topics.map(|topics| topics.iter().map(topic).collect());
    let body = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(true);
    request(ApiKey::Metadata, METADATA, &body)
}

pub(crate) fn read_metadata(frame: &[u8]) -> MetadataResponse {
    response(ApiKey::Metadata, METADATA, frame)
}

/// An InitProducerId request, for the next epoch of an identity or for any.
pub(crate) fn init_producer_id(of: Option<Identity>) -> Vec<u8> {
    let mut body = InitProducerIdRequest::default().with_transactional_id(None);
    if let Some(identity) = of {
        body.producer_id = identity.producer_id.into();
        body.producer_epoch = identity.epoch;
    }
    request(ApiKey::InitProducerId, INIT, &body)
}

/// The identity in the answer, or its error.
pub(crate) fn read_identity(frame: &[u8]) -> Result<Identity, i16> {
    let answer: InitProducerIdResponse = response(ApiKey::InitProducerId, INIT, frame);
    match answer.error_code {
        0 => Ok(Identity { producer_id: answer.producer_id.0, epoch: answer.producer_epoch }),
        error => Err(error),
    }
}

pub(crate) fn api_versions(version: i16) -> Vec<u8> {
    request(ApiKey::ApiVersions, version.min(4), &ApiVersionsRequest::default())
}
