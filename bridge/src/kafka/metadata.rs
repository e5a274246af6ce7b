//! Metadata, answered from the bridge's own picture: granted topics, nodes that are numbers.

use ottla_bridge_protocol::Hello;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::array::Decode;
use ottla_core::protocol::codec::{
    Decoder, put_bool, put_i16, put_i32, put_length, put_no_tags, put_nullable_string, put_string,
    put_uuid,
};
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::protocol::uuid::Uuid;

use super::{Call, response};

/// Kafka's word for "not asked for".
const NO_OPERATIONS: i32 = i32::MIN;

/// Which topics a client asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All that it may see.
    All,
    /// These.
    Names(Vec<String>),
}

impl Asked {
    /// What a HELLO asks about.
    pub(crate) fn of_hello(hello: &Hello<'_>) -> Self {
        match hello.topics.is_empty() {
            true => Self::All,
            false => Self::Names(hello.topics.iter().map(str::to_owned).collect()),
        }
    }

    /// Reads a request of version 9 to 12. Whether topics may be created is the operator's to say.
    pub(crate) fn parse(call: &Call<'_>) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(call.body, call.version, true);
        // A null array asks for all topics; `Decoder::array` takes none.
        let asked = if call.body.first() == Some(&0) {
            decoder.unsigned_varint();
            Self::All
        } else {
            let topics = decoder.array::<AskedTopic<'_>>();
            Self::Names(topics.iter().filter_map(|topic| topic.0).map(str::to_owned).collect())
        };
        decoder.bool(); // allow_auto_topic_creation
        if call.version <= 10 {
            decoder.bool(); // include_cluster_authorized_operations
        }
        decoder.bool(); // include_topic_authorized_operations
        decoder.no_tags();
        decoder.finish()?;
        Ok(asked)
    }
}

#[derive(Clone, Copy)]
struct AskedTopic<'a>(Option<&'a str>);

impl<'a> Decode<'a> for AskedTopic<'a> {
    const MIN_SIZE: usize = 2;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        if decoder.version() >= 10 {
            decoder.uuid();
        }
        let name = decoder.nullable_string();
        decoder.no_tags();
        Self(name)
    }
}

/// What a client may know of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicPicture {
    pub(crate) name: String,
    pub(crate) error: ErrorCode,
    pub(crate) partitions: Vec<PartitionPicture>,
}

impl TopicPicture {
    /// A topic about which there is nothing but an error to say.
    pub(crate) fn missing(name: &str, error: ErrorCode) -> Self {
        Self { name: name.to_owned(), error, partitions: Vec::new() }
    }
}

/// What a client may know of a partition: neither its replicas nor their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartitionPicture {
    pub(crate) index: i32,
    pub(crate) error: ErrorCode,
    /// The leader, as the bridge names it.
    pub(crate) leader: Option<u32>,
    pub(crate) leader_epoch: i32,
}

/// What a client may know of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// How many nodes there are; their ids are 0 to this.
    pub(crate) nodes: u32,
    /// A name of the bridge's own for the cluster.
    pub(crate) cluster: String,
    pub(crate) topics: Vec<TopicPicture>,
}

/// A whole response.
pub(crate) fn answer(call: &Call<'_>, picture: &Picture) -> Vec<u8> {
    response(ApiKey::Metadata, call.version, call.correlation_id, |out| {
        write_body(out, call.version, picture);
    })
}

/// The body of a response, of version 9 to 12.
pub(crate) fn write_body(out: &mut Vec<u8>, version: i16, picture: &Picture) {
    put_i32(out, 0); // throttle_time_ms
    put_length(out, Some(picture.nodes), true);
    for node in 0..picture.nodes {
        put_i32(out, node as i32);
        put_string(out, &format!("n{node}.invalid"), true);
        put_i32(out, 1); // port
        put_nullable_string(out, None, true); // rack
        put_no_tags(out, true);
    }
    put_nullable_string(out, Some(&picture.cluster), true);
    put_i32(out, -1); // controller_id
    put_length(out, Some(picture.topics.len() as u32), true);
    for topic in &picture.topics {
        write_topic(out, version, topic);
    }
    if version <= 10 {
        put_i32(out, NO_OPERATIONS);
    }
    put_no_tags(out, true);
}

fn write_topic(out: &mut Vec<u8>, version: i16, topic: &TopicPicture) {
    put_i16(out, topic.error.code());
    put_string(out, &topic.name, true);
    if version >= 10 {
        put_uuid(out, Uuid::ZERO);
    }
    put_bool(out, false); // is_internal
    put_length(out, Some(topic.partitions.len() as u32), true);
    for partition in &topic.partitions {
        write_partition(out, partition);
    }
    put_i32(out, NO_OPERATIONS);
    put_no_tags(out, true);
}

fn write_partition(out: &mut Vec<u8>, partition: &PartitionPicture) {
    let leader = partition.leader.map_or(-1, |leader| leader as i32);
    put_i16(out, partition.error.code());
    put_i32(out, partition.index);
    put_i32(out, leader);
    put_i32(out, partition.leader_epoch);
    // Replicas, and those in sync: the leader alone.
    for _ in 0..2 {
        put_length(out, Some(u32::from(leader >= 0)), true);
        if leader >= 0 {
            put_i32(out, leader);
        }
    }
    put_length(out, Some(0), true); // offline_replicas
    put_no_tags(out, true);
}
