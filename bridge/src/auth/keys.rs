//! The keys that tokens are checked with: a JSON Web Key Set (RFC 7517).

use std::fmt;
use std::path::Path;

use base64ct::{Base64UrlUnpadded, Encoding};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use ring::{digest, hmac};
use serde::Deserialize;

use crate::config::ConfigError;

/// The shortest secret and the shortest RSA modulus, in bytes.
const MIN_SECRET: usize = 32;
const MIN_MODULUS: usize = 256;

/// A signature's kind (RFC 7518). A key has exactly one, whatever a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
}

impl Algorithm {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// What a key is known by: a hash of its name and of all that it is made of, for not all have
/// names.
pub(crate) type KeyPrint = [u8; 32];

/// All keys.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    print: KeyPrint,
    material: Material,
}

enum Material {
    Secret(hmac::Key),
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point of P-256.
    Ec(Vec<u8>),
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm().name())
    }
}

impl Material {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Secret(_) => Algorithm::Hs256,
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::Ec(_) => Algorithm::Es256,
        }
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a file.
    pub(super) fn load(path: &Path) -> Result<Self, ConfigError> {
        let bad = |why: String| ConfigError::new(format!("auth.jwks {}: {why}", path.display()));
        let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        Self::parse(&text).map_err(bad)
    }

    /// Reads a key set; keys for anything but signatures of a known kind are left out. The errors
    /// quote nothing of it.
    pub(super) fn parse(json: &[u8]) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_slice(json)
            .map_err(|error| format!("no JSON Web Key Set (line {})", error.line()))?;
        let mut keys = Vec::new();
        for (place, jwk) in set.keys.into_iter().enumerate() {
            if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
                continue;
            }
            let print = jwk.print();
            let material = jwk.material().map_err(|why| format!("key {place}: {why}"))?;
            let Some(material) = material else { continue };
            if jwk.alg.as_deref().is_some_and(|alg| alg != material.algorithm().name()) {
                continue;
            }
            keys.push(Key { id: jwk.kid, print, material });
        }
        if keys.is_empty() {
            return Err("it has no key for HS256, RS256 or ES256".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether the key is still there.
    pub(super) fn has(&self, print: &KeyPrint) -> bool {
        self.0.iter().any(|key| key.print == *print)
    }

    /// The key that `signature` of `message` was made with, if that is the key of that name, or the
    /// only key there is.
    pub(super) fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<KeyPrint> {
        let key = match (id, self.0.as_slice()) {
            (Some(id), keys) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        let key = key.filter(|key| key.material.algorithm() == algorithm)?;
        let verified = match &key.material {
            Material::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::Ec(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }
        };
        verified.then_some(key.print)
    }
}

impl Jwk {
    fn print(&self) -> KeyPrint {
        let parts = [&self.kid, &self.k, &self.n, &self.e, &self.x, &self.y];
        let text = parts.map(|part| part.as_deref().unwrap_or_default()).join("\0");
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        hash.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// What the key is made of; `None` for kinds that are not known.
    fn material(&self) -> Result<Option<Material>, &'static str> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) => {
                let secret = decode(self.k.as_deref())?;
                if secret.len() < MIN_SECRET {
                    return Err("a secret of less than 32 bytes");
                }
                Ok(Some(Material::Secret(hmac::Key::new(hmac::HMAC_SHA256, &secret))))
            }
            ("RSA", _) => {
                let (n, e) = (decode(self.n.as_deref())?, decode(self.e.as_deref())?);
                if n.len() < MIN_MODULUS {
                    return Err("an RSA key of less than 2048 bits");
                }
                Ok(Some(Material::Rsa { n, e }))
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(self.x.as_deref())?, decode(self.y.as_deref())?);
                if x.len() != 32 || y.len() != 32 {
                    return Err("a point that is none of P-256");
                }
                Ok(Some(Material::Ec([&[4][..], &x, &y].concat())))
            }
            _ => Ok(None),
        }
    }
}

fn decode(text: Option<&str>) -> Result<Vec<u8>, &'static str> {
    let text = text.ok_or("a part is missing")?;
    Base64UrlUnpadded::decode_vec(text.trim_end_matches('=')).map_err(|_| "a part is not base64url")
}
