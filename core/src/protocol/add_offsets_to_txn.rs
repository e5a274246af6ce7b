//! AddOffsetsToTxn (key 25, versions 0–4): a group's offsets become part of a transaction (KIP-98).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::codec::{Decoder, put_i16, put_i64, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Adds the offsets of a group to the transaction that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnRequest<'a> {
    /// Whose transaction.
    pub transactional_id: &'a str,
    /// The producer id of the transactional id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The group.
    pub group_id: &'a str,
}

impl AddOffsetsToTxnRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::AddOffsetsToTxn.is_flexible(version);
        put_string(buf, self.transactional_id, flexible);
        put_i64(buf, self.producer_id);
        put_i16(buf, self.producer_epoch);
        put_string(buf, self.group_id, flexible);
        put_no_tags(buf, flexible);
    }
}

/// Whether they are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnResponse {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// `None`, or why not.
    pub error: ErrorCode,
}

impl AddOffsetsToTxnResponse {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &[u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::AddOffsetsToTxn.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::AddOffsetsToTxn.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let throttle_time_ms = decoder.i32();
        let error = ErrorCode::from_i16(decoder.i16());
        decoder.skip_tags();
        decoder.finish()?;
        Ok(Self { throttle_time_ms, error })
    }
}
