//! The hash that decides a key's partition in Java's producer, bit for bit.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// 32-bit MurmurHash2 as `org.apache.kafka.common.utils.Utils.murmur2` computes it (Java's `int`,
/// signed).
#[must_use]
pub fn murmur2(bytes: &[u8]) -> i32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of `key` among all `partition_count` partitions, leaderless ones too
/// (`BuiltInPartitioner.partitionForKey`). An empty key is a key. 0 if there are no partitions.
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: u32) -> i32 {
    let positive = murmur2(key) as u32 & 0x7fff_ffff;
    positive.checked_rem(partition_count).unwrap_or(0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first six rows are those of Kafka's own `UtilsTest`; the others were printed by
    /// `Utils.murmur2` of kafka-clients 4.3.1.
    const JAVA: [(&[u8], i32); 16] = [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
        (b"", 275646681),
        (&[0], 375494588),
        (&[0xff], -311467685),
        (&[0xff, 0xfe], 1717632651),
        (&[1, 2, 3], 2139322793),
        (&[0x80, 0x81, 0x82, 0x83, 0x84], -1665622439),
        (b"key-0", 29210041),
        (b"key-123456", 1803999010),
        ("schlüssel".as_bytes(), 331429656),
        (&[0; 100], 518425432),
    ];

    /// B3.2
    #[test]
    fn java_vectors() {
        for (key, hash) in JAVA {
            assert_eq!(murmur2(key), hash, "{key:?}");
        }
    }

    /// The partitions of a thousand keys, folded into one number as Java folds them in a `long`.
    #[test]
    fn a_thousand_keys_land_where_java_puts_them() {
        let digest = (0..1000).fold(0i64, |digest, index| {
            let partition = partition_for_key(alloc::format!("key-{index}").as_bytes(), 7);
            digest.wrapping_mul(31).wrapping_add(partition.into())
        });
        assert_eq!(digest, -8412324342757302154);
    }

    #[test]
    fn the_sign_bit_is_cleared_before_the_remainder() {
        assert_eq!(partition_for_key(b"", 12), 9);
        assert_eq!(partition_for_key(&[0xff], 12), 3);
        assert_eq!(partition_for_key(b"21", 1), 0);
        assert_eq!(partition_for_key(b"21", 0), 0);
    }
}
