//! Certificates and keys from PEM.

use std::borrow::Cow;
use std::fs;

use ottla_core::ConfigError;
use ottla_core::config::Pem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the keys of the configuration begin with.
pub(super) const TRUST_STORE: &str = "ssl.truststore";
pub(super) const KEY_STORE: &str = "ssl.keystore";

const CONVERT: &str = "no PEM. Convert JKS and PKCS12 with: keytool -importkeystore -srckeystore \
    STORE -destkeystore store.p12 -deststoretype PKCS12; openssl pkcs12 -in store.p12 -nodes \
    -out store.pem";
const DECRYPT: &str = "the key has a password; remove it with: openssl pkey -in key.pem -out \
    plain.pem";

pub(super) fn invalid(key: &'static str, problem: impl ToString) -> ConfigError {
    ConfigError::Invalid { key: key.into(), problem: problem.to_string().into() }
}

/// The client's certificate and those that follow it.
pub(super) fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    certificates_of(KEY_STORE, pem)
}

/// All certificates; at least one.
pub(crate) fn certificates_of(
    key: &'static str,
    pem: &Pem,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let bytes = read(key, pem)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(invalid(key, format!("{}: no certificate in it", name(pem)))),
        Err(error) => Err(invalid(key, format!("{}: {error}", name(pem)))),
    }
}

/// The private key.
pub(super) fn key(pem: &Pem) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let bytes = read(KEY_STORE, pem)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
        let encrypted = String::from_utf8_lossy(&bytes).contains("ENCRYPTED");
        let problem = if encrypted { DECRYPT } else { "no private key in it" };
        invalid(KEY_STORE, format!("{}: {problem}", name(pem)))
    })
}

fn read<'a>(key: &'static str, pem: &'a Pem) -> Result<Cow<'a, [u8]>, ConfigError> {
    let bytes = match pem {
        Pem::Inline(text) => Cow::from(text.reveal().as_bytes()),
        Pem::File(path) => {
            let bytes = fs::read(path)
                .map_err(|error| invalid(key, format!("cannot read {path}: {error}")))?;
            Cow::from(bytes)
        }
    };
    if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(invalid(key, format!("{}: {CONVERT}", name(pem))));
    }
    Ok(bytes)
}

fn name(pem: &Pem) -> &str {
    match pem {
        Pem::File(path) => path,
        Pem::Inline(_) => "the text",
    }
}
