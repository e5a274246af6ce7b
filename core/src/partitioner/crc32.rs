//! The hash of librdkafka's `consistent` partitioners: zlib's CRC-32.

/// Reflected polynomial of CRC-32/ISO-HDLC (zlib, gzip, PNG).
const POLYNOMIAL: u32 = 0xEDB8_8320;

/// Remainders of the 16 nibbles: 64 bytes, for a microcontroller's sake; keys are short.
const NIBBLES: [u32; 16] = nibble_table();

const fn nibble_table() -> [u32; 16] {
    let mut table = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        let mut remainder = nibble as u32;
        let mut bit = 0;
        while bit < 4 {
            remainder = (remainder >> 1) ^ (POLYNOMIAL * (remainder & 1));
            bit += 1;
        }
        table[nibble] = remainder;
        nibble += 1;
    }
    table
}

/// CRC-32 of `bytes`, equal to zlib's `crc32(0, bytes)`.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    let nibble = |crc: u32| (crc >> 4) ^ NIBBLES[(crc & 15) as usize];
    !bytes.iter().fold(!0, |crc, byte| nibble(nibble(crc ^ u32::from(*byte))))
}

/// The partition that librdkafka's `consistent` gives `key`; 0 if there are no partitions.
#[must_use]
pub(super) fn partition_for_key(key: &[u8], partition_count: u32) -> i32 {
    crc32(key).checked_rem(partition_count).unwrap_or(0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Python's `zlib.crc32`; the second row is the standard check value.
    #[test]
    fn zlib_vectors() {
        let vectors: [(&[u8], u32); 5] = [
            (b"", 0),
            (b"123456789", 0xCBF4_3926),
            (b"a", 0xE8B7_BE43),
            (b"kafka", 0x5BBC_7517),
            (&[0xff; 32], 0xFF6C_AB0B),
        ];
        for (key, crc) in vectors {
            assert_eq!(crc32(key), crc, "{key:?}");
        }
    }

    #[test]
    fn the_partition_is_the_unsigned_remainder() {
        assert_eq!(partition_for_key(b"123456789", 100), (0xCBF4_3926_u32 % 100) as i32);
        assert_eq!(partition_for_key(b"", 12), 0);
        assert_eq!(partition_for_key(b"a", 0), 0);
    }
}
