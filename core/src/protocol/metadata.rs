//! Metadata (key 3, versions 4–13, with the Cargo feature `legacy-formats` 1–13): brokers, topics,
//! partitions and who leads them.

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::{Array, Decode};
use super::codec::{Decoder, put_bool, put_length, put_no_tags, put_string, put_uuid};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;
use super::uuid::Uuid;

/// Asks about topics, and about all brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataRequest<'a> {
    /// The topics' names; `None` asks about all topics, an empty slice about the brokers only.
    pub topics: Option<&'a [&'a str]>,
    /// Whether the broker may create a topic that it does not know, if it is configured to. Before
    /// version 4 it always may.
    pub allow_auto_topic_creation: bool,
}

impl MetadataRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let version = ApiKey::Metadata.fixed(version);
        let flexible = ApiKey::Metadata.is_flexible(version);
        put_length(buf, self.topics.map(|topics| topics.len() as u32), flexible);
        for name in self.topics.unwrap_or_default() {
            if version >= 10 {
                put_uuid(buf, Uuid::ZERO);
            }
            put_string(buf, name, flexible);
            put_no_tags(buf, flexible);
        }
        if version >= 4 {
            put_bool(buf, self.allow_auto_topic_creation);
        }
        if (8..=10).contains(&version) {
            put_bool(buf, false); // include_cluster_authorized_operations
        }
        if version >= 8 {
            put_bool(buf, false); // include_topic_authorized_operations
        }
        put_no_tags(buf, flexible);
    }
}

/// The cluster as one broker knows it.
#[derive(Clone, Copy, Debug)]
pub struct MetadataResponse<'a> {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// The brokers that are alive.
    pub brokers: Array<'a, MetadataBroker<'a>>,
    /// The cluster's id.
    pub cluster_id: Option<&'a str>,
    /// The controller's node id, −1 where unknown.
    pub controller_id: i32,
    /// The topics asked about.
    pub topics: Array<'a, MetadataTopic<'a>>,
    /// What is wrong with the whole answer, for instance `RebootstrapRequired` (KIP-1102); `None`
    /// before version 13.
    pub error: ErrorCode,
}

impl<'a> MetadataResponse<'a> {
    /// Reads the body of a response to a request of `version`, all of it.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        let version = ApiKey::Metadata.fixed(version);
        if !ApiKey::Metadata.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, ApiKey::Metadata.is_flexible(version));
        let throttle_time_ms = if version >= 3 { decoder.i32() } else { 0 };
        let brokers = decoder.array();
        let cluster_id = if version >= 2 { decoder.nullable_string() } else { None };
        let controller_id = decoder.i32();
        let topics = decoder.array();
        if (8..=10).contains(&version) {
            decoder.i32(); // cluster_authorized_operations
        }
        let error = if version >= 13 { decoder.i16() } else { 0 };
        decoder.skip_tags();
        decoder.finish()?;
        let error = ErrorCode::from_i16(error);
        Ok(Self { throttle_time_ms, brokers, cluster_id, controller_id, topics, error })
    }
}

/// A broker's address, of the listener that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataBroker<'a> {
    /// The node id.
    pub node_id: i32,
    /// The host name or IP address.
    pub host: &'a str,
    /// The port.
    pub port: i32,
    /// The rack, where one is configured.
    pub rack: Option<&'a str>,
}

impl<'a> Decode<'a> for MetadataBroker<'a> {
    const MIN_SIZE: usize = 11;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let broker = Self {
            node_id: decoder.i32(),
            host: decoder.string(),
            port: decoder.i32(),
            rack: decoder.nullable_string(),
        };
        decoder.skip_tags();
        broker
    }
}

/// A topic and its partitions.
#[derive(Clone, Copy, Debug)]
pub struct MetadataTopic<'a> {
    /// What is wrong with the topic.
    pub error: ErrorCode,
    /// The name; `None` only from version 12 on, for a topic asked about by an unknown id.
    pub name: Option<&'a str>,
    /// The id; zero before version 10 and where the topic has none.
    pub topic_id: Uuid,
    /// Whether Kafka keeps its own state in it.
    pub is_internal: bool,
    /// The partitions, in any order.
    pub partitions: Array<'a, MetadataPartition<'a>>,
}

impl<'a> Decode<'a> for MetadataTopic<'a> {
    const MIN_SIZE: usize = 9;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let version = decoder.version();
        let error = ErrorCode::from_i16(decoder.i16());
        let name = if version >= 12 { decoder.nullable_string() } else { Some(decoder.string()) };
        let topic_id = if version >= 10 { decoder.uuid() } else { Uuid::ZERO };
        let is_internal = decoder.bool();
        let partitions = decoder.array();
        if version >= 8 {
            decoder.i32(); // topic_authorized_operations
        }
        decoder.skip_tags();
        Self { error, name, topic_id, is_internal, partitions }
    }
}

/// A partition, its leader and its replicas.
#[derive(Clone, Copy, Debug)]
pub struct MetadataPartition<'a> {
    /// What is wrong with the partition.
    pub error: ErrorCode,
    /// The partition's number in its topic.
    pub index: i32,
    /// The leader's node id, −1 where there is none.
    pub leader_id: i32,
    /// The leader's epoch; −1 before version 7.
    pub leader_epoch: i32,
    /// The node ids of all replicas.
    pub replicas: Array<'a, i32>,
    /// Those of them that are in sync with the leader.
    pub in_sync_replicas: Array<'a, i32>,
    /// Those of them that are down; empty before version 5.
    pub offline_replicas: Array<'a, i32>,
}

impl<'a> Decode<'a> for MetadataPartition<'a> {
    const MIN_SIZE: usize = 18;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let version = decoder.version();
        let partition = Self {
            error: ErrorCode::from_i16(decoder.i16()),
            index: decoder.i32(),
            leader_id: decoder.i32(),
            leader_epoch: if version >= 7 { decoder.i32() } else { -1 },
            replicas: decoder.array(),
            in_sync_replicas: decoder.array(),
            offline_replicas: if version >= 5 { decoder.array() } else { Array::empty() },
        };
        decoder.skip_tags();
        partition
    }
}
