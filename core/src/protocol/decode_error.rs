//! Why bytes from the wire are not the message they should be.

use core::fmt;

/// A response that does not follow its schema. Offsets are in bytes from the start of what was
/// decoded: a response header, or the body after it.
///
/// Small, as every field that is read may return it.
///
/// The connection is out of step with the broker after any of these: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end before the field does.
    Truncated {
        /// Where the field begins.
        offset: usize,
    },
    /// A length or count below zero where Kafka's schema has no null.
    NegativeLength {
        /// Where the length stands.
        offset: usize,
    },
    /// An unsigned varint of more than 32 bits.
    BadVarint {
        /// Where the varint begins.
        offset: usize,
    },
    /// More elements announced than the remaining bytes can hold.
    Count {
        /// Where the count stands.
        offset: usize,
    },
    /// A null where the schema has none.
    UnexpectedNull {
        /// Where the field begins.
        offset: usize,
    },
    /// A string that is not UTF-8.
    BadUtf8 {
        /// Where the string's bytes begin.
        offset: usize,
    },
    /// Bytes after the last field.
    TrailingBytes {
        /// Where they begin.
        offset: usize,
    },
    /// Tagged fields where none are known, in a message that is to be understood entirely.
    UnexpectedTags {
        /// Where their count stands.
        offset: usize,
    },
    /// A version that ottla does not speak; the caller chose it without `NodeVersions::select`.
    UnsupportedVersion {
        /// The version asked for.
        version: i16,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("malformed message");
        }
        f.write_str("malformed message: ")?;
        match *self {
            Self::Truncated { offset } => write!(f, "it ends within the field at offset {offset}"),
            Self::NegativeLength { offset } => write!(f, "negative length at offset {offset}"),
            Self::BadVarint { offset } => {
                write!(f, "varint of more than 32 bits at offset {offset}")
            }
            Self::Count { offset } => {
                write!(f, "more elements announced at offset {offset} than there are bytes left")
            }
            Self::UnexpectedNull { offset } => write!(f, "unexpected null at offset {offset}"),
            Self::BadUtf8 { offset } => write!(f, "string is not UTF-8 at offset {offset}"),
            Self::TrailingBytes { offset } => write!(f, "bytes too many at offset {offset}"),
            Self::UnexpectedTags { offset } => {
                write!(f, "unknown tagged fields at offset {offset}")
            }
            Self::UnsupportedVersion { version } => {
                write!(f, "version {version} is not one that this client speaks")
            }
        }
    }
}

impl core::error::Error for DecodeError {}
