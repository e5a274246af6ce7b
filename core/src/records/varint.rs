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

/// Takes a varint from the front of `input`.
///
/// # Errors
/// [`VarintError`], with `input` as it was.
#[inline]
pub fn take_varint(input: &mut &[u8]) -> Result<i32, VarintError> {
    let value = take_unsigned(input, VARINT_MAX_LEN, u32::BITS)? as u32;
    Ok((value >> 1) as i32 ^ -((value & 1) as i32))
}

/// Takes a varlong from the front of `input`.
///
/// # Errors
/// [`VarintError`], with `input` as it was.
#[inline]
pub fn take_varlong(input: &mut &[u8]) -> Result<i64, VarintError> {
    let value = take_unsigned(input, VARLONG_MAX_LEN, u64::BITS)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[inline]
fn take_unsigned(input: &mut &[u8], max_len: usize, bits: u32) -> Result<u64, VarintError> {
    let mut value = 0;
    for (i, byte) in input.iter().take(max_len).enumerate() {
        let shift = 7 * i as u32;
        let group = u64::from(byte & 0x7f);
        if group >> (bits - shift).min(7) != 0 {
            return Err(VarintError::TooLong);
        }
        value |= group << shift;
        if byte & 0x80 == 0 {
            *input = &input[i + 1..];
            return Ok(value);
        }
    }
    Err(if input.len() < max_len { VarintError::Truncated } else { VarintError::TooLong })
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(value: i32) -> Vec<u8> {
        let mut bytes = Bytes::starting_at(0);
        bytes.put_varint(value);
        let mut out = Vec::new();
        bytes.append_to(0, &mut out);
        out
    }

    fn varlong(value: i64) -> Vec<u8> {
        let mut bytes = Bytes::starting_at(0);
        bytes.put_varlong(value);
        let mut out = Vec::new();
        bytes.append_to(0, &mut out);
        out
    }

    #[test]
    fn known_values() {
        // From Kafka's ByteUtilsTest.
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (-65, &[0x81, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (-8193, &[0x81, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            assert_eq!(varint(value), bytes);
            assert_eq!(varlong(value.into()), bytes);
            assert_eq!(take_varint(&mut &*bytes), Ok(value));
        }
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varlong(i64::MIN), longest);
        assert_eq!(take_varlong(&mut &longest[..]), Ok(i64::MIN));
    }

    #[test]
    fn what_ends_early_or_goes_on_too_long_is_refused() {
        for (bytes, error) in [
            (&[][..], VarintError::Truncated),
            (&[0x80, 0x80], VarintError::Truncated),
            (&[0x80, 0x80, 0x80, 0x80, 0x10], VarintError::TooLong),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], VarintError::TooLong),
        ] {
            let mut rest = bytes;
            assert_eq!(take_varint(&mut rest), Err(error));
            assert_eq!(rest, bytes);
        }
        assert_eq!(take_varlong(&mut &[0x80; 10][..]), Err(VarintError::TooLong));
        let overflow = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02];
        assert_eq!(take_varlong(&mut &overflow[..]), Err(VarintError::TooLong));
    }

    #[test]
    fn sizes_are_exact_at_every_boundary() {
        for bits in 0..64 {
            for value in [1u64 << bits, (1u64 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = Bytes::starting_at(0);
                bytes.put(value);
                assert_eq!(unsigned_len(value), bytes.end(), "{value}");
            }
        }
        assert_eq!(length_len(usize::MAX >> 1), 10 - usize::from(usize::BITS < 64) * 5);
    }

    #[test]
    fn a_length_is_written_right_before_what_follows_it() {
        for length in [0, 63, 64, 8191, 8192, i32::MAX as usize] {
            let mut bytes = Bytes::starting_at(VARINT_MAX_LEN);
            bytes.put_byte(42);
            let start = bytes.put_length_before(VARINT_MAX_LEN, length);
            let mut out = Vec::new();
            bytes.append_to(start, &mut out);
            let mut rest = &out[..];
            assert_eq!(take_varint(&mut rest), Ok(length as i32));
            assert_eq!(rest, [42]);
        }
    }

    proptest! {
        #[test]
        fn round_trip(int: i32, shift in 0..64u32, long: i64, spare in 0..64usize) {
            let long = long >> shift;
            let mut out = Vec::with_capacity(spare);
            let mut bytes = Bytes::starting_at(0);
            bytes.put_varint(int);
            bytes.put_varlong(long);
            bytes.append_to(0, &mut out);
            prop_assert_eq!(out.len(), varint_len(int) + varlong_len(long));
            let mut rest = &out[..];
            prop_assert_eq!(take_varint(&mut rest), Ok(int));
            prop_assert_eq!(take_varlong(&mut rest), Ok(long));
            prop_assert!(rest.is_empty());
        }
    }
}
