//! Why a connection could not be opened, or broke.

use core::fmt;

use embedded_io::ErrorKind;

/// `E` is the socket's own error, `R` the resolver's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConnectionError<E, R> {
    /// The network stack refused, or the connection broke.
    Socket(E),
    /// The broker's name has no address.
    Resolve(R),
    /// The broker's address is of a family (IPv4, IPv6) that the network stack was not built for.
    AddressFamily,
    /// The node has no address, so it can't be reached over TCP.
    NoAddress,
}

impl<E: embedded_io::Error, R: fmt::Debug> embedded_io::Error for ConnectionError<E, R> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Socket(error) => error.kind(),
            Self::Resolve(_) | Self::NoAddress => ErrorKind::AddrNotAvailable,
            Self::AddressFamily => ErrorKind::Unsupported,
        }
    }
}

impl<E: fmt::Display, R: fmt::Debug> fmt::Display for ConnectionError<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Resolve(error) => write!(f, "no address is known for the name ({error:?})"),
            Self::AddressFamily => {
                f.write_str("the network stack was built without this kind of IP address")
            }
            Self::NoAddress => f.write_str("the node has no address"),
        }
    }
}

impl<E: fmt::Display + fmt::Debug, R: fmt::Debug> core::error::Error for ConnectionError<E, R> {}
