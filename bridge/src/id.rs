//! Names that are drawn at random.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};

/// A session's name in logs and in WELCOME.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(pub(crate) [u8; 16]);

impl SessionId {
    pub(crate) fn random() -> Self {
        Self(random())
    }

    /// A number by which sessions are spread over connections.
    pub(crate) fn number(self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes that nobody can guess.
///
/// # Panics
/// Where the system has no randomness: nothing that depends on secrets may run there.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let drawn = SystemRandom::new().fill(&mut bytes);
    assert!(drawn.is_ok(), "the system has no randomness");
    bytes
}

/// A number below `bound`, for spreading things in time.
pub(crate) fn random_below(bound: u64) -> u64 {
    u64::from_be_bytes(random()) % bound.max(1)
}
