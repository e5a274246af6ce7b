//! What stands before every request and response: size, kind, version, correlation id.

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::codec::{Decoder, put_i16, put_i32, put_no_tags, put_string};
use super::decode_error::DecodeError;

/// Where a begun request starts in its buffer. Hand it to [`finish_request`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a request without its size cannot be sent"]
pub struct RequestStart(usize);

/// Appends a request's size, still unknown, and its header. The body follows.
pub fn begin_request(
    buf: &mut Vec<u8>,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> RequestStart {
    let start = RequestStart(buf.len());
    put_i32(buf, 0);
    put_i16(buf, key.code());
    put_i16(buf, version);
    put_i32(buf, correlation_id);
    // Not compact even before a flexible request, so that a broker can read it before it knows.
    put_string(buf, client_id, false);
    put_no_tags(buf, key.request_header_version(version) >= 2);
    start
}

/// Fills in the size of the request that ends where `buf` ends, and that has `extra_bytes` more
/// which travel beside the buffer. The sum has to be below 2 GiB, as `max.request.size` is.
pub fn finish_request(buf: &mut [u8], start: RequestStart, extra_bytes: usize) {
    let Some((size, rest)) = buf.get_mut(start.0..).and_then(<[u8]>::split_first_chunk_mut::<4>)
    else {
        return;
    };
    let total = rest.len().saturating_add(extra_bytes);
    *size = i32::try_from(total).unwrap_or(i32::MAX).to_be_bytes();
}

/// The header of a request, as who answers it reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// The kind of request; any number.
    pub api_key: i16,
    /// Its version; any number.
    pub version: i16,
    /// What the response has to repeat.
    pub correlation_id: i32,
    /// The client's name.
    pub client_id: Option<&'a str>,
}

impl<'a> RequestHeader<'a> {
    /// Bytes of a header up to the correlation id, which all versions have in common.
    const START: usize = 8;

    /// Kind, version and correlation id at the front of a request frame, whatever follows.
    ///
    /// # Errors
    /// Where the bytes end before.
    pub fn start(bytes: &[u8]) -> Result<(i16, i16, i32), DecodeError> {
        let mut decoder = Decoder::new(bytes, 0, false);
        let start = (decoder.i16(), decoder.i16(), decoder.i32());
        decoder.check()?;
        Ok(start)
    }

    /// Splits a request frame into its header and its body. Tagged fields are refused.
    ///
    /// `header_version` is [`ApiKey::request_header_version`] of what [`start`](Self::start) says.
    ///
    /// # Errors
    /// Where the bytes end inside of the header or it has tagged fields.
    pub fn parse(bytes: &'a [u8], header_version: i16) -> Result<(Self, &'a [u8]), DecodeError> {
        let (api_key, version, correlation_id) = Self::start(bytes)?;
        let rest = bytes.get(Self::START..).unwrap_or_default();
        // The client id is never compact; only what follows it is flexible.
        let mut decoder = Decoder::new(rest, header_version, false);
        let client_id = decoder.nullable_string();
        decoder.check()?;
        let mut decoder = Decoder::new(decoder.remaining(), header_version, header_version >= 2);
        decoder.no_tags();
        decoder.check()?;
        Ok((Self { api_key, version, correlation_id, client_id }, decoder.remaining()))
    }
}

/// Splits a response frame into its correlation id and its body.
///
/// `header_version` is [`ApiKey::response_header_version`] of the request that it answers.
///
/// # Errors
/// Where the bytes end inside of the header, or its tagged fields are malformed.
pub fn parse_response_header(
    bytes: &[u8],
    header_version: i16,
) -> Result<(i32, &[u8]), DecodeError> {
    let mut decoder = Decoder::new(bytes, header_version, header_version >= 1);
    let correlation_id = decoder.i32();
    decoder.skip_tags();
    decoder.check()?;
    Ok((correlation_id, decoder.remaining()))
}
