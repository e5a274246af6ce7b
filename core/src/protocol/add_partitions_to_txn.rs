//! AddPartitionsToTxn (key 24, versions 0–3): partitions become part of a transaction (KIP-98).
//!
//! Versions from 4 on are for brokers among themselves; where transactions are of version 2
//! (KIP-890) no client sends this at all.

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::{Array, Decode};
use super::codec::{Decoder, put_i16, put_i32, put_i64, put_length, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Adds partitions to the transaction that goes on, or begins one with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxnRequest<'a> {
    /// Whose transaction.
    pub transactional_id: &'a str,
    /// The producer id of the transactional id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Topics, each once, with their partitions.
    pub topics: &'a [(&'a str, Vec<i32>)],
}

impl AddPartitionsToTxnRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::AddPartitionsToTxn.is_flexible(version);
        put_string(buf, self.transactional_id, flexible);
        put_i64(buf, self.producer_id);
        put_i16(buf, self.producer_epoch);
        put_length(buf, Some(self.topics.len() as u32), flexible);
        for (name, partitions) in self.topics {
            put_string(buf, name, flexible);
            put_length(buf, Some(partitions.len() as u32), flexible);
            partitions.iter().for_each(|partition| put_i32(buf, *partition));
            put_no_tags(buf, flexible);
        }
        put_no_tags(buf, flexible);
    }
}

/// What became of each partition. The request as a whole took effect or did not.
#[derive(Clone, Copy, Debug)]
pub struct AddPartitionsToTxnResponse<'a> {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Array<'a, TopicResult<'a>>,
}

impl<'a> AddPartitionsToTxnResponse<'a> {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::AddPartitionsToTxn.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::AddPartitionsToTxn.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let response = Self { throttle_time_ms: decoder.i32(), topics: decoder.array() };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(response)
    }
}

/// What became of a topic's partitions.
#[derive(Clone, Copy, Debug)]
pub struct TopicResult<'a> {
    /// The topic.
    pub name: &'a str,
    /// Its partitions.
    pub partitions: Array<'a, PartitionResult>,
}

impl<'a> Decode<'a> for TopicResult<'a> {
    const MIN_SIZE: usize = 3;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let result = Self { name: decoder.string(), partitions: decoder.array() };
        decoder.skip_tags();
        result
    }
}

/// What became of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionResult {
    /// The partition's number in its topic.
    pub partition: i32,
    /// `None`, or why it is not in the transaction.
    pub error: ErrorCode,
}

impl<'a> Decode<'a> for PartitionResult {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let partition = decoder.i32();
        let error = ErrorCode::from_i16(decoder.i16());
        decoder.skip_tags();
        Self { partition, error }
    }
}
