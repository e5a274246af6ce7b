//! Topic ids (KIP-516).

use core::fmt;

/// A 128-bit id as Kafka gives it to topics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// The id that stands for "no id": older brokers, or a topic that does not exist.
    pub const ZERO: Self = Self([0; 16]);

    /// Whether this is [`Uuid::ZERO`].
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

/// 22 characters of unpadded base64url (RFC 4648 §5), as `kafka-topics --describe` prints them.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        // 128 bits and 4 zero bits of padding make 22 groups of 6.
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0; 22];
        for (i, character) in text.iter_mut().enumerate() {
            let group = if i == 21 { bits << 4 } else { bits >> (122 - 6 * i) };
            *character = ALPHABET[(group & 0x3f) as usize];
        }
        f.write_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uuid({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Uuid;
    use alloc::string::ToString;

    #[test]
    fn prints_as_kafka_does() {
        assert_eq!(Uuid::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        // org.apache.kafka.common.Uuid.ONE_UUID
        assert_eq!(Uuid(1u128.to_be_bytes()).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(Uuid([0xff; 16]).to_string(), "_____________________w");
        let counting = core::array::from_fn(|i| i as u8);
        assert_eq!(Uuid(counting).to_string(), "AAECAwQFBgcICQoLDA0ODw");
    }
}
