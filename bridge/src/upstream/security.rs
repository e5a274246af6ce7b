//! TLS and logins towards the cluster.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ottla_core::config::SaslConfig;
use ottla_core::sasl::{Mechanism, Secret};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::connection::ByteStream;
use super::dial::DialError;
use super::greeting::refused;
use crate::config::{ConfigError, Kafka};

/// What a connection to a broker needs beside an address.
#[derive(Clone)]
pub(super) struct Security {
    tls: Option<TlsConnector>,
    pub(super) sasl: Option<SaslConfig>,
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Security(tls {}, sasl {})", self.tls.is_some(), self.sasl.is_some())
    }
}

impl Security {
    pub(super) fn new(kafka: &Kafka) -> Result<Self, ConfigError> {
        let (tls, sasl) = match kafka.security_protocol.as_str() {
            "PLAINTEXT" => (false, false),
            "SSL" => (true, false),
            "SASL_PLAINTEXT" => (false, true),
            "SASL_SSL" => (true, true),
            other => {
                return Err(ConfigError::new(format!(
                    "kafka.security_protocol: {other:?} is none of PLAINTEXT, SSL, \
                     SASL_PLAINTEXT, SASL_SSL"
                )));
            }
        };
        Ok(Self {
            tls: if tls { Some(connector(kafka.ca.as_deref(), "kafka.ca")?) } else { None },
            sasl: if sasl { Some(login(kafka)?) } else { None },
        })
    }

    /// Speaks TLS over a socket, where that is configured: the broker has to prove its name.
    pub(super) async fn wrap(
        &self,
        stream: TcpStream,
        host: &str,
        patience: Duration,
    ) -> Result<Box<dyn ByteStream>, DialError> {
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(refused)?;
        match timeout(patience, tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(refused(error)),
            Err(_) => Err(refused("no TLS in time")),
        }
    }
}

/// TLS that trusts the certificates of a file, or Mozilla's; `key` is the configuration's word for
/// it.
pub(crate) fn connector(ca: Option<&Path>, key: &str) -> Result<TlsConnector, ConfigError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let bad = |error: &dyn fmt::Display| {
                ConfigError::new(format!("{key} {}: {error}", file.display()))
            };
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| bad(&error))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| bad(&error))?;
                roots.add(certificate).map_err(|error| bad(&error))?;
            }
            if roots.is_empty() {
                return Err(bad(&"no certificate is in it"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ConfigError::new(format!("{key}: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn login(kafka: &Kafka) -> Result<SaslConfig, ConfigError> {
    let known = [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];
    let named = kafka.sasl_mechanism.as_deref();
    let mechanism = known.into_iter().find(|known| named == Some(known.name()));
    let mechanism = mechanism.ok_or_else(|| {
        ConfigError::new("kafka.sasl_mechanism must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    })?;
    let password = match (&kafka.password_file, &kafka.password) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                ConfigError::new(format!("kafka.password_file {}: {error}", file.display()))
            })?;
            Secret::new(Zeroizing::new(text).trim_end())
        }
        (None, Some(password)) => Secret::new(password.reveal()),
        (None, None) => {
            return Err(ConfigError::new("set kafka.password_file or kafka.password"));
        }
    };
    let username = kafka.username.clone();
    if username.as_deref().is_none_or(str::is_empty) {
        return Err(ConfigError::new("kafka.username is not set"));
    }
    let mut sasl = SaslConfig::default();
    sasl.mechanism = Some(mechanism);
    sasl.username = username;
    sasl.password = Some(password);
    Ok(sasl)
}
