//! Kafka's primitive types on the wire, big-endian: written with `put_…`, read with a [`Decoder`].
//!
//! *Flexible* versions (KIP-482) write lengths as unsigned varints of `length + 1`, 0 being null,
//! and end every structure with tagged fields. Older ones write lengths as `int16` (strings) or
//! `int32` (arrays, bytes), −1 being null, and have no tagged fields.

use alloc::vec::Vec;
use core::fmt;

use super::api_key::{ApiKey, BROKERS};
use super::array::{Array, Decode};
use super::decode_error::DecodeError;
use super::uuid::Uuid;

/// The longest string of the protocol, in bytes.
const MAX_STRING_LENGTH: usize = i16::MAX as usize;

/// Appends a boolean, one byte.
pub fn put_bool(buf: &mut Vec<u8>, value: bool) {
    buf.push(u8::from(value));
}

/// Appends an `int8`.
pub fn put_i8(buf: &mut Vec<u8>, value: i8) {
    buf.extend_from_slice(&value.to_be_bytes());
}

/// Appends an `int16`.
pub fn put_i16(buf: &mut Vec<u8>, value: i16) {
    buf.extend_from_slice(&value.to_be_bytes());
}

/// Appends an `int32`.
pub fn put_i32(buf: &mut Vec<u8>, value: i32) {
    buf.extend_from_slice(&value.to_be_bytes());
}

/// Appends an `int64`.
pub fn put_i64(buf: &mut Vec<u8>, value: i64) {
    buf.extend_from_slice(&value.to_be_bytes());
}

/// Appends an unsigned varint: 7 bits per byte, least significant first.
pub fn put_unsigned_varint(buf: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        buf.push(value as u8 | 0x80);
        value >>= 7;
    }
    buf.push(value as u8);
}

/// Appends a UUID, 16 bytes.
pub fn put_uuid(buf: &mut Vec<u8>, value: Uuid) {
    buf.extend_from_slice(&value.0);
}

/// Appends a string, cut as [`put_nullable_string`] says.
pub fn put_string(buf: &mut Vec<u8>, value: &str, flexible: bool) {
    put_nullable_string(buf, Some(value), flexible);
}

/// Appends a string or null.
///
/// A string above 32767 bytes, which the protocol does not have, is cut there. That is far above
/// every limit that Kafka sets on names, so the broker refuses it and the rest stays readable.
pub fn put_nullable_string(buf: &mut Vec<u8>, value: Option<&str>, flexible: bool) {
    let value = value.map(|text| cut(text, MAX_STRING_LENGTH));
    if flexible {
        put_unsigned_varint(buf, value.map_or(0, |text| text.len() as u32 + 1));
    } else {
        put_i16(buf, value.map_or(-1, |text| text.len() as i16));
    }
    buf.extend_from_slice(value.unwrap_or_default().as_bytes());
}

fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Appends the length of an array in elements, or of records in bytes; `None` is null.
pub fn put_length(buf: &mut Vec<u8>, length: Option<u32>, flexible: bool) {
    if flexible {
        put_unsigned_varint(buf, length.map_or(0, |length| length.saturating_add(1)));
    } else {
        put_i32(buf, length.map_or(-1, |length| length as i32));
    }
}

/// Appends bytes.
pub fn put_bytes(buf: &mut Vec<u8>, value: &[u8], flexible: bool) {
    put_length(buf, Some(u32::try_from(value.len()).unwrap_or(u32::MAX)), flexible);
    buf.extend_from_slice(value);
}

/// Ends a structure: no tagged fields in a flexible version, nothing in older ones.
pub fn put_no_tags(buf: &mut Vec<u8>, flexible: bool) {
    if flexible {
        buf.push(0);
    }
}

/// Reads the fields of one message, in order, from borrowed bytes.
///
/// From the first field on that is not as it should be, every field is read as 0 or as empty, and
/// [`finish`](Self::finish) says what was wrong: what was read is worth nothing before that. So
/// each field costs the code of one call and no more.
///
/// A clone reads on from the same place, independently.
#[derive(Clone, Copy)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
    version: i16,
    flexible: bool,
    error: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    /// Reads `bytes` as a message of `version`, which is `flexible` or not.
    #[must_use]
    pub fn new(bytes: &'a [u8], version: i16, flexible: bool) -> Self {
        Self { bytes, offset: 0, version, flexible, error: None }
    }

    /// The message's version.
    #[must_use]
    pub fn version(&self) -> i16 {
        // Metadata has the same one over a bridge, and what else has parts that depend on it is for
        // brokers.
        ApiKey::Produce.fixed(self.version)
    }

    pub(super) fn is_flexible(&self) -> bool {
        !BROKERS || self.flexible
    }

    /// The bytes not yet read; none after an error.
    #[must_use]
    pub fn remaining(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether all that was read is as it should be.
    ///
    /// # Errors
    /// What was wrong first.
    pub fn check(&self) -> Result<(), DecodeError> {
        self.error.map_or(Ok(()), Err)
    }

    /// Ends the message.
    ///
    /// # Errors
    /// What was wrong first, or [`DecodeError::TrailingBytes`] where bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        self.check()?;
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::TrailingBytes { offset: self.offset })
        }
    }

    #[cold]
    fn fail(&mut self, error: DecodeError) {
        self.error.get_or_insert(error);
        self.bytes = &[];
    }

    fn take(&mut self, needed: usize) -> &'a [u8] {
        let Some((taken, rest)) = self.bytes.split_at_checked(needed) else {
            self.fail(DecodeError::Truncated { offset: self.offset });
            return &[];
        };
        self.bytes = rest;
        self.offset += needed;
        taken
    }

    fn take_array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).first_chunk().map_or([0; N], |array| *array)
    }

    /// Reads a boolean; every byte but 0 is true.
    pub fn bool(&mut self) -> bool {
        self.take_array::<1>() != [0]
    }

    /// Reads an `int8`.
    pub fn i8(&mut self) -> i8 {
        i8::from_be_bytes(self.take_array())
    }

    /// Reads an `int16`.
    pub fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take_array())
    }

    /// Reads an `int32`.
    pub fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take_array())
    }

    /// Reads an `int64`.
    pub fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take_array())
    }

    /// Reads a UUID.
    pub fn uuid(&mut self) -> Uuid {
        Uuid(self.take_array())
    }

    /// Reads an unsigned varint of at most 32 bits.
    pub fn unsigned_varint(&mut self) -> u32 {
        let offset = self.offset;
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take_array();
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
        }
        self.fail(DecodeError::BadVarint { offset });
        0
    }

    /// Reads a string.
    pub fn string(&mut self) -> &'a str {
        let offset = self.offset;
        self.nullable_string().unwrap_or_else(|| {
            self.fail(DecodeError::UnexpectedNull { offset });
            ""
        })
    }

    /// Reads a string or null.
    pub fn nullable_string(&mut self) -> Option<&'a str> {
        let length = if self.is_flexible() { self.compact_length() } else { self.short_length() }?;
        let offset = self.offset;
        let text = core::str::from_utf8(self.take(length));
        Some(text.unwrap_or_else(|_| {
            self.fail(DecodeError::BadUtf8 { offset });
            ""
        }))
    }

    /// Reads bytes; null is read as none.
    pub fn bytes(&mut self) -> &'a [u8] {
        let length = self.length().unwrap_or(0);
        self.take(length)
    }

    /// Reads an array, checking each of its elements.
    pub fn array<T: Decode<'a>>(&mut self) -> Array<'a, T> {
        let count = self.count(T::MIN_SIZE);
        let array = Array::new(self, count);
        for _ in 0..count {
            T::decode(self);
        }
        array
    }

    /// An array's number of elements, of which each has at least so many bytes.
    fn count(&mut self, min_size: usize) -> usize {
        let offset = self.offset;
        let Some(count) = self.length() else {
            self.fail(DecodeError::UnexpectedNull { offset });
            return 0;
        };
        self.checked_count(count, min_size, offset)
    }

    fn checked_count(&mut self, count: usize, min_size: usize, offset: usize) -> usize {
        if count <= self.bytes.len() / min_size {
            return count;
        }
        self.fail(DecodeError::Count { offset });
        0
    }

    /// Skips a structure's tagged fields, where the version has them.
    pub fn skip_tags(&mut self) {
        self.tags(|_, _| false);
    }

    /// Ends a structure that must not have tagged fields, where the version could have them: for
    /// who answers requests of strangers. Any are [`DecodeError::UnexpectedTags`].
    pub fn no_tags(&mut self) {
        let offset = self.offset;
        if self.is_flexible() && self.unsigned_varint() != 0 {
            self.fail(DecodeError::UnexpectedTags { offset });
        }
    }

    /// Reads a structure's tagged fields, where the version has them. `known` gets each tag and its
    /// value, and answers whether it read the value (it has to, entirely) or does not know the tag.
    pub fn tags(&mut self, mut known: impl FnMut(u32, &mut Self) -> bool) {
        if !self.is_flexible() {
            return;
        }
        let offset = self.offset;
        let count = self.unsigned_varint() as usize;
        // Each has at least a tag and a size.
        for _ in 0..self.checked_count(count, 2, offset) {
            let tag = self.unsigned_varint();
            let size = self.unsigned_varint() as usize;
            let mut value = *self;
            value.bytes = self.take(size);
            if known(tag, &mut value)
                && let Err(error) = value.finish()
            {
                self.fail(error);
            }
        }
    }

    fn length(&mut self) -> Option<usize> {
        if self.is_flexible() { self.compact_length() } else { self.int_length() }
    }

    fn compact_length(&mut self) -> Option<usize> {
        (self.unsigned_varint() as usize).checked_sub(1)
    }

    fn short_length(&mut self) -> Option<usize> {
        let offset = self.offset;
        let length = self.i16();
        self.checked_length(length.into(), offset)
    }

    fn int_length(&mut self) -> Option<usize> {
        let offset = self.offset;
        let length = self.i32();
        self.checked_length(length, offset)
    }

    fn checked_length(&mut self, length: i32, offset: usize) -> Option<usize> {
        if length < -1 {
            self.fail(DecodeError::NegativeLength { offset });
        }
        usize::try_from(length).ok()
    }
}

impl fmt::Debug for Decoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decoder(v{}, {} bytes at {})", self.version, self.bytes.len(), self.offset)
    }
}
