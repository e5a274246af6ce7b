//! The hashes under logins, as RFC 5802, section 2.2, names them.

use alloc::vec;
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// Which hash.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    /// `H(text)`.
    pub(super) fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha512 => Sha512::digest(text).to_vec(),
        }
    }

    /// `HMAC(key, text)`.
    pub(super) fn hmac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => keyed::<Hmac<Sha256>>(key).map(|mac| finish(mac, text)),
            Self::Sha512 => keyed::<Hmac<Sha512>>(key).map(|mac| finish(mac, text)),
        }
        .unwrap_or_default()
    }

    /// Whether `tag` is `HMAC(key, text)`, in a time that does not depend on how much of it is.
    pub(super) fn verify(self, key: &[u8], text: &[u8], tag: &[u8]) -> bool {
        match self {
            Self::Sha256 => keyed::<Hmac<Sha256>>(key).is_some_and(|mac| check(mac, text, tag)),
            Self::Sha512 => keyed::<Hmac<Sha512>>(key).is_some_and(|mac| check(mac, text, tag)),
        }
    }

    /// `Hi(password, salt, iterations)`.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha256 => {
                let mut salted = vec![0; 32];
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut salted);
                salted
            }
            Self::Sha512 => {
                let mut salted = vec![0; 64];
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut salted);
                salted
            }
        }
    }
}

/// HMAC takes keys of any length, so there always is one.
fn keyed<M: KeyInit>(key: &[u8]) -> Option<M> {
    M::new_from_slice(key).ok()
}

fn finish(mut mac: impl Mac, text: &[u8]) -> Vec<u8> {
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn check(mut mac: impl Mac, text: &[u8], tag: &[u8]) -> bool {
    mac.update(text);
    mac.verify_slice(tag).is_ok()
}
