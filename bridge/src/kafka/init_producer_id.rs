//! InitProducerId, answered from the session's leases.

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::codec::{Decoder, put_i16, put_i32, put_i64, put_no_tags};
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::error_code::ErrorCode;

use super::{Call, response};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whether a transaction's id was named, which is refused.
    pub(crate) transactional: bool,
    /// The id whose epoch is to be raised; −1: any.
    pub(crate) producer_id: i64,
    /// The epoch that the client knows.
    pub(crate) epoch: i16,
}

impl Request {
    pub(crate) fn parse(call: &Call<'_>) -> Result<Self, DecodeError> {
        let flexible = ApiKey::InitProducerId.is_flexible(call.version);
        let mut decoder = Decoder::new(call.body, call.version, flexible);
        let transactional = decoder.nullable_string().is_some();
        decoder.i32(); // transaction_timeout_ms
        let request = Self { transactional, producer_id: decoder.i64(), epoch: decoder.i16() };
        decoder.no_tags();
        decoder.finish()?;
        Ok(request)
    }
}

/// The answer: a producer id with its epoch, or why there is none.
pub(crate) fn answer(
    version: i16,
    correlation_id: i32,
    identity: Result<(i64, i16), ErrorCode>,
) -> Vec<u8> {
    let error = identity.err().unwrap_or(ErrorCode::None);
    let (producer_id, epoch) = identity.unwrap_or((-1, -1));
    response(ApiKey::InitProducerId, version, correlation_id, |out| {
        put_i32(out, 0);
        put_i16(out, error.code());
        put_i64(out, producer_id);
        put_i16(out, epoch);
        put_no_tags(out, ApiKey::InitProducerId.is_flexible(version));
    })
}
