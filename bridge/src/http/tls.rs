//! TLS of the listener: 1.2 and 1.3, with the operator's certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::{ConfigError, Listen};

/// What accepts TLS; `None`: the listener speaks plain text.
pub(crate) fn acceptor(listen: &Listen) -> Result<Option<TlsAcceptor>, ConfigError> {
    let (Some(certificate), Some(key)) = (&listen.certificate, &listen.key) else {
        return Ok(None);
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad("listen.certificate", certificate, &error))?;
    let key_der =
        PrivateKeyDer::from_pem_file(key).map_err(|error| bad("listen.key", key, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad("listen.certificate", certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|error| bad("listen.certificate", certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn bad(key: &str, file: &Path, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError::new(format!("{key} {}: {error}", file.display()))
}
