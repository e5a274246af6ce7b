//! Why a broker cannot be reached, or a connection broke.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use embedded_io::ErrorKind;
use ottla_core::config::BrokerAddress;
use ottla_core::transport::NodeId;

/// What went wrong with a TCP connection. `kind()` is for programs, the text is for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TcpError {
    /// The node has no address: nothing in the metadata says where it listens.
    NoAddress(NodeId),
    /// The broker's name has no address in the DNS, or the DNS could not be asked.
    Unresolved {
        /// The name.
        host: String,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// None of the broker's addresses accepted the connection.
    Unreachable {
        /// The broker.
        broker: BrokerAddress,
        /// What each address answered, in the order they were tried.
        failures: Vec<AddressFailure>,
    },
    /// The broker's certificate, or the client's, is not accepted.
    Distrusted {
        /// The broker.
        broker: BrokerAddress,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// The connection was up and broke.
    Broken(AddressFailure),
}

/// What happened at one address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AddressFailure {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub error: Arc<io::Error>,
}

impl AddressFailure {
    pub(crate) fn new(address: SocketAddr, error: io::Error) -> Self {
        Self { address, error: Arc::new(error) }
    }
}

impl fmt::Display for AddressFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, Reason(&self.error))
    }
}

impl fmt::Display for TcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress(node) => write!(f, "node {node} has no address to connect to"),
            Self::Unresolved { host, error } => {
                write!(f, "cannot resolve {host}: {}", Reason(error))
            }
            Self::Unreachable { broker, failures } => fmt_unreachable(f, broker, failures),
            Self::Distrusted { broker, error } => write!(f, "{broker}: {error}"),
            Self::Broken(failure) => failure.fmt(f),
        }
    }
}

/// `127.0.0.1:9092: connection refused` for an address, `name:9092: ` and each of its addresses for
/// a name.
fn fmt_unreachable(
    f: &mut fmt::Formatter<'_>,
    broker: &BrokerAddress,
    failures: &[AddressFailure],
) -> fmt::Result {
    if !failures.iter().all(|failure| failure.address.ip().to_string() == broker.host) {
        write!(f, "{broker}: ")?;
    }
    for (index, failure) in failures.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{failure}")?;
    }
    Ok(())
}

impl std::error::Error for TcpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().map(|error| error as _)
    }
}

impl embedded_io::Error for TcpError {
    fn kind(&self) -> ErrorKind {
        match (self, self.cause()) {
            (Self::Unresolved { .. }, _) => ErrorKind::NotFound,
            (_, Some(error)) => error.kind().into(),
            (_, None) => ErrorKind::NotConnected,
        }
    }
}

impl TcpError {
    /// What the operating system said last.
    fn cause(&self) -> Option<&io::Error> {
        match self {
            Self::NoAddress(_) => None,
            Self::Unresolved { error, .. } | Self::Distrusted { error, .. } => Some(error),
            Self::Unreachable { failures, .. } => failures.last().map(|last| &*last.error),
            Self::Broken(failure) => Some(&failure.error),
        }
    }
}

/// An I/O error in a few words: without the operating system's number, without the resolver's
/// preface.
struct Reason<'a>(&'a io::Error);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0;
        match error.kind() {
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::TimedOut => error.kind().fmt(f),
            _ => {
                let text = error.to_string();
                let preface = "failed to lookup address information: ";
                f.write_str(text.strip_prefix(preface).unwrap_or(&text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use embedded_io::Error as _;

    use super::*;

    fn refused(address: &str) -> AddressFailure {
        AddressFailure::new(address.parse().unwrap(), io::ErrorKind::ConnectionRefused.into())
    }

    #[test]
    fn texts_name_the_address_once() {
        let literal = TcpError::Unreachable {
            broker: BrokerAddress::new("127.0.0.1", 1),
            failures: vec![refused("127.0.0.1:1")],
        };
        assert_eq!(literal.to_string(), "127.0.0.1:1: connection refused");
        assert_eq!(literal.kind(), ErrorKind::ConnectionRefused);
        let named = TcpError::Unreachable {
            broker: BrokerAddress::new("kafka", 1),
            failures: vec![refused("[::1]:1"), refused("127.0.0.1:1")],
        };
        assert_eq!(
            named.to_string(),
            "kafka:1: [::1]:1: connection refused, 127.0.0.1:1: connection refused"
        );
    }

    #[test]
    fn an_unresolvable_name_is_said_plainly() {
        let text = "failed to lookup address information: Name or service not known";
        let error = TcpError::Unresolved {
            host: "nowhere".into(),
            error: Arc::new(io::Error::other(text)),
        };
        assert_eq!(error.to_string(), "cannot resolve nowhere: Name or service not known");
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
