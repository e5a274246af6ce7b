//! Why a configuration is refused.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use crate::quoted::Quoted;

/// A configuration that can't be used, and what to write instead. Never shows a secret: values are
/// named only for keys that hold none.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// No producer has this key.
    UnknownKey {
        /// The key as it was given.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<&'static str>,
    },
    /// A key of an older Kafka or of librdkafka, which has another name or form today.
    RenamedKey {
        /// The key as it was given.
        key: String,
        /// What to write today.
        instead: &'static str,
    },
    /// A key of Kafka's that ottla doesn't have.
    UnsupportedKey {
        /// The key as it was given.
        key: String,
        /// What to do without it.
        instead: &'static str,
    },
    /// A value that its key doesn't take.
    InvalidValue {
        /// The key.
        key: String,
        /// The value as it was given.
        value: String,
        /// The form and range that the key takes.
        expected: Cow<'static, str>,
    },
    /// Values that are valid each for itself, but not together or not at all for a producer.
    Invalid {
        /// The key to change.
        key: Cow<'static, str>,
        /// What is wrong, and what to do.
        problem: Cow<'static, str>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { key, problem } => write!(f, "invalid configuration {key}: {problem}"),
            _ if cfg!(not(feature = "texts")) => f.write_str("invalid configuration"),
            Self::UnknownKey { key, nearest: None } => write!(f, "unknown configuration {key}"),
            Self::UnknownKey { key, nearest: Some(nearest) } => {
                write!(f, "unknown configuration {key}; did you mean {nearest}?")
            }
            Self::RenamedKey { key, instead } => {
                write!(f, "configuration {key} is not a key of today's producer: {instead}")
            }
            Self::UnsupportedKey { key, instead } => {
                write!(f, "configuration {key} is not supported: {instead}")
            }
            Self::InvalidValue { key, value, expected } => {
                let value = Quoted(value);
                write!(f, "invalid value {value} for configuration {key}: expected {expected}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
