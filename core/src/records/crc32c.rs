//! CRC-32C (Castagnoli; RFC 3720 appendix B.4), the checksum of a record batch.
//!
//! With the feature `std` the `crc-fast` crate computes it, by carry-less multiplications as wide
//! as the processor has them: a third to a quarter of the time that its own instruction for it
//! takes. Without, a table does: 8 KiB of it where a word has 64 bits and in WebAssembly, 1 KiB on
//! smaller machines. In WebAssembly it is computed when it is first needed.

#[cfg(feature = "std")]
use crc_fast::{CrcAlgorithm, Digest};

/// The polynomial 0x1EDC6F41 with its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

#[cfg(any(all(not(feature = "std"), not(target_family = "wasm")), all(test, feature = "std")))]
static TABLES: super::crc::Tables<BYTES_PER_STEP> = super::crc::Tables::new(POLYNOMIAL);

#[cfg(all(not(feature = "std"), target_family = "wasm"))]
static TABLES: super::crc_late::LateTables<BYTES_PER_STEP> =
    super::crc_late::LateTables::new(POLYNOMIAL);

/// The bytes that one step of the table's loop takes.
#[cfg(any(not(feature = "std"), test))]
const BYTES_PER_STEP: usize =
    if cfg!(any(target_pointer_width = "64", target_family = "wasm")) { 8 } else { 1 };

/// The CRC-32C of `bytes`.
#[inline]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc32c_append(0, bytes)
}

/// The CRC-32C of what `crc` is the CRC-32C of, followed by `bytes`.
#[inline]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    #[cfg(feature = "std")]
    {
        let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc32Iscsi, (!crc).into());
        digest.update(bytes);
        digest.finalize() as u32
    }
    #[cfg(not(feature = "std"))]
    TABLES.append(crc, bytes)
}

/// The CRC-32C of a message from those of its two parts, the second `second_len` bytes long.
pub(super) fn crc32c_joined(first: u32, second: u32, second_len: usize) -> u32 {
    shift_bytes(first, second_len) ^ second
}

/// How the CRC-32C of a message changes when the bits of `difference` are flipped in it and
/// `following` unchanged bytes come after them: the change is to be XORed to the old checksum.
///
/// A CRC is linear, so a few changed header bytes cost no second pass over what follows.
pub(super) fn crc32c_change(difference: &[u8], following: usize) -> u32 {
    // The register starts at zero and isn't inverted, unlike in a checksum.
    shift_bytes(!crc32c_append(!0, difference), following)
}

/// What the register `crc` becomes by as many zero bytes: `crc * x^(8 * len)` modulo the
/// polynomial. Each batch needs it, so where 4 KiB don't matter there is a table for it: bit by bit
/// it would be most of a header's cost. No batch has 4 GiB.
#[cfg(feature = "std")]
fn shift_bytes(crc: u32, len: usize) -> u32 {
    let digits = SHIFTS.iter().zip((len as u32).to_le_bytes());
    let used = digits.filter(|(_, digit)| *digit > 0);
    used.fold(crc, |crc, (shifts, digit)| multiply(crc, shifts[usize::from(digit)]))
}

#[cfg(not(feature = "std"))]
fn shift_bytes(crc: u32, len: usize) -> u32 {
    times_x_to_the(crc, len as u64 * 8)
}

/// `a * x^exponent` modulo the polynomial, bits reversed (bit 31 is the coefficient of x^0).
#[cfg(any(not(feature = "std"), test))]
fn times_x_to_the(mut a: u32, mut exponent: u64) -> u32 {
    while exponent > 0 {
        a = multiply(a, POWERS[exponent.trailing_zeros() as usize]);
        exponent &= exponent - 1;
    }
    a
}

/// `x^(2^n)` modulo the polynomial for each bit `n` of an exponent, bits reversed.
static POWERS: [u32; 64] = {
    let mut powers = [1 << 30; 64];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = multiply(powers[n - 1], powers[n - 1]);
        n += 1;
    }
    powers
};

/// `x^(8 * d * 256^n)` modulo the polynomial for each digit `d` that a number of bytes has at place
/// `n` in base 256.
#[cfg(feature = "std")]
static SHIFTS: [[u32; 256]; 4] = {
    let mut shifts = [[1 << 31; 256]; 4];
    let mut i = 0;
    while i < 4 * 256 {
        let (n, digit) = (i / 256, i % 256);
        if digit > 0 {
            shifts[n][digit] = multiply(shifts[n][digit - 1], POWERS[8 * n + 3]);
        }
        i += 1;
    }
    shifts
};

/// `a * b` modulo the polynomial, bits reversed.
const fn multiply(mut a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    while a != 0 {
        product ^= b & (a >> 31).wrapping_neg();
        b = b >> 1 ^ POLYNOMIAL & (b & 1).wrapping_neg();
        a <<= 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::crc::Tables;
    use crate::records::crc_late::LateTables;
    use alloc::vec::Vec;

    #[test]
    fn known_values() {
        // The check value of the catalogue of CRCs, and RFC 3720 B.4's first two.
        for (bytes, crc) in
            [(&b"123456789"[..], 0xe306_9283), (&[0; 32], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43)]
        {
            assert_eq!(crc32c(bytes), crc);
            assert_eq!(TABLES.append(0, bytes), crc);
        }
    }

    #[test]
    fn all_ways_agree_with_another_implementation_at_every_length_and_split() {
        static SMALL: Tables<1> = Tables::new(POLYNOMIAL);
        static LATE: LateTables<8> = LateTables::new(POLYNOMIAL);
        let bytes: Vec<u8> = (0..70_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
        for len in (0..1300).chain(4080..4120).chain([24_576, 65_536, 70_000]) {
            let whole = ::crc32c::crc32c(&bytes[..len]);
            assert_eq!(TABLES.append(0, &bytes[..len]), whole);
            assert_eq!(SMALL.append(0, &bytes[..len]), whole);
            assert_eq!(LATE.append(0, &bytes[..len]), whole);
            let half = crc32c(&bytes[..len / 2]);
            assert_eq!(crc32c_append(half, &bytes[len / 2..len]), whole);
        }
    }

    #[test]
    fn parts_are_joined_without_being_read_again() {
        let bytes: Vec<u8> = (0..70_001u32).map(|i| (i ^ i >> 6) as u8).collect();
        for at in [0, 1, 40, 4096, 70_000, 70_001] {
            let (first, second) = bytes.split_at(at);
            let joined = crc32c_joined(crc32c(first), crc32c(second), second.len());
            assert_eq!(joined, crc32c(&bytes), "{at}");
        }
        for len in [0xff_ffff, 0x0100_0000, 0x7fff_fffe] {
            let bit_by_bit = times_x_to_the(0x1234_5678, len as u64 * 8);
            assert_eq!(crc32c_joined(0x1234_5678, 0, len), bit_by_bit, "{len}");
        }
    }

    #[test]
    fn a_change_in_the_middle_needs_no_second_pass() {
        let old: Vec<u8> = (0..100_003u32).map(|i| (i ^ i >> 5) as u8).collect();
        for at in [0, 17, 99_990, 99_998] {
            let mut new = old.clone();
            let difference = [0x80, 0, 3, 0xff, 1];
            for (byte, flipped) in new[at..].iter_mut().zip(difference) {
                *byte ^= flipped;
            }
            let change = crc32c_change(&difference, old.len() - at - difference.len());
            assert_eq!(crc32c(&new), crc32c(&old) ^ change);
        }
    }
}
