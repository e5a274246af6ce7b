//! InitProducerId (key 22, versions 0–5): a producer id and epoch (KIP-98, KIP-360).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::codec::{Decoder, put_i16, put_i32, put_i64, put_no_tags, put_nullable_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Asks for a producer id, or for the next epoch of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest<'a> {
    /// `None` for an idempotent producer without transactions.
    pub transactional_id: Option<&'a str>,
    /// In ms; the broker ignores it without a transactional id.
    pub transaction_timeout_ms: i32,
    /// The id whose epoch is to be raised, −1 for a new one. Not sent before version 3.
    pub producer_id: i64,
    /// The epoch that the producer has, −1 for none. Not sent before version 3.
    pub producer_epoch: i16,
}

impl Default for InitProducerIdRequest<'_> {
    /// A new id without transactions.
    fn default() -> Self {
        Self {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            producer_id: -1,
            producer_epoch: -1,
        }
    }
}

impl InitProducerIdRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let version = ApiKey::InitProducerId.fixed(version);
        let flexible = ApiKey::InitProducerId.is_flexible(version);
        put_nullable_string(buf, self.transactional_id, flexible);
        put_i32(buf, self.transaction_timeout_ms);
        if version >= 3 {
            put_i64(buf, self.producer_id);
            put_i16(buf, self.producer_epoch);
        }
        put_no_tags(buf, flexible);
    }
}

/// The producer id to write with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// Where it is not `None`, the other fields say nothing.
    pub error: ErrorCode,
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

impl InitProducerIdResponse {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &[u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::InitProducerId.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::InitProducerId.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let response = Self {
            throttle_time_ms: decoder.i32(),
            error: ErrorCode::from_i16(decoder.i16()),
            producer_id: decoder.i64(),
            producer_epoch: decoder.i16(),
        };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(response)
    }
}
