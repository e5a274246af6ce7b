//! EndTxn (key 26, versions 0–5): commits or aborts a transaction (KIP-98, KIP-890).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::codec::{Decoder, put_bool, put_i16, put_i64, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Ends the transaction that goes on. Version 5 says that transactions are of version 2, in which
/// the coordinator raises the epoch with every end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnRequest<'a> {
    /// Whose transaction.
    pub transactional_id: &'a str,
    /// The producer id of the transactional id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// Commit; else abort.
    pub committed: bool,
}

impl EndTxnRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::EndTxn.is_flexible(version);
        put_string(buf, self.transactional_id, flexible);
        put_i64(buf, self.producer_id);
        put_i16(buf, self.producer_epoch);
        put_bool(buf, self.committed);
        put_no_tags(buf, flexible);
    }
}

/// Whether it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnResponse {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// `None`, or why not.
    pub error: ErrorCode,
    /// The producer id of the next transaction; −1 before version 5.
    pub producer_id: i64,
    /// Its epoch; −1 before version 5.
    pub producer_epoch: i16,
}

impl EndTxnResponse {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &[u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::EndTxn.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, ApiKey::EndTxn.is_flexible(version));
        let throttle_time_ms = decoder.i32();
        let error = ErrorCode::from_i16(decoder.i16());
        let (producer_id, producer_epoch) =
            if version >= 5 { (decoder.i64(), decoder.i16()) } else { (-1, -1) };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(Self { throttle_time_ms, error, producer_id, producer_epoch })
    }
}
