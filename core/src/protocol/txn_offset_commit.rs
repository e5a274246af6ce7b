//! TxnOffsetCommit (key 28, versions 0–5): a group's offsets, which count if the transaction does
//! (KIP-98, KIP-447).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::Array;
use super::codec::{
    Decoder, put_i16, put_i32, put_i64, put_length, put_no_tags, put_nullable_string, put_string,
};
use super::decode_error::DecodeError;

/// Commits offsets with the transaction that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommitRequest<'a> {
    /// Whose transaction.
    pub transactional_id: &'a str,
    /// The group.
    pub group_id: &'a str,
    /// The producer id of the transactional id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The group's generation that the consumer is in, −1 for none. Not sent before version 3.
    pub generation_id: i32,
    /// The consumer's id in the group, empty for none. Not sent before version 3.
    pub member_id: &'a str,
    /// The consumer's static id, where it has one (KIP-345). Not sent before version 3.
    pub group_instance_id: Option<&'a str>,
    /// Topics, each once, with the offsets of their partitions.
    pub topics: &'a [(&'a str, Vec<OffsetToCommit<'a>>)],
}

/// Up to where a partition was consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetToCommit<'a> {
    /// The partition's number in its topic.
    pub partition: i32,
    /// The offset of the next record to be consumed.
    pub offset: i64,
    /// The leader epoch of the last record consumed, −1 where unknown. Not sent before version 2.
    pub leader_epoch: i32,
    /// A note of the consumer's.
    pub metadata: &'a str,
}

impl TxnOffsetCommitRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::TxnOffsetCommit.is_flexible(version);
        put_string(buf, self.transactional_id, flexible);
        put_string(buf, self.group_id, flexible);
        put_i64(buf, self.producer_id);
        put_i16(buf, self.producer_epoch);
        if version >= 3 {
            put_i32(buf, self.generation_id);
            put_string(buf, self.member_id, flexible);
            put_nullable_string(buf, self.group_instance_id, flexible);
        }
        put_length(buf, Some(self.topics.len() as u32), flexible);
        for (name, offsets) in self.topics {
            put_string(buf, name, flexible);
            put_length(buf, Some(offsets.len() as u32), flexible);
            offsets.iter().for_each(|offset| offset.encode(buf, version, flexible));
            put_no_tags(buf, flexible);
        }
        put_no_tags(buf, flexible);
    }
}

impl OffsetToCommit<'_> {
    fn encode(&self, buf: &mut Vec<u8>, version: i16, flexible: bool) {
        put_i32(buf, self.partition);
        put_i64(buf, self.offset);
        if version >= 2 {
            put_i32(buf, self.leader_epoch);
        }
        put_string(buf, self.metadata, flexible);
        put_no_tags(buf, flexible);
    }
}

/// What became of each partition's offset.
#[derive(Clone, Copy, Debug)]
pub struct TxnOffsetCommitResponse<'a> {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Array<'a, TopicResult<'a>>,
}

/// What became of a topic's offsets: laid out as in AddPartitionsToTxn.
pub use super::add_partitions_to_txn::{PartitionResult, TopicResult};

impl<'a> TxnOffsetCommitResponse<'a> {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::TxnOffsetCommit.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::TxnOffsetCommit.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let response = Self { throttle_time_ms: decoder.i32(), topics: decoder.array() };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(response)
    }
}
