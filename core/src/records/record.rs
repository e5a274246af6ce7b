//! One record of a v2 batch:
//!
//! ```text
//! length: varint | attributes: i8 = 0 | timestamp delta: varlong | offset delta: varint
//! | key length: varint (-1 = none), key | value length: varint (-1 = none), value
//! | header count: varint, { key length: varint, key (UTF-8) | value length: varint (-1 = none), value }
//! ```
//!
//! The deltas are relative to the batch's base timestamp (milliseconds) and base offset.

use alloc::vec::Vec;
use core::fmt;

use super::batch::BATCH_OVERHEAD;
use super::varint::{self, Bytes, VARINT_MAX_LEN, VARLONG_MAX_LEN, length_len};

/// The most bytes that a record takes beside its key, value and headers: length, attributes,
/// timestamp delta, offset delta (Kafka's `DefaultRecord.MAX_RECORD_OVERHEAD`).
pub const MAX_RECORD_OVERHEAD: usize = VARINT_MAX_LEN + 1 + VARLONG_MAX_LEN + VARINT_MAX_LEN;

/// What a length of -1, for a key or value that is absent, is written as.
const NULL_LEN: usize = 1;

/// A named value that travels with a record (KIP-82). Names may repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name.
    pub key: &'a str,
    /// The value; `None` is stored as null, which differs from empty.
    pub value: Option<&'a [u8]>,
}

/// The parts of a record that are stored as they are given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordFields<'a> {
    /// The key; `None` is stored as null, which differs from empty.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is stored as null, a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, kept in this order.
    pub headers: &'a [Header<'a>],
}

/// The record's length doesn't fit the 32 bits that the format has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordTooLarge {
    /// The record's size in bytes.
    pub size: usize,
}

impl fmt::Display for RecordTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size } = self;
        write!(f, "a record of {size} bytes is larger than the record format allows; split it")
    }
}

impl core::error::Error for RecordTooLarge {}

/// The exact size in bytes of the record that [`encode`] writes.
pub fn encoded_len(fields: &RecordFields<'_>, offset_delta: u32, timestamp_delta: i64) -> usize {
    let body = 1
        + varint::varlong_len(timestamp_delta)
        + length_len(offset_delta as usize)
        + fields_len(fields);
    length_len(body) + body
}

/// The most bytes that a batch of only this record takes, whatever its timestamp: what is compared
/// with `max.request.size` (Kafka's `AbstractRecords.estimateSizeInBytesUpperBound`).
pub fn size_upper_bound(fields: &RecordFields<'_>) -> usize {
    (BATCH_OVERHEAD + MAX_RECORD_OVERHEAD).saturating_add(fields_len(fields))
}

/// Appends the record to `out` and returns its size in bytes.
///
/// # Errors
/// [`RecordTooLarge`], with `out` as it was.
pub fn encode(
    fields: &RecordFields<'_>,
    offset_delta: u32,
    timestamp_delta: i64,
    out: &mut Vec<u8>,
) -> Result<usize, RecordTooLarge> {
    let staged = StagedRecord::new(fields, offset_delta, timestamp_delta);
    let size = staged.len();
    if size > i32::MAX as usize {
        return Err(RecordTooLarge { size });
    }
    staged.append_to(out);
    Ok(size)
}

/// Key, value and headers with their lengths. Saturates, since on 32 bits a few borrowed slices of
/// the same large memory may add up to more than the address space.
#[inline]
fn fields_len(fields: &RecordFields<'_>) -> usize {
    nullable_len(fields.key)
        .saturating_add(nullable_len(fields.value))
        .saturating_add(headers_len(fields.headers))
}

#[inline]
fn nullable_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(NULL_LEN, |bytes| length_len(bytes.len()) + bytes.len())
}

#[inline]
fn headers_len(headers: &[Header<'_>]) -> usize {
    headers.iter().fold(length_len(headers.len()), |sum, header| {
        sum.saturating_add(length_len(header.key.len()) + header.key.len())
            .saturating_add(nullable_len(header.value))
    })
}

/// A record whose first bytes are ready and whose size is therefore known, before anything is
/// written: a batch can refuse it without having computed its size for nothing.
pub(super) struct StagedRecord<'a> {
    fields: RecordFields<'a>,
    /// From the record's length up to its key; where there is no key, up to its value.
    prefix: Bytes,
    prefix_start: usize,
    len: usize,
}

impl<'a> StagedRecord<'a> {
    #[inline]
    pub(super) fn new(fields: &RecordFields<'a>, offset_delta: u32, timestamp_delta: i64) -> Self {
        let mut prefix = Bytes::starting_at(VARINT_MAX_LEN);
        prefix.put_byte(0);
        prefix.put_varlong(timestamp_delta);
        prefix.put_length(offset_delta as usize);
        let key_and_value_len = match fields.key {
            None => {
                put_nullable_len(&mut prefix, None);
                put_nullable_len(&mut prefix, fields.value);
                fields.value.map_or(0, <[u8]>::len)
            }
            Some(key) => {
                put_nullable_len(&mut prefix, Some(key));
                key.len().saturating_add(nullable_len(fields.value))
            }
        };
        let body = (prefix.end() - VARINT_MAX_LEN)
            .saturating_add(key_and_value_len)
            .saturating_add(headers_len(fields.headers));
        let prefix_start = prefix.put_length_before(VARINT_MAX_LEN, body);
        let len = body.saturating_add(VARINT_MAX_LEN - prefix_start);
        Self { fields: *fields, prefix, prefix_start, len }
    }

    /// The record's size in bytes.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        self.prefix.append_to(self.prefix_start, out);
        if let Some(key) = self.fields.key {
            out.extend_from_slice(key);
            let mut value_len = Bytes::starting_at(0);
            put_nullable_len(&mut value_len, self.fields.value);
            value_len.append_to(0, out);
        }
        if let Some(value) = self.fields.value {
            out.extend_from_slice(value);
        }
        if self.fields.headers.is_empty() {
            out.push(0);
        } else {
            append_headers(self.fields.headers, out);
        }
    }
}

#[inline]
fn put_nullable_len(bytes: &mut Bytes, nullable: Option<&[u8]>) {
    match nullable {
        None => bytes.put_varint(-1),
        Some(slice) => bytes.put_length(slice.len()),
    }
}

fn append_headers(headers: &[Header<'_>], out: &mut Vec<u8>) {
    append_length(headers.len(), out);
    for header in headers {
        append_length(header.key.len(), out);
        out.extend_from_slice(header.key.as_bytes());
        let mut value_len = Bytes::starting_at(0);
        put_nullable_len(&mut value_len, header.value);
        value_len.append_to(0, out);
        out.extend_from_slice(header.value.unwrap_or_default());
    }
}

fn append_length(length: usize, out: &mut Vec<u8>) {
    let mut bytes = Bytes::starting_at(0);
    bytes.put_length(length);
    bytes.append_to(0, out);
}
