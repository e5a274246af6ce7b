//! FindCoordinator (key 10, versions 1–6): which broker looks after a transactional id or a group.

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::Decode;
use super::codec::{Decoder, put_length, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// What a coordinator looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorKind {
    /// A consumer group and its offsets.
    Group,
    /// The transactions of a transactional id.
    Transaction,
}

/// Asks for the coordinator of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindCoordinatorRequest<'a> {
    /// The group id or the transactional id.
    pub key: &'a str,
    /// Which of the two it is.
    pub kind: CoordinatorKind,
}

impl FindCoordinatorRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::FindCoordinator.is_flexible(version);
        if version < 4 {
            put_string(buf, self.key, flexible);
        }
        buf.push(match self.kind {
            CoordinatorKind::Group => 0,
            CoordinatorKind::Transaction => 1,
        });
        if version >= 4 {
            put_length(buf, Some(1), flexible);
            put_string(buf, self.key, flexible);
        }
        put_no_tags(buf, flexible);
    }
}

/// Where the coordinator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindCoordinatorResponse<'a> {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// Where it is not `None`, the other fields say nothing.
    pub error: ErrorCode,
    /// The coordinator's node id.
    pub node_id: i32,
    /// Its host name or IP address.
    pub host: &'a str,
    /// Its port.
    pub port: i32,
}

impl<'a> FindCoordinatorResponse<'a> {
    /// Reads the body of a response to a request of `version`, for one key.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::FindCoordinator.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::FindCoordinator.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let throttle_time_ms = decoder.i32();
        let coordinator = if version >= 4 {
            decoder.array::<Coordinator<'_>>().iter().next()
        } else {
            Some(Coordinator::decode_alone(&mut decoder))
        };
        decoder.skip_tags();
        decoder.finish()?;
        let coordinator = coordinator.ok_or(DecodeError::UnexpectedNull { offset: 4 })?;
        let Coordinator { error, node_id, host, port } = coordinator;
        Ok(Self { throttle_time_ms, error, node_id, host, port })
    }
}

#[derive(Clone, Copy)]
struct Coordinator<'a> {
    error: ErrorCode,
    node_id: i32,
    host: &'a str,
    port: i32,
}

impl<'a> Coordinator<'a> {
    /// Before version 4, where the answer is for one key only.
    fn decode_alone(decoder: &mut Decoder<'a>) -> Self {
        let error = ErrorCode::from_i16(decoder.i16());
        decoder.nullable_string(); // error_message
        Self { error, node_id: decoder.i32(), host: decoder.string(), port: decoder.i32() }
    }
}

impl<'a> Decode<'a> for Coordinator<'a> {
    const MIN_SIZE: usize = 14;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        decoder.string(); // key
        let (node_id, host, port) = (decoder.i32(), decoder.string(), decoder.i32());
        let error = ErrorCode::from_i16(decoder.i16());
        decoder.nullable_string(); // error_message
        decoder.skip_tags();
        Self { error, node_id, host, port }
    }
}
