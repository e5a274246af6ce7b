//! What can go wrong in compression and decompression.

use core::fmt;

use super::Codec;

/// Bytes that can't be compressed or decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionError {
    /// The codec wasn't compiled in.
    NotCompiledIn(Codec),
    /// The codec has no such level.
    InvalidLevel {
        /// The codec.
        codec: Codec,
        /// What was asked for.
        level: i32,
    },
    /// The encoder failed.
    Encoder(Codec),
    /// The compressed bytes break the codec's format; says how.
    Corrupt(Codec, &'static str),
    /// The decompressed bytes would be more than the caller allows.
    TooLarge {
        /// The most bytes allowed.
        max_len: usize,
    },
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("compression failed");
        }
        match self {
            Self::NotCompiledIn(codec) => write!(
                f,
                "{codec} compression isn't compiled in; build with the Cargo feature `{codec}`"
            ),
            Self::InvalidLevel { codec, level } => match codec.levels() {
                None => write!(f, "{codec} has no compression levels; leave the level out"),
                Some(levels) => write!(
                    f,
                    "{codec} has no compression level {level}; use {} to {}",
                    levels.start(),
                    levels.end()
                ),
            },
            Self::Encoder(codec) => write!(f, "the {codec} encoder failed"),
            Self::Corrupt(codec, how) => write!(f, "corrupt {codec} data: {how}"),
            Self::TooLarge { max_len } => {
                write!(f, "the data decompresses to more than the {max_len} bytes allowed")
            }
        }
    }
}

impl core::error::Error for CompressionError {}
