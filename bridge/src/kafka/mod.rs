//! Kafka's messages as the bridge takes and makes them: nothing passes that was not parsed and
//! written anew, but the bytes of a batch that was checked.

pub(crate) mod api_versions;
pub(crate) mod batch;
pub(crate) mod init_producer_id;
pub(crate) mod metadata;
pub(crate) mod produce;
pub(crate) mod produce_reply;

use ottla_bridge_protocol::ApiRange;
use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::codec::{put_i32, put_no_tags};
use ottla_core::protocol::decode_error::DecodeError;
use ottla_core::protocol::header::RequestHeader;

/// What streams offer. Produce ends where topic ids begin: a grant is for a name.
pub(crate) const OFFERED: [(ApiKey, i16, i16); 4] = [
    (ApiKey::Produce, 9, 12),
    (ApiKey::Metadata, 9, 12),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::InitProducerId, 3, 4),
];

/// [`OFFERED`] as a WELCOME lists it.
pub(crate) fn offered() -> [ApiRange; OFFERED.len()] {
    OFFERED.map(|(key, min, max)| ApiRange { key: key.code(), min, max })
}

/// A request of an offered kind and version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) body: &'a [u8],
}

/// A request that is not answered as it wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCall {
    /// ApiVersions of a version that has to be answered in version 0 (KIP-511).
    ApiVersions { correlation_id: i32 },
    /// Nothing that is offered.
    NotOffered { key: i16, version: i16 },
    /// No request.
    Malformed(DecodeError),
}

impl From<DecodeError> for BadCall {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error)
    }
}

impl<'a> Call<'a> {
    /// Reads a request's header: first of all whether it is offered.
    pub(crate) fn parse(frame: &'a [u8]) -> Result<Self, BadCall> {
        let (key, version, correlation_id) = RequestHeader::start(frame)?;
        let offer = OFFERED.iter().find(|(offered, ..)| offered.code() == key);
        let api = match offer {
            Some((api, min, max)) if (*min..=*max).contains(&version) => *api,
            Some((ApiKey::ApiVersions, ..)) => {
                return Err(BadCall::ApiVersions { correlation_id });
            }
            _ => return Err(BadCall::NotOffered { key, version }),
        };
        let header_version = api.request_header_version(version);
        let (_, body) = RequestHeader::parse(frame, header_version)?;
        Ok(Self { key: api, version, correlation_id, body })
    }
}

/// A response that is being written: size and header first, the body by `write`.
pub(crate) fn response(
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    write: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut frame = vec![0; 4];
    put_i32(&mut frame, correlation_id);
    put_no_tags(&mut frame, key.response_header_version(version) >= 1);
    write(&mut frame);
    let size = (frame.len() - 4) as u32;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_rely_on_without_asking_is_offered() {
        for key in [ApiKey::Produce, ApiKey::Metadata, ApiKey::InitProducerId] {
            let offer = OFFERED.iter().find(|(offered, ..)| *offered == key);
            let (_, min, max) = offer.unwrap();
            assert!((*min..=*max).contains(&key.over_bridge()), "{key:?}");
        }
    }
}
