//! One record of a v2 batch:
//!
//! ```text
//! length: varint | attributes: i8 = 0 | timestamp delta: varlong | offset delta: varint
//! | key length: varint (-1 = none), key | value length: varint (-1 = none), value
//! | header count: varint,
//!   { key length: varint, key (UTF-8) | value length: varint (-1 = none), value }
//! ```
//!
//! The deltas are relative to the batch's base timestamp (milliseconds) and base offset.

use alloc::vec::Vec;
use core::fmt;

use super::header::BATCH_OVERHEAD;
use super::varint::{
    ShortNumbers, VARINT_MAX_LEN, VARLONG_MAX_LEN, double_word, length_len, put_unsigned,
    put_varlong, varlong_len, zigzag64,
};

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
    let body_len = body_len(fields, offset_delta, timestamp_delta);
    body_len.saturating_add(length_len(body_len))
}

/// The most bytes that a batch of only this record takes, whatever its timestamp: what is compared
/// with `max.request.size` (Kafka's `AbstractRecords.estimateSizeInBytesUpperBound`).
#[inline]
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
    encode_within(fields, offset_delta, timestamp_delta, i32::MAX as usize, out)
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

/// Appends the record to `out` if it takes at most `room` bytes, which is at most `i32::MAX`, and
/// returns its size. Not inlined: among a sender's other values it would find too few registers.
#[inline(never)]
pub(super) fn encode_within(
    fields: &RecordFields<'_>,
    offset_delta: u32,
    timestamp_delta: i64,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<usize, RecordTooLarge> {
    if let Some(value) = fields.value
        && let Some(start) = ValueStart::new(fields, value, offset_delta, timestamp_delta)
    {
        let size = start.len + value.len() + 1;
        if size > room {
            return Err(RecordTooLarge { size });
        }
        append_start(start.bytes, start.len, out);
        out.extend_from_slice(value);
        out.push(0);
        return Ok(size);
    }
    let Some(record) = ShortRecord::measure(fields, offset_delta, timestamp_delta) else {
        return encode_any_within(fields, offset_delta, timestamp_delta, room, out);
    };
    let size = record.len();
    if size > room {
        return Err(RecordTooLarge { size });
    }
    record.append_to(fields, out);
    Ok(size)
}

#[cold]
fn encode_any_within(
    fields: &RecordFields<'_>,
    offset_delta: u32,
    timestamp_delta: i64,
    room: usize,
    out: &mut Vec<u8>,
) -> Result<usize, RecordTooLarge> {
    let body_len = body_len(fields, offset_delta, timestamp_delta);
    let size = body_len.saturating_add(length_len(body_len));
    if size > room {
        return Err(RecordTooLarge { size });
    }
    out.reserve(size);
    put_unsigned(length_number(body_len), out);
    out.push(0);
    put_varlong(timestamp_delta, out);
    put_unsigned(length_number(offset_delta as usize), out);
    put_nullable(fields.key, out);
    put_nullable(fields.value, out);
    put_unsigned(length_number(fields.headers.len()), out);
    for header in fields.headers {
        put_nullable(Some(header.key.as_bytes()), out);
        put_nullable(header.value, out);
    }
    Ok(size)
}

fn body_len(fields: &RecordFields<'_>, offset_delta: u32, timestamp_delta: i64) -> usize {
    (1 + varlong_len(timestamp_delta) + length_len(offset_delta as usize))
        .saturating_add(fields_len(fields))
}

/// All that comes before the value of a record which has nothing but a short value, and a timestamp
/// near its batch's first: true of most records, and half as costly as a [`ShortRecord`], without
/// a branch. Where code has to be small it does not exist.
struct ValueStart {
    /// The first one lowest.
    bytes: u128,
    len: usize,
}

impl ValueStart {
    /// So that the record's length is one of two bytes at most.
    const VALUE_END: usize = 8192 - 16;
    const OFFSET_END: u32 = 8192;

    #[inline]
    fn new(
        fields: &RecordFields<'_>,
        value: &[u8],
        offset_delta: u32,
        timestamp_delta: i64,
    ) -> Option<Self> {
        let timestamp = zigzag64(timestamp_delta);
        if !cfg!(target_pointer_width = "64")
            || fields.key.is_some()
            || !fields.headers.is_empty()
            || value.len() >= Self::VALUE_END
            || offset_delta >= Self::OFFSET_END
            || timestamp >= 0x80
        {
            return None;
        }
        let (offset, value_len) = (u64::from(offset_delta), value.len() as u64);
        // Where all numbers have the same size, the compiler knows where each one goes.
        Some(if offset.min(value_len) >= SHORTEST_OF_TWO_BYTES {
            Self::assemble::<true>(timestamp, offset, value_len)
        } else {
            Self::assemble::<false>(timestamp, offset, value_len)
        })
    }

    /// `LONG` says that all numbers but the timestamp take two bytes.
    #[inline]
    fn assemble<const LONG: bool>(timestamp: u64, offset: u64, value_len: u64) -> Self {
        let (offset, offset_bits) = short_number::<LONG>(offset);
        let (length, length_bits) = short_number::<LONG>(value_len);
        let no_key = zigzag64(-1);
        let end = offset | no_key << offset_bits | length << (offset_bits + 8);
        let end_len = (offset_bits + 8 + length_bits) / 8;
        // Attributes, timestamp delta and the number of headers take one byte each.
        let body_len = 3 + u64::from(end_len) + value_len;
        let (length, length_bits) = short_number::<LONG>(body_len);
        let start = length | timestamp << (length_bits + 8);
        let start_bits = length_bits + 16;
        let low = start | end << start_bits;
        let high = end >> (u64::BITS - start_bits);
        let bytes = double_word(low, high);
        Self { bytes, len: (start_bits / 8 + end_len) as usize }
    }
}

/// From here on the varint of a positive number takes two bytes.
const SHORTEST_OF_TWO_BYTES: u64 = 64;

/// The varint of a number below 8192, in one or two bytes, and its size in bits. `LONG` says that
/// it takes two.
#[inline]
const fn short_number<const LONG: bool>(number: u64) -> (u64, u32) {
    let zigzag = number << 1;
    let longer = (LONG || number >= SHORTEST_OF_TWO_BYTES) as u32;
    // What stands above the lowest seven bits moves up by one, which is to be added once more.
    (zigzag + (zigzag & 0x3f80) + ((longer as u64) << 7), 8 + 8 * longer)
}

/// The numbers of a record without headers that are all short, its length included: true of nearly
/// every record, and several times cheaper to write than one by one.
struct ShortRecord {
    /// The numbers from the timestamp delta to the key's length and, if there is no key in between,
    /// the value's.
    numbers: ShortNumbers,
    /// The size of what the record's length counts.
    body_len: usize,
}

impl ShortRecord {
    #[inline]
    fn measure(fields: &RecordFields<'_>, offset_delta: u32, timestamp_delta: i64) -> Option<Self> {
        let timestamp = zigzag64(timestamp_delta);
        let offset = length_number(offset_delta as usize);
        let key = nullable_number(fields.key);
        let value = nullable_number(fields.value);
        if (timestamp | offset | key | value) >= ShortNumbers::END || !fields.headers.is_empty() {
            return None;
        }
        let mut numbers = ShortNumbers::default().and(timestamp).and(offset).and(key);
        let value_len = fields.value.unwrap_or_default().len();
        // The attributes and the number of headers take one byte each.
        let body_len = 2 + match fields.key {
            Some(key) => numbers.len() + key.len() + length_len(value_len) + value_len,
            None => {
                numbers = numbers.and(value);
                numbers.len() + value_len
            }
        };
        (length_number(body_len) < ShortNumbers::END).then_some(Self { numbers, body_len })
    }

    /// The record's size in bytes.
    #[inline]
    const fn len(&self) -> usize {
        self.body_len + if self.body_len < 64 { 1 } else { 2 }
    }

    #[inline]
    fn append_to(&self, fields: &RecordFields<'_>, out: &mut Vec<u8>) {
        let attributes = 0;
        let start = ShortNumbers::default().and(length_number(self.body_len)).and(attributes);
        append_start(start.then(self.numbers), start.len() + self.numbers.len(), out);
        if let Some(key) = fields.key {
            out.extend_from_slice(key);
            let value_number = ShortNumbers::default().and(nullable_number(fields.value));
            append_start(value_number.word().into(), value_number.len(), out);
        }
        out.extend_from_slice(fields.value.unwrap_or_default());
        out.push(0);
    }
}

/// A length as a varint's unsigned number. Those beyond an `i32` are refused before they are
/// written.
#[inline]
const fn length_number(length: usize) -> u64 {
    (length as u64) << 1
}

/// The number in front of a key or value.
#[inline]
fn nullable_number(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(zigzag64(-1), |bytes| length_number(bytes.len()))
}

fn put_nullable(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    put_unsigned(nullable_number(bytes), out);
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// Appends the lowest `len` of `bytes`. Where the room allows, it writes all of them and takes back
/// the surplus: a write of fixed size is a few instructions, one of variable size a function call.
///
/// They come in registers, not as an array: read back at once, a few words just written to memory
/// wait for everything written before them, which is the last record.
#[inline]
fn append_start(bytes: u128, len: usize, out: &mut Vec<u8>) {
    if out.capacity() - out.len() >= size_of_val(&bytes) {
        let end = out.len() + len;
        out.extend_from_slice(&bytes.to_le_bytes());
        out.truncate(end);
    } else {
        append_exactly(bytes, len, out);
    }
}

/// A function of its own, lest the compiler make one write of variable size of both.
#[cold]
#[inline(never)]
fn append_exactly(bytes: u128, len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.to_le_bytes().get(..len).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use proptest::prelude::*;

    fn encoded(fields: &RecordFields<'_>, offset: u32, timestamp: i64, room: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(room);
        let size = encode(fields, offset, timestamp, &mut out).expect("it fits");
        assert_eq!(size, out.len());
        assert_eq!(encoded_len(fields, offset, timestamp), size);
        assert!(size + BATCH_OVERHEAD <= size_upper_bound(fields));
        out
    }

    #[test]
    fn known_bytes() {
        let nothing = RecordFields::default();
        assert_eq!(encoded(&nothing, 0, 0, 0), [12, 0, 0, 0, 1, 1, 0]);
        let headers = [Header { key: "h", value: None }, Header { key: "", value: Some(b"v") }];
        let full = RecordFields { key: Some(b"k"), value: Some(b""), headers: &headers };
        let bytes = encoded(&full, 64, -1, 0);
        assert_eq!(bytes, [28, 0, 1, 128, 1, 2, b'k', 0, 4, 2, b'h', 1, 0, 2, b'v'][..]);
    }

    #[test]
    fn the_upper_bound_is_kafkas() {
        // AbstractRecords.estimateSizeInBytesUpperBound for magic 2: 61 + 21 + key, value, headers.
        assert_eq!(size_upper_bound(&RecordFields::default()), 61 + 21 + 1 + 1 + 1);
        let headers = [Header { key: "key", value: Some(&[0; 100]) }];
        let fields = RecordFields { key: Some(&[0; 64]), value: Some(&[0; 10]), headers: &headers };
        assert_eq!(size_upper_bound(&fields), 61 + 21 + 66 + 11 + 1 + 4 + 102);
    }

    /// Every size of every number next to where it changes, through both ways of writing.
    #[test]
    fn the_short_way_writes_what_the_long_way_does() {
        let bytes = vec![0xab; 8200];
        let lens = [0, 1, 52, 55, 56, 57, 63, 64, 65, 8100, 8175, 8176, 8191, 8192];
        let slices = || lens.iter().map(|len| Some(&bytes[..*len])).chain([None]);
        for (key, value) in slices().flat_map(|key| slices().map(move |value| (key, value))) {
            let fields = RecordFields { key, value, headers: &[] };
            for offset in [0, 63, 64, 8191, 8192, i32::MAX as u32] {
                for timestamp in [0, -64, 64, 8191, -8192, 8192, -8193, i64::MAX, i64::MIN] {
                    let mut long = Vec::new();
                    encode_any_within(&fields, offset, timestamp, usize::MAX, &mut long)
                        .expect("it fits");
                    // With and without the room for a copy of fixed size.
                    assert!(encoded(&fields, offset, timestamp, 0) == long);
                    assert!(encoded(&fields, offset, timestamp, long.len() + 16) == long);
                }
            }
        }
    }

    #[test]
    fn the_room_is_kept_to_the_byte() {
        let headers = [Header { key: "h", value: None }];
        for headers in [&[][..], &headers] {
            let fields = RecordFields { key: None, value: Some(b"value"), headers };
            let size = encoded_len(&fields, 0, 0);
            let mut out = vec![7];
            let refused = encode_within(&fields, 0, 0, size - 1, &mut out);
            assert_eq!((refused, &out[..]), (Err(RecordTooLarge { size }), &[7][..]));
            assert_eq!(encode_within(&fields, 0, 0, size, &mut out), Ok(size));
            assert_eq!(out.len(), 1 + size);
        }
    }

    proptest! {
        #[test]
        fn any_record_is_as_long_as_it_is_said_to_be(
            key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9000)),
            names in proptest::collection::vec(".{0,20}", 0..70),
            offset in 0..=i32::MAX as u32,
            timestamp: i64,
            shift in 0..64u32,
        ) {
            let headers: Vec<_> = names
                .iter()
                .map(|key| Header { key, value: key.as_bytes().get(3..) })
                .collect();
            let (key, value) = (key.as_deref(), value.as_deref());
            encoded(&RecordFields { key, value, headers: &headers }, offset, timestamp >> shift, 0);
        }
    }
}
