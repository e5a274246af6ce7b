//! Zigzag variable-length integers: `varint` (32 bits, at most 5 bytes) and `varlong` (64 bits, at
//! most 10), as in Protocol Buffers and Kafka's `ByteUtils`.

use alloc::vec::Vec;
use core::fmt;

/// The most bytes that a varint takes.
pub const VARINT_MAX_LEN: usize = 5;
/// The most bytes that a varlong takes.
pub const VARLONG_MAX_LEN: usize = 10;

/// A varint that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VarintError {
    /// The input ended inside the number.
    Truncated,
    /// The number goes on beyond the bits of its type.
    TooLong,
}

impl fmt::Display for VarintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end inside a variable-length integer",
            Self::TooLong => "a variable-length integer is longer than its type allows",
        })
    }
}

impl core::error::Error for VarintError {}

/// Maps small magnitudes of either sign to small unsigned numbers.
#[inline]
pub const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// Maps small magnitudes of either sign to small unsigned numbers.
#[inline]
pub const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The bytes that [`Bytes::put`] writes for `value`, 1 to 10.
#[inline]
pub const fn unsigned_len(value: u64) -> usize {
    // ceil(bits / 7) without a division: exact for every highest bit from 0 to 63.
    let highest_bit = 63 - (value | 1).leading_zeros() as usize;
    (highest_bit * 9 + 73) / 64
}

/// The encoded size of `value` as a varint, 1 to 5 bytes.
#[inline]
pub const fn varint_len(value: i32) -> usize {
    unsigned_len(zigzag32(value) as u64)
}

/// The encoded size of `value` as a varlong, 1 to 10 bytes.
#[inline]
pub const fn varlong_len(value: i64) -> usize {
    unsigned_len(zigzag64(value))
}

/// The encoded size of a length as a varint; lengths beyond `i32::MAX` can't be encoded and are
/// counted as the longest.
#[inline]
pub const fn length_len(length: usize) -> usize {
    unsigned_len((length as u64) << 1)
}

/// The largest index of a [`Bytes`]: a power of two minus one, so that masking replaces the check.
const MASK: usize = 63;
/// What one append copies: more than the longest run of numbers in a record.
const COPIED: usize = 32;

/// A few numbers gathered on the stack, to be copied out in one go: numbers that are written one
/// byte at a time straight into a `Vec` would pay for its capacity check with every byte.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes {
    bytes: [u8; MASK + 1],
    len: usize,
}

impl Bytes {
    /// An empty list that leaves `start` bytes free in front.
    #[inline]
    pub(crate) const fn starting_at(start: usize) -> Self {
        Self { bytes: [0; MASK + 1], len: start & MASK }
    }

    #[inline]
    pub(crate) const fn put_byte(&mut self, byte: u8) {
        self.bytes[self.len & MASK] = byte;
        self.len += 1;
    }

    #[inline]
    pub(crate) const fn put(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.put_byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.put_byte(value as u8);
    }

    #[inline]
    pub(crate) const fn put_varint(&mut self, value: i32) {
        self.put(zigzag32(value) as u64);
    }

    #[inline]
    pub(crate) const fn put_varlong(&mut self, value: i64) {
        self.put(zigzag64(value));
    }

    /// A length that is known to fit in an `i32`.
    #[inline]
    pub(crate) const fn put_length(&mut self, length: usize) {
        self.put((length as u64) << 1);
    }

    /// Writes `length` so that it ends right before index `end`, and returns where it starts.
    #[inline]
    pub(crate) fn put_length_before(&mut self, end: usize, length: usize) -> usize {
        let start = end - length_len(length).min(end);
        let after = core::mem::replace(&mut self.len, start);
        self.put_length(length);
        self.len = after;
        start
    }

    /// The index after the last byte.
    #[inline]
    pub(crate) const fn end(&self) -> usize {
        self.len
    }

    /// Appends the bytes from index `start` on. Where the room allows, it copies a fixed number of
    /// bytes and takes back the surplus, which costs a fraction of a copy of variable length.
    #[inline]
    pub(crate) fn append_to(&self, start: usize, out: &mut Vec<u8>) {
        let start = start & (COPIED - 1);
        let len = self.len.saturating_sub(start);
        if len <= COPIED && out.capacity() - out.len() >= COPIED {
            let end = out.len() + len;
            out.extend_from_slice(&self.bytes[start..start + COPIED]);
            out.truncate(end);
        } else {
            out.extend_from_slice(self.bytes.get(start..self.len).unwrap_or_default());
        }
    }
}
