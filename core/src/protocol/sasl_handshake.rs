//! SaslHandshake (key 17, version 1): which mechanism a login will use (KIP-43, KIP-152).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::Array;
use super::codec::{Decoder, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Names the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SaslHandshakeRequest<'a> {
    /// The mechanism's registered name, such as `SCRAM-SHA-512`.
    pub mechanism: &'a str,
}

impl SaslHandshakeRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        put_string(buf, self.mechanism, false);
    }
}

/// Whether the broker takes the mechanism.
#[derive(Clone, Copy, Debug)]
pub struct SaslHandshakeResponse<'a> {
    /// `UnsupportedSaslMechanism`: one of `mechanisms` is needed.
    pub error: ErrorCode,
    /// What the broker's listener takes.
    pub mechanisms: Array<'a, &'a str>,
}

impl<'a> SaslHandshakeResponse<'a> {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::SaslHandshake.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, false);
        let error = ErrorCode::from_i16(decoder.i16());
        let mechanisms = decoder.array();
        decoder.finish()?;
        Ok(Self { error, mechanisms })
    }
}
