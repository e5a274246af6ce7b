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
    let correlation_id = decoder.i32()?;
    decoder.skip_tags()?;
    Ok((correlation_id, decoder.remaining()))
}
