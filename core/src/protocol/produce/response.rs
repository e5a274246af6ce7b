//! The response: an outcome for each partition.

use crate::protocol::api_key::ApiKey;
use crate::protocol::array::{Array, Decode};
use crate::protocol::codec::Decoder;
use crate::protocol::decode_error::DecodeError;
use crate::protocol::error_code::ErrorCode;
use crate::protocol::uuid::Uuid;

/// What became of each partition's batch. With `acks = 0` there is no response at all.
#[derive(Clone, Copy, Debug)]
pub struct ProduceResponse<'a> {
    /// The topics. A partition of the request may be missing here; its outcome is then unknown.
    pub topics: Array<'a, TopicProduceResponse<'a>>,
    /// How long the broker wants no more requests, in ms (KIP-219).
    pub throttle_time_ms: i32,
    /// Where the leaders named by [`PartitionProduceResponse::current_leader`] are (KIP-951).
    pub node_endpoints: Array<'a, NodeEndpoint<'a>>,
}

impl<'a> ProduceResponse<'a> {
    /// Reads the body of a response to a request of `version`, all of it: no outcome of a response
    /// that is broken anywhere is ever seen.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        let version = ApiKey::Produce.fixed(version);
        if !ApiKey::Produce.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, ApiKey::Produce.is_flexible(version));
        let topics = decoder.array();
        let throttle_time_ms = if version >= 1 { decoder.i32() } else { 0 };
        let mut node_endpoints = Array::empty();
        decoder.tags(|tag, value| {
            let known = tag == 0 && version >= 10;
            if known {
                node_endpoints = value.array();
            }
            known
        });
        decoder.finish()?;
        Ok(Self { topics, throttle_time_ms, node_endpoints })
    }
}

/// How a topic is named in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicRef<'a> {
    /// By name, up to version 12.
    Name(&'a str),
    /// By id, from version 13 on (KIP-516).
    Id(Uuid),
}

/// The partitions of one topic.
#[derive(Clone, Copy, Debug)]
pub struct TopicProduceResponse<'a> {
    /// The topic.
    pub topic: TopicRef<'a>,
    /// Its partitions.
    pub partitions: Array<'a, PartitionProduceResponse<'a>>,
}

impl<'a> Decode<'a> for TopicProduceResponse<'a> {
    const MIN_SIZE: usize = 3;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let topic = if decoder.version() >= 13 {
            TopicRef::Id(decoder.uuid())
        } else {
            TopicRef::Name(decoder.string())
        };
        let partitions = decoder.array();
        decoder.skip_tags();
        Self { topic, partitions }
    }
}

/// The outcome of one partition's batch.
#[derive(Clone, Copy, Debug)]
pub struct PartitionProduceResponse<'a> {
    /// The partition.
    pub partition: i32,
    /// `None` where the batch is in the log.
    pub error: ErrorCode,
    /// The offset of the batch's first record; −1 where it is not known.
    pub base_offset: i64,
    /// The time that the broker gave to the records, in ms since 1970; −1 where they kept theirs,
    /// and before version 2.
    pub log_append_time_ms: i64,
    /// The first offset that the log still has; −1 where unknown, and before version 5.
    pub log_start_offset: i64,
    /// The records because of which the whole batch was refused (KIP-467); none before version 8.
    pub record_errors: Array<'a, RecordError<'a>>,
    /// The broker's words about the error; `None` before version 8.
    pub error_message: Option<&'a str>,
    /// Who leads the partition instead, where the broker knows (KIP-951); `None` before version 10.
    pub current_leader: Option<CurrentLeader>,
}

impl<'a> Decode<'a> for PartitionProduceResponse<'a> {
    const MIN_SIZE: usize = 14;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let version = decoder.version();
        let mut response = Self {
            partition: decoder.i32(),
            error: ErrorCode::from_i16(decoder.i16()),
            base_offset: decoder.i64(),
            log_append_time_ms: if version >= 2 { decoder.i64() } else { -1 },
            log_start_offset: if version >= 5 { decoder.i64() } else { -1 },
            record_errors: if version >= 8 { decoder.array() } else { Array::empty() },
            error_message: if version >= 8 { decoder.nullable_string() } else { None },
            current_leader: None,
        };
        decoder.tags(|tag, value| {
            let known = tag == 0 && version >= 10;
            if known {
                response.current_leader = CurrentLeader::decode(value);
            }
            known
        });
        response
    }
}

/// A record that the broker refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError<'a> {
    /// The record's position in its batch, from 0.
    pub index: i32,
    /// Why.
    pub message: Option<&'a str>,
}

impl<'a> Decode<'a> for RecordError<'a> {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let error = Self { index: decoder.i32(), message: decoder.nullable_string() };
        decoder.skip_tags();
        error
    }
}

/// The leader of a partition, newer than the one that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentLeader {
    /// The leader's node id.
    pub leader_id: i32,
    /// The leader's epoch.
    pub leader_epoch: i32,
}

impl CurrentLeader {
    /// `None` where the broker knows of no leader, which it says with −1.
    fn decode(decoder: &mut Decoder<'_>) -> Option<Self> {
        let leader = Self { leader_id: decoder.i32(), leader_epoch: decoder.i32() };
        decoder.skip_tags();
        (leader.leader_id >= 0 && leader.leader_epoch >= 0).then_some(leader)
    }
}

/// A broker's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEndpoint<'a> {
    /// The node id.
    pub node_id: i32,
    /// The host name or IP address.
    pub host: &'a str,
    /// The port.
    pub port: i32,
    /// The rack, where one is configured.
    pub rack: Option<&'a str>,
}

impl<'a> Decode<'a> for NodeEndpoint<'a> {
    const MIN_SIZE: usize = 11;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let endpoint = Self {
            node_id: decoder.i32(),
            host: decoder.string(),
            port: decoder.i32(),
            rack: decoder.nullable_string(),
        };
        decoder.skip_tags();
        endpoint
    }
}
