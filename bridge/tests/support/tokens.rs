//! Tokens, good and bad, and the keys that they are checked with.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64ct::{Base64UrlUnpadded, Encoding};
use ottla_bridge::Config;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use ring::{hmac, signature};
use serde_json::{Value, json};

/// A page's origin that the tests' bridges allow.
pub(crate) const SHOP: &str = "https://shop.example";
pub(crate) const SECRET: &[u8] = b"a secret of the tests, 32 bytes or more";
const RSA: &[u8] = include_bytes!("rsa_test_key.pkcs8");

/// An issuer of tokens with one key of each kind.
pub(crate) struct Issuer {
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

pub(crate) fn now_s() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

impl Issuer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let ec = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { ec, rsa: RsaKeyPair::from_pkcs8(RSA).unwrap() }
    }

    pub(crate) fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let rsa: ring::rsa::PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        json!({"keys": [
            {"kty": "oct", "kid": "hs", "alg": "HS256", "k": encode(SECRET)},
            {"kty": "EC", "crv": "P-256", "kid": "es", "use": "sig",
             "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "RSA", "kid": "rs", "n": encode(&rsa.n), "e": encode(&rsa.e)},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": encode(&rsa.n), "e": encode(&rsa.e)},
        ]})
    }

    /// Signs with the key of that kind, whatever the header says.
    pub(crate) fn sign(&self, kind: &str, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let random = SystemRandom::new();
        let signature = match kind {
            "HS256" => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes())
                .as_ref()
                .to_vec(),
            "ES256" => self.ec.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            "RS256" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                let padding = &signature::RSA_PKCS1_SHA256;
                self.rsa.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            _ => Vec::new(),
        };
        format!("{message}.{}", encode(signature))
    }

    /// A good token of a kind.
    pub(crate) fn token(&self, kind: &str, claims: &Value) -> String {
        let key = kind[..2].to_lowercase();
        self.sign(kind, &json!({"alg": kind, "typ": "JWT", "kid": key}), claims)
    }

    /// A good token for a subject that may write to `clicks`.
    pub(crate) fn page(&self, subject: &str) -> String {
        self.token("ES256", &claims(subject))
    }
}

/// Good claims.
pub(crate) fn claims(subject: &str) -> Value {
    json!({"sub": subject, "aud": "bridge", "iss": "tests", "iat": now_s(), "exp": now_s() + 600,
           "jti": format!("id of {subject}"), "ottla": {"topics": ["clicks", "web.*"]}})
}

/// A file of a test's own, gone with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ottla-bridge-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Makes a bridge ask for the issuer's tokens.
pub(crate) fn with_tokens(config: &mut Config, issuer: &Issuer, folder: &Folder) {
    config.auth.mode = ottla_bridge::config::AuthMode::Jwt;
    config.auth.jwks = Some(folder.write("jwks.json", issuer.jwks().to_string()));
    config.auth.audience = Some("bridge".to_owned());
    config.auth.issuer = Some("tests".to_owned());
    config.auth.origins = vec![SHOP.to_owned()];
}
