//! What an observer on the wire sees of the producer's requests.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{
    ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::Decodable;

use crate::batch::BatchHeader;

/// Cuts a stream of bytes into frames.
#[derive(Debug, Default)]
pub(crate) struct FrameSplitter {
    pub(crate) bytes: Vec<u8>,
}

impl FrameSplitter {
    /// The next whole frame without its size.
    pub(crate) fn next_frame(&mut self) -> Option<Bytes> {
        let size = u32::from_be_bytes(self.bytes.get(..4)?.try_into().ok()?) as usize;
        if self.bytes.len() < 4 + size {
            return None;
        }
        let rest = self.bytes.split_off(4 + size);
        let frame = std::mem::replace(&mut self.bytes, rest);
        Some(Bytes::from(frame).slice(4..))
    }
}

/// A batch in a Produce request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SentBatch {
    /// A topic's name, or its id where the request has ids.
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) header: BatchHeader,
    pub(crate) intact: bool,
}

/// A request that the client has written.
#[derive(Debug)]
pub(crate) struct Begun {
    /// Its number on the connection.
    pub(crate) number: u64,
    /// The topics and partitions of a Produce request.
    pub(crate) batches: Option<Vec<(String, i32)>>,
    /// How many bytes the client will have read with its answer.
    pub(crate) answered_at: Option<u64>,
}

/// Which API a request is for.
pub(crate) fn api_of(frame: &[u8]) -> Option<ApiKey> {
    ApiKey::try_from(frame.get(..2)?.get_i16()).ok()
}

/// The `acks` and the batches of a Produce request; `None` if it is none or can't be read.
pub(crate) fn read_produce(frame: &Bytes) -> Option<(i16, Vec<SentBatch>)> {
    let (_, _, request) = decode_produce(frame)?;
    let mut batches = Vec::new();
    for topic in &request.topic_data {
        let name = if topic.topic_id.is_nil() {
            topic.name.to_string()
        } else {
            topic.topic_id.to_string()
        };
        for partition in &topic.partition_data {
            let records = partition.records.as_deref().unwrap_or_default();
            let header = BatchHeader::parse(records)?;
            let intact = header.size == records.len() && header.crc_matches(records);
            let (topic, partition) = (name.clone(), partition.index);
            batches.push(SentBatch { topic, partition, header, intact });
        }
    }
    Some((request.acks, batches))
}

/// The version of a request, if it is for Produce.
pub(crate) fn produce_version(frame: &[u8]) -> Option<i16> {
    (api_of(frame)? == ApiKey::Produce).then_some(frame.get(2..4)?.get_i16())
}

/// What a Produce response says of each partition: error, base offset.
pub(crate) fn read_produced(version: i16, frame: &Bytes) -> Option<Vec<(i32, i16, i64)>> {
    let mut rest = frame.slice(4..);
    let header_version = ApiKey::Produce.response_header_version(version);
    ResponseHeader::decode(&mut rest, header_version).ok()?;
    let response = ProduceResponse::decode(&mut rest, version).ok()?;
    let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    Some(answers.map(|it| (it.index, it.error_code, it.base_offset)).collect())
}

/// A Produce request's version, header and body.
pub(crate) fn decode_produce(frame: &Bytes) -> Option<(i16, RequestHeader, ProduceRequest)> {
    let version = produce_version(frame)?;
    let mut rest = frame.clone();
    let header_version = ApiKey::Produce.request_header_version(version);
    let header = RequestHeader::decode(&mut rest, header_version).ok()?;
    let request = ProduceRequest::decode(&mut rest, version).ok()?;
    rest.is_empty().then_some((version, header, request))
}
