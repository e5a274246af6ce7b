//! What went wrong with TLS, in words that say what to do.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// A TLS error inside of an [`io::Error`].
#[derive(Debug)]
pub(crate) struct TlsFailure {
    error: Error,
    during_handshake: bool,
}

/// Wraps an error of the handshake.
pub(super) fn wrap(error: Error) -> io::Error {
    wrap_at(error, true)
}

pub(super) fn wrap_at(error: Error, during_handshake: bool) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, TlsFailure { error, during_handshake })
}

/// Whether one side does not accept who the other is.
pub(crate) fn is_distrust(error: &io::Error) -> bool {
    let failure = error.get_ref().and_then(|error| error.downcast_ref::<TlsFailure>());
    failure.is_some_and(|failure| failure.during_handshake || failure.refuses_client())
}

impl TlsFailure {
    /// In TLS 1.3 a broker looks at the client's certificate when the client is done already.
    fn refuses_client(&self) -> bool {
        use AlertDescription as Alert;
        matches!(
            self.error,
            Error::AlertReceived(
                Alert::AccessDenied
                    | Alert::BadCertificate
                    | Alert::CertificateExpired
                    | Alert::CertificateRequired
                    | Alert::CertificateRevoked
                    | Alert::CertificateUnknown
                    | Alert::DecryptError
                    | Alert::HandshakeFailure
                    | Alert::UnknownCA
                    | Alert::UnsupportedCertificate
            )
        )
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            // A wrong signature is that of another authority with the same name.
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => f.write_str(
                "the broker's certificate is not signed by an authority that is trusted here: \
                 set ssl.truststore.location (ssl.ca.location) to the one that signed it",
            ),
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => write!(f, "the broker's certificate has expired ({})", self.error),
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => write!(f, "the broker's certificate is for another host name ({})", self.error),
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                f.write_str("the broker does not speak TLS at this address")
            }
            Error::AlertReceived(alert) if self.refuses_client() => write!(
                f,
                "the broker refuses this client's certificate, or wants one: see \
                 ssl.keystore.location (TLS alert {alert:?})"
            ),
            error => write!(f, "TLS failed: {error}"),
        }
    }
}

impl std::error::Error for TlsFailure {}
