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

/// The encoded size of an unsigned number, 1 to 10 bytes.
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

/// Appends an unsigned number of 1 to 10 bytes.
pub(super) fn put_unsigned(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a varint.
pub fn put_varint(value: i32, out: &mut Vec<u8>) {
    put_unsigned(zigzag32(value).into(), out);
}

/// Appends a varlong.
pub fn put_varlong(value: i64, out: &mut Vec<u8>) {
    put_unsigned(zigzag64(value), out);
}

/// A few numbers that take at most two bytes each, four of them at most, gathered in a register:
/// nearly all numbers of a record are that small, and so cost neither a branch nor a capacity check
/// each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ShortNumbers {
    word: u64,
    bits: u32,
}

impl ShortNumbers {
    /// The first number that is too large.
    pub(super) const END: u64 = 1 << 14;

    /// These numbers and an unsigned one that is less than [`END`](Self::END).
    #[inline]
    pub(super) const fn and(mut self, value: u64) -> Self {
        self.word |= value << self.bits;
        self.bits += 8;
        if value >= 0x80 {
            // Moves what is above the low seven bits into the next byte, and sets the eighth.
            self.word += ((value & 0x3f80) + 0x80) << (self.bits - 8);
            self.bits += 8;
        }
        self
    }

    /// The size in bytes.
    #[inline]
    pub(super) const fn len(self) -> usize {
        self.bits as usize / 8
    }

    /// These numbers' bytes, the first one lowest.
    #[inline]
    pub(super) const fn word(self) -> u64 {
        self.word
    }

    /// Up to three bytes of these numbers, followed by all of `others`, the first one lowest.
    #[inline]
    pub(super) const fn then(self, others: Self) -> u128 {
        let low = self.word | others.word << self.bits;
        let high = others.word >> (u64::BITS - self.bits);
        double_word(low, high)
    }
}

#[inline]
pub(super) const fn double_word(low: u64, high: u64) -> u128 {
    low as u128 | (high as u128) << u64::BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(value: i32) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(value, &mut out);
        out
    }

    fn varlong(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        put_varlong(value, &mut out);
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
                let mut bytes = Vec::new();
                put_unsigned(value, &mut bytes);
                assert_eq!(unsigned_len(value), bytes.len(), "{value}");
            }
        }
        assert_eq!(length_len(0x7fff_ffff), 5);
    }

    #[test]
    fn short_numbers_are_those_written_one_by_one() {
        let numbers = [0, 1, 0x7f, 0x80, 0x81, 0xff, 0x100, 0x2000, ShortNumbers::END - 1];
        for a in numbers {
            for b in numbers {
                for c in numbers {
                    let mut expected = Vec::new();
                    for number in [a, b, b, c, c] {
                        put_unsigned(number, &mut expected);
                    }
                    let first = ShortNumbers::default().and(a);
                    let others = ShortNumbers::default().and(b).and(b).and(c).and(c);
                    assert_eq!(first.len() + others.len(), expected.len());
                    let bytes = first.then(others).to_le_bytes();
                    assert_eq!(bytes[..expected.len()], expected);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(int: i32, shift in 0..64u32, long: i64) {
            let long = long >> shift;
            let mut out = varint(int);
            put_varlong(long, &mut out);
            prop_assert_eq!(out.len(), varint_len(int) + varlong_len(long));
            let mut rest = &out[..];
            prop_assert_eq!(take_varint(&mut rest), Ok(int));
            prop_assert_eq!(take_varlong(&mut rest), Ok(long));
            prop_assert!(rest.is_empty());
        }
    }
}
