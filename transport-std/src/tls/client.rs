//! What a client needs for TLS: whom it trusts, and who it is.

use std::fmt;
use std::io;
use std::sync::Arc;

use ottla_core::ConfigError;
use ottla_core::config::{BrokerAddress, Pem, Roots, TlsConfig};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::failure;
use super::pem::{self, TRUST_STORE, invalid};

/// Makes TLS sessions with brokers: TLS 1.2 and 1.3, and every certificate's signature, dates and
/// host name verified.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// A file can't be read or is not the PEM that it should be, certificate and key don't belong
    /// together, or nobody is trusted.
    pub fn new(config: &TlsConfig) -> Result<Self, ConfigError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid("security.protocol", error))?
            .with_root_certificates(trusted(config)?);
        let client = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(pem::certificates(certificate)?, pem::key(key)?)
                .map_err(|error| invalid(pem::KEY_STORE, error))?,
            _ => builder.with_no_client_auth(),
        };
        Ok(Self(Arc::new(client)))
    }

    /// Begins a session with a broker, which has to prove that it is the one of that name.
    pub(super) fn session(&self, broker: &BrokerAddress) -> io::Result<ClientConnection> {
        let name = ServerName::try_from(broker.host.clone()).map_err(io::Error::other)?;
        ClientConnection::new(self.0.clone(), name).map_err(failure::wrap)
    }
}

fn trusted(config: &TlsConfig) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore::empty();
    match (&config.ca, config.roots) {
        (Some(ca), _) => add_named(&mut roots, ca)?,
        (None, Roots::Bundled) => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        (None, Roots::System) => {
            // A system's store may hold what no client understands; the rest counts.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let problem = "the system names nobody to trust; set ssl.roots=bundled, or \
                       ssl.truststore.location";
        return Err(invalid("ssl.roots", problem));
    }
    Ok(roots)
}

fn add_named(roots: &mut RootCertStore, ca: &Pem) -> Result<(), ConfigError> {
    for certificate in pem::certificates_of(TRUST_STORE, ca)? {
        roots.add(certificate).map_err(|error| invalid(TRUST_STORE, error))?;
    }
    Ok(())
}
