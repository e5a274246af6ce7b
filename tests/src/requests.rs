//! Requests and batches as clients send them, by a codec that is not ottla's.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, InitProducerIdRequest, MetadataRequest, ProduceRequest,
    RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions,
    TimestampType,
};

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// A batch of a few records with keys and headers, for each codec.
#[must_use]
pub fn batches() -> Vec<Vec<u8>> {
    CODECS.iter().map(|codec| batch(*codec).to_vec()).collect()
}

/// A request of each kind that the bridge takes, without its size.
#[must_use]
pub fn of_a_page() -> Vec<Vec<u8>> {
    let mut frames: Vec<_> = CODECS.iter().map(|codec| produce(9, *codec)).collect();
    frames.push(produce(12, Compression::Lz4));
    for version in [9, 12] {
        let name = TopicName(StrBytes::from_static_str("clicks"));
        let topic = kafka_protocol::messages::metadata_request::MetadataRequestTopic::default()
            .with_name(Some(name));
        let body = MetadataRequest::default().with_topics(Some(vec![topic.clone(), topic]));
        frames.push(request(ApiKey::Metadata, version, &body));
    }
    frames.push(request(ApiKey::InitProducerId, 4, &InitProducerIdRequest::default()));
    frames.push(request(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default()));
    frames
}

fn produce(version: i16, codec: Compression) -> Vec<u8> {
    let partition =
        |index| PartitionProduceData::default().with_index(index).with_records(Some(batch(codec)));
    let topic = |name: &'static str| {
        TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str(name)))
            .with_partition_data(vec![partition(0), partition(1)])
    };
    let body = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(5000)
        .with_topic_data(vec![topic("clicks"), topic("orders")]);
    request(ApiKey::Produce, version, &body)
}

fn request(key: ApiKey, version: i16, body: &impl Encodable) -> Vec<u8> {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(key as i16)
        .with_request_api_version(version)
        .with_correlation_id(4242)
        .with_client_id(Some(StrBytes::from_static_str("a page")));
    header.encode(&mut frame, key.request_header_version(version)).expect("it can be written");
    body.encode(&mut frame, version).expect("it can be written");
    frame.to_vec()
}

fn batch(compression: Compression) -> Bytes {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970").as_millis() as i64;
    let record = |place: i32| {
        let header = (StrBytes::from_static_str("page"), Some(Bytes::from_static(b"/home")));
        Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: 7,
            producer_epoch: 1,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(place),
            sequence: place,
            timestamp: now - 5 + i64::from(place),
            key: (place > 0).then(|| Bytes::from(format!("key {place}"))),
            value: (place < 4).then(|| Bytes::from(format!("value {place} ").repeat(8))),
            headers: [header].into_iter().take(place as usize % 2).collect(),
        }
    };
    let records: Vec<Record> = (0..5).map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression };
    RecordBatchEncoder::encode(&mut batch, &records, &options).expect("it can be written");
    batch.freeze()
}

/// The same batch with the checksum that its bytes need; as it is where it has no room for one.
#[must_use]
pub fn with_checksum(mut batch: Vec<u8>) -> Vec<u8> {
    const CHECKED: usize = 21;
    if batch.len() > CHECKED {
        let crc = ottla_core::records::crc32c::crc32c(&batch[CHECKED..]);
        batch[CHECKED - 4..CHECKED].copy_from_slice(&crc.to_be_bytes());
    }
    batch
}
