//! SaslAuthenticate (key 36, versions 0–2): a mechanism's messages, in turn (KIP-152, KIP-368).

use alloc::vec::Vec;
use core::fmt;

use super::api_key::ApiKey;
use super::codec::{Decoder, put_bytes, put_no_tags};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// The client's next message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslAuthenticateRequest<'a> {
    /// What the mechanism says; may be a password.
    pub message: &'a [u8],
}

impl fmt::Debug for SaslAuthenticateRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslAuthenticateRequest").finish_non_exhaustive()
    }
}

impl SaslAuthenticateRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::SaslAuthenticate.is_flexible(version);
        put_bytes(buf, self.message, flexible);
        put_no_tags(buf, flexible);
    }
}

/// The broker's next message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SaslAuthenticateResponse<'a> {
    /// `SaslAuthenticationFailed`: the login is refused.
    pub error: ErrorCode,
    /// Why, in the broker's words.
    pub error_message: Option<&'a str>,
    /// What the mechanism says.
    pub message: &'a [u8],
    /// How long the session lasts, in ms, once this ends the login; 0 for ever (KIP-368). 0 before
    /// version 1.
    pub session_lifetime_ms: i64,
}

impl fmt::Debug for SaslAuthenticateResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslAuthenticateResponse")
            .field("error", &self.error)
            .field("session_lifetime_ms", &self.session_lifetime_ms)
            .finish_non_exhaustive()
    }
}

impl<'a> SaslAuthenticateResponse<'a> {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::SaslAuthenticate.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let flexible = ApiKey::SaslAuthenticate.is_flexible(version);
        let mut decoder = Decoder::new(body, version, flexible);
        let response = Self {
            error: ErrorCode::from_i16(decoder.i16()),
            error_message: decoder.nullable_string(),
            message: decoder.bytes(),
            session_lifetime_ms: if version >= 1 { decoder.i64() } else { 0 },
        };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(response)
    }
}
