//! ApiVersions (key 18, versions 0–4): what each broker speaks (KIP-35, KIP-511).

use alloc::vec::Vec;

use super::api_key::{ApiKey, BROKERS};
use super::array::Decode;
use super::codec::{Decoder, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// Asks a broker which versions it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsRequest<'a> {
    /// The client's name, of `[a-zA-Z0-9.-]` and beginning and ending with a letter or digit; the
    /// broker refuses anything else.
    pub software_name: &'a str,
    /// The client's version, of the same characters.
    pub software_version: &'a str,
}

impl Default for ApiVersionsRequest<'_> {
    /// This library under its own name.
    fn default() -> Self {
        Self { software_name: "ottla", software_version: env!("CARGO_PKG_VERSION") }
    }
}

impl ApiVersionsRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        if ApiKey::ApiVersions.is_flexible(version) {
            put_string(buf, self.software_name, true);
            put_string(buf, self.software_version, true);
            put_no_tags(buf, true);
        }
    }
}

/// What a broker speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// `UnsupportedVersion`: ask again with the version that `versions` selects for
    /// [`ApiKey::ApiVersions`], or with 0 where it selects none.
    pub error: ErrorCode,
    /// The versions of each request.
    pub versions: NodeVersions,
    /// How long the broker wants no more requests, in ms; 0 before version 1.
    pub throttle_time_ms: i32,
    /// What the cluster's brokers have agreed on. Read only where there are transactions (the
    /// Cargo feature), which alone depend on it.
    pub features: Features,
}

/// The finalized features of a cluster (KIP-584) that concern a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Rises with every change; −1 where the broker doesn't tell.
    pub epoch: i64,
    /// `transaction.version`: 2 where brokers add partitions to transactions by themselves and
    /// raise the epoch with each one's end (KIP-890), else lower.
    pub transaction_version: i16,
}

impl Default for Features {
    /// Nothing is known.
    fn default() -> Self {
        Self { epoch: -1, transaction_version: 0 }
    }
}

impl Features {
    /// Reads a tagged field of the response, if it is one of these.
    fn read(&mut self, tag: u32, value: &mut Decoder<'_>) -> bool {
        match tag {
            1 => self.epoch = value.i64(),
            2 => {
                let features = value.array::<FinalizedFeature<'_>>();
                let level = features.iter().find(|feature| feature.name == "transaction.version");
                self.transaction_version = level.map_or(0, |feature| feature.max_level);
            }
            _ => return false,
        }
        true
    }
}

#[derive(Clone, Copy)]
struct FinalizedFeature<'a> {
    name: &'a str,
    max_level: i16,
}

impl<'a> Decode<'a> for FinalizedFeature<'a> {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let (name, max_level) = (decoder.string(), decoder.i16());
        decoder.i16(); // min_version_level
        decoder.skip_tags();
        Self { name, max_level }
    }
}

impl ApiVersionsResponse {
    /// Reads the body of a response to a request of `version`.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &[u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::ApiVersions.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let error = ErrorCode::from_i16(Decoder::new(body, 0, false).i16());
        // A broker that does not know the version answers in version 0 (KIP-511).
        let version = if error == ErrorCode::UnsupportedVersion { 0 } else { version };
        let mut decoder = Decoder::new(body, version, ApiKey::ApiVersions.is_flexible(version));
        decoder.i16();
        let mut versions = NodeVersions::default();
        for supported in decoder.array::<SupportedVersions>() {
            versions.insert(supported.code, supported.range);
        }
        let throttle_time_ms = if version >= 1 { decoder.i32() } else { 0 };
        let mut features = Features::default();
        decoder.tags(|tag, value| cfg!(feature = "transactions") && features.read(tag, value));
        decoder.finish()?;
        Ok(Self { error, versions, throttle_time_ms, features })
    }
}

#[derive(Clone, Copy)]
struct SupportedVersions {
    code: i16,
    range: VersionRange,
}

impl<'a> Decode<'a> for SupportedVersions {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let code = decoder.i16();
        let range = VersionRange { min: decoder.i16(), max: decoder.i16() };
        decoder.skip_tags();
        Self { code, range }
    }
}

/// The lowest and highest version of a request, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    /// The lowest.
    pub min: i16,
    /// The highest.
    pub max: i16,
}

/// The versions that one broker takes of each request that ottla sends.
///
/// Kept per node, never per cluster: during a rolling upgrade the nodes differ. The default knows
/// of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeVersions([Option<VersionRange>; ApiKey::ALL.len()]);

impl NodeVersions {
    /// What the broker says about a request; `None` where it does not take it at all.
    ///
    /// Brokers 4.x still announce Produce from 0 on although they take it from 3 on (KAFKA-18659).
    #[must_use]
    pub fn range(&self, key: ApiKey) -> Option<VersionRange> {
        self.0[key.index()]
    }

    /// The highest version that both sides speak; `None` where there is none.
    #[must_use]
    pub fn select(&self, key: ApiKey) -> Option<i16> {
        self.select_at_most(key, i16::MAX)
    }

    /// As [`select`](Self::select), but not above `limit`: for instance Produce 12, the last with
    /// topic names, where a topic's id is not known.
    #[must_use]
    pub fn select_at_most(&self, key: ApiKey, limit: i16) -> Option<i16> {
        if !BROKERS {
            return Some(key.over_bridge());
        }
        let range = self.range(key)?;
        let highest = range.max.min(key.max_version()).min(limit);
        (highest >= range.min.max(key.min_version())).then_some(highest)
    }

    /// Records what a broker says about the request with this number; others than ottla's are
    /// ignored.
    pub fn insert(&mut self, code: i16, range: VersionRange) {
        if let Some(key) = ApiKey::from_code(code) {
            self.0[key.index()] = Some(range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiVersionsResponse, NodeVersions, VersionRange};
    use crate::protocol::api_key::ApiKey;
    use crate::protocol::error_code::ErrorCode;

    fn select(min: i16, max: i16) -> Option<i16> {
        let mut versions = NodeVersions::default();
        versions.insert(0, VersionRange { min, max });
        versions.select(ApiKey::Produce)
    }

    #[test]
    fn selects_the_highest_common_version() {
        assert_eq!(select(0, 7), Some(7), "2.1");
        assert_eq!(select(0, 13), Some(13), "4.1: announces versions that are gone (KAFKA-18659)");
        assert_eq!(select(12, 99), Some(13), "newer than this client");
        assert_eq!(select(14, 99), None, "too new");
        let oldest = if cfg!(feature = "legacy-formats") { Some(2) } else { None };
        assert_eq!(select(0, 2), oldest, "too old without the old formats");
        assert_eq!(select(9, 8), None, "no versions at all");
        assert_eq!(NodeVersions::default().select(ApiKey::Produce), None);
    }

    #[test]
    fn selects_below_a_limit() {
        let mut versions = NodeVersions::default();
        versions.insert(0, VersionRange { min: 3, max: 13 });
        assert_eq!(versions.select_at_most(ApiKey::Produce, 12), Some(12));
        assert_eq!(versions.select_at_most(ApiKey::Produce, 2), None);
    }

    #[test]
    fn an_unsupported_version_is_answered_in_version_0() {
        let body = [0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 2];
        let response = ApiVersionsResponse::parse(&body, 4).unwrap();
        assert_eq!(response.error, ErrorCode::UnsupportedVersion);
        assert_eq!(response.versions.select(ApiKey::ApiVersions), Some(2));

        let before_2_4 = [0, 35, 0, 0, 0, 0];
        let response = ApiVersionsResponse::parse(&before_2_4, 3).unwrap();
        assert_eq!(response.versions.select(ApiKey::ApiVersions), None);
    }
}
