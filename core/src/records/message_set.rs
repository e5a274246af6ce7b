//! Message sets: what brokers before Kafka 0.11 take in place of record batches.
//!
//! ```text
//! offset: i64 | size: i32
//! | crc: u32 of all that follows | magic: i8 | attributes: i8 | timestamp: i64, v1 only
//! | key length: i32 (-1 = none), key | value length: i32 (-1 = none), value
//! ```
//!
//! A compressed set is one message, whose value is the set. Offsets count from 0: in v0 the broker
//! gives each message another one, in v1 they are relative to the set's (KIP-31), and the outer
//! message has that of the last inner one. v1 adds timestamps in milliseconds (KIP-32); v0 has
//! none, so they are left out. Neither has headers.
//!
//! Sets are made of finished batches, when it is known who gets them: a batch is filled before
//! that, and its next try may go to another broker.

use alloc::vec::Vec;
use core::fmt;

use super::compression::{Codec, Compressor, break_lz4_checksum};
use super::reader::{RecordBatchError, RecordBatchView};
use crate::partitioner::crc32;

/// Bytes of a message before its checksum.
const LOG_OVERHEAD: usize = 12;
const CRC_LEN: usize = 4;

/// A message format (`message.format.version`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageFormat {
    /// Message sets of Kafka 0.8 and 0.9, without timestamps.
    V0,
    /// Message sets of Kafka 0.10.
    V1,
    /// Record batches, since Kafka 0.11.
    V2,
}

impl MessageFormat {
    /// What a Produce request of this version holds.
    #[must_use]
    pub const fn of_produce(version: i16) -> Self {
        match version {
            ..=1 => Self::V0,
            2 => Self::V1,
            _ => Self::V2,
        }
    }

    /// The highest version of Produce that holds it.
    #[must_use]
    pub const fn produce_limit(self) -> i16 {
        match self {
            Self::V0 => 1,
            Self::V1 => 2,
            Self::V2 => i16::MAX,
        }
    }
}

/// Why records can't be a message set.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MessageSetError {
    /// The records with these indexes have headers.
    Headers(Vec<u32>),
    /// Brokers that take message sets don't know this codec.
    Codec(Codec),
    /// The batch can't be read.
    Batch(RecordBatchError),
}

impl fmt::Display for MessageSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(indexes) => write!(f, "{} records have headers", indexes.len()),
            Self::Codec(codec) => write!(f, "message sets can't be compressed with {codec}"),
            Self::Batch(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MessageSetError {}

impl From<RecordBatchError> for MessageSetError {
    fn from(error: RecordBatchError) -> Self {
        Self::Batch(error)
    }
}

/// One message of a set.
struct Message<'a> {
    offset: i64,
    codec: Codec,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
}

/// The records of a finished batch as a message set, compressed where that makes it smaller. The
/// batch may decompress to `max_len` bytes.
///
/// # Errors
/// See [`MessageSetError`].
pub fn message_set(
    batch: &[u8],
    format: MessageFormat,
    compressor: Option<&mut Compressor>,
    max_len: usize,
) -> Result<Vec<u8>, MessageSetError> {
    let view = RecordBatchView::parse(batch)?;
    let mut uncompressed = Vec::new();
    let mut set = Vec::new();
    let mut with_headers = Vec::new();
    for (index, record) in (0u32..).zip(view.records(&mut uncompressed, max_len)?) {
        let record = record?;
        if record.headers.len() > 0 {
            with_headers.push(index);
        }
        let message = Message {
            offset: i64::from(index),
            codec: Codec::None,
            timestamp: record.timestamp,
            key: record.key,
            value: record.value,
        };
        put_message(&mut set, format, &message);
    }
    if !with_headers.is_empty() {
        return Err(MessageSetError::Headers(with_headers));
    }
    let Some(compressor) = compressor else { return Ok(set) };
    wrap(&view, set, format, compressor)
}

/// One message around the compressed set, or the set where it doesn't shrink, or can't.
fn wrap(
    view: &RecordBatchView<'_>,
    set: Vec<u8>,
    format: MessageFormat,
    compressor: &mut Compressor,
) -> Result<Vec<u8>, MessageSetError> {
    let codec = compressor.codec();
    if codec == Codec::Zstd {
        return Err(MessageSetError::Codec(codec));
    }
    let Ok(Some(compressed)) = compressor.compress(&set) else { return Ok(set) };
    let mut value = compressed.to_vec();
    if codec == Codec::Lz4 && format == MessageFormat::V0 {
        break_lz4_checksum(&mut value);
    }
    let header = view.header();
    let message = Message {
        offset: i64::from(header.last_offset_delta),
        codec,
        timestamp: header.max_timestamp,
        key: None,
        value: Some(&value),
    };
    let mut wrapper = set;
    wrapper.clear();
    put_message(&mut wrapper, format, &message);
    Ok(wrapper)
}

fn put_message(set: &mut Vec<u8>, format: MessageFormat, message: &Message<'_>) {
    let start = set.len();
    set.extend_from_slice(&message.offset.to_be_bytes());
    set.extend_from_slice(&[0; LOG_OVERHEAD - 8 + CRC_LEN]);
    set.push(u8::from(format != MessageFormat::V0)); // magic
    set.push(message.codec.id());
    if format != MessageFormat::V0 {
        set.extend_from_slice(&message.timestamp.to_be_bytes());
    }
    put_nullable(set, message.key);
    put_nullable(set, message.value);
    let size = set.len() - start - LOG_OVERHEAD;
    let crc = crc32(&set[start + LOG_OVERHEAD + CRC_LEN..]);
    set[start + 8..start + LOG_OVERHEAD].copy_from_slice(&(size as u32).to_be_bytes());
    set[start + LOG_OVERHEAD..start + LOG_OVERHEAD + CRC_LEN].copy_from_slice(&crc.to_be_bytes());
}

fn put_nullable(set: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let len = bytes.map_or(-1, |bytes| bytes.len() as i32);
    set.extend_from_slice(&len.to_be_bytes());
    set.extend_from_slice(bytes.unwrap_or_default());
}
