//! Topic ids: made from a seed, written as Kafka's `Uuid` writes them.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Characters of 16 bytes in base 64 without padding.
const TEXT_CHARACTERS: usize = 22;

/// A sequence of topic ids, the same for the same seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct TopicIds(u64);

impl TopicIds {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.draw(), self.draw())
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

/// Base 64 with the URL alphabet, without padding.
pub(crate) fn to_text(id: Uuid) -> String {
    // 128 bits are 22 digits of 6 bits, the last of which has 4 bits of padding.
    let digit = |index: usize| {
        let shift = 122i32 - 6 * index as i32;
        let bits = if shift >= 0 { id.as_u128() >> shift } else { id.as_u128() << -shift };
        char::from(ALPHABET[(bits & 63) as usize])
    };
    (0..TEXT_CHARACTERS).map(digit).collect()
}

/// Reads what [`to_text`] wrote.
pub(crate) fn from_text(text: &str) -> Option<Uuid> {
    if text.len() != TEXT_CHARACTERS {
        return None;
    }
    let mut id = 0u128;
    for (index, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|&letter| letter == byte)? as u128;
        let shift = 122i32 - 6 * index as i32;
        id |= if shift >= 0 { digit << shift } else { digit >> -shift };
    }
    Some(Uuid::from_u128(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_url_safe_base64_without_padding() {
        let id = Uuid::from_u128(0x0001_0203_0405_0607_0809_0a0b_0c0d_0eff);
        assert_eq!(to_text(id), "AAECAwQFBgcICQoLDA0O_w");
        assert_eq!(from_text("AAECAwQFBgcICQoLDA0O_w"), Some(id));
        assert_eq!(from_text("AAECAwQFBgcICQoLDA0O*w"), None);
    }

    #[test]
    fn a_seed_makes_the_same_ids_again() {
        let (mut one, mut other) = (TopicIds::new(7), TopicIds::new(7));
        assert_eq!(one.next(), other.next());
        assert_ne!(one.next(), TopicIds::new(7).next());
    }
}
