//! DescribeConfigs (key 32, versions 1–4): the settings of topics and brokers (KIP-133, KIP-226).

use alloc::vec::Vec;

use super::api_key::ApiKey;
use super::array::{Array, Decode};
use super::codec::{Decoder, put_bool, put_i8, put_length, put_no_tags, put_string};
use super::decode_error::DecodeError;
use super::error_code::ErrorCode;

/// `resource_type` of a topic.
const TOPIC: i8 = 2;

/// Asks for some settings of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescribeConfigsRequest<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The settings' names.
    pub names: &'a [&'a str],
}

impl DescribeConfigsRequest<'_> {
    /// Appends the request's body.
    pub fn encode(&self, buf: &mut Vec<u8>, version: i16) {
        let flexible = ApiKey::DescribeConfigs.is_flexible(version);
        put_length(buf, Some(1), flexible);
        put_i8(buf, TOPIC);
        put_string(buf, self.topic, flexible);
        put_length(buf, Some(self.names.len() as u32), flexible);
        for name in self.names {
            put_string(buf, name, flexible);
        }
        put_no_tags(buf, flexible);
        put_bool(buf, false); // include_synonyms
        if version >= 3 {
            put_bool(buf, false); // include_documentation
        }
        put_no_tags(buf, flexible);
    }
}

/// What the broker tells of each resource that was asked about.
#[derive(Clone, Copy, Debug)]
pub struct DescribeConfigsResponse<'a> {
    /// How long the broker wants no more requests, in ms.
    pub throttle_time_ms: i32,
    /// One for each resource.
    pub resources: Array<'a, ResourceConfigs<'a>>,
}

impl<'a> DescribeConfigsResponse<'a> {
    /// Reads the body of a response to a request of `version`, all of it.
    ///
    /// # Errors
    /// Where the bytes are not such a body.
    pub fn parse(body: &'a [u8], version: i16) -> Result<Self, DecodeError> {
        if !ApiKey::DescribeConfigs.supports(version) {
            return Err(DecodeError::UnsupportedVersion { version });
        }
        let mut decoder = Decoder::new(body, version, ApiKey::DescribeConfigs.is_flexible(version));
        let response = Self { throttle_time_ms: decoder.i32(), resources: decoder.array() };
        decoder.skip_tags();
        decoder.finish()?;
        Ok(response)
    }
}

/// The settings of one resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourceConfigs<'a> {
    /// Why the settings can't be told.
    pub error: ErrorCode,
    /// The same in words.
    pub error_message: Option<&'a str>,
    /// What kind of resource it is; 2 is a topic.
    pub resource_type: i8,
    /// The resource's name.
    pub name: &'a str,
    /// Its settings, those that were asked for.
    pub configs: Array<'a, ConfigEntry<'a>>,
}

impl<'a> Decode<'a> for ResourceConfigs<'a> {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let resource = Self {
            error: ErrorCode::from_i16(decoder.i16()),
            error_message: decoder.nullable_string(),
            resource_type: decoder.i8(),
            name: decoder.string(),
            configs: decoder.array(),
        };
        decoder.skip_tags();
        resource
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; `None` where it has none, or is secret.
    pub value: Option<&'a str>,
    /// Whether it can't be changed through the protocol.
    pub read_only: bool,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it is secret.
    pub is_sensitive: bool,
}

impl<'a> Decode<'a> for ConfigEntry<'a> {
    const MIN_SIZE: usize = 6;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        let entry = Self {
            name: decoder.string(),
            value: decoder.nullable_string(),
            read_only: decoder.bool(),
            source: ConfigSource::from_i8(decoder.i8()),
            is_sensitive: decoder.bool(),
        };
        decoder.array::<Synonym>();
        if decoder.version() >= 3 {
            decoder.i8(); // config_type
            decoder.nullable_string(); // documentation
        }
        decoder.skip_tags();
        entry
    }
}

/// A place where the same setting could come from; nobody asks for these.
#[derive(Clone, Copy)]
struct Synonym;

impl<'a> Decode<'a> for Synonym {
    const MIN_SIZE: usize = 3;

    fn decode(decoder: &mut Decoder<'a>) -> Self {
        decoder.string();
        decoder.nullable_string();
        decoder.i8();
        decoder.skip_tags();
        Self
    }
}

/// Where a setting's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigSource {
    /// It was set on the topic.
    Topic,
    /// It was set on the broker that answers, while it ran.
    DynamicBroker,
    /// It was set on all brokers, while they ran.
    DynamicDefaultBroker,
    /// It stands in the file of the broker that answers; other brokers may have another.
    StaticBroker,
    /// It is Kafka's default.
    Default,
    /// A source that is not in this list.
    Unknown(i8),
}

impl ConfigSource {
    /// The source with this number.
    #[must_use]
    pub fn from_i8(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefaultBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            _ => Self::Unknown(source),
        }
    }
}
