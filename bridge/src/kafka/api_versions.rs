//! ApiVersions, answered by the bridge: the four kinds of request that it takes.

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::codec::{Decoder, put_i16, put_i32, put_length, put_no_tags};
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::error_code::ErrorCode;

use super::{Call, OFFERED, response};

/// The answer to a request of an offered version.
pub(crate) fn answer(call: &Call<'_>) -> Result<Vec<u8>, DecodeError> {
    let flexible = ApiKey::ApiVersions.is_flexible(call.version);
    let mut decoder = Decoder::new(call.body, call.version, flexible);
    if flexible {
        decoder.string();
        decoder.string();
        decoder.no_tags();
    }
    decoder.finish()?;
    Ok(write(call.version, call.correlation_id, ErrorCode::None))
}

/// The answer to a version that is not offered: in version 0, which everybody reads (KIP-511).
pub(crate) fn unsupported(correlation_id: i32) -> Vec<u8> {
    write(0, correlation_id, ErrorCode::UnsupportedVersion)
}

fn write(version: i16, correlation_id: i32, error: ErrorCode) -> Vec<u8> {
    let flexible = ApiKey::ApiVersions.is_flexible(version);
    response(ApiKey::ApiVersions, version, correlation_id, |out| {
        put_i16(out, error.code());
        put_length(out, Some(OFFERED.len() as u32), flexible);
        for (key, min, max) in OFFERED {
            put_i16(out, key.code());
            put_i16(out, min);
            put_i16(out, max);
            put_no_tags(out, flexible);
        }
        if version >= 1 {
            put_i32(out, 0);
        }
        put_no_tags(out, flexible);
    })
}
