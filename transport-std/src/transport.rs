//! Opens TCP connections to brokers.

use std::io;

use ottla_core::ConfigError;
use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::transport::{NodeId, Transport};

use crate::connection::TcpConnection;
use crate::dial::{Dial, Dialer, SilentAddresses};
use crate::error::TcpError;
use crate::reactor::Reactor;
use crate::resolver::Resolver;
use crate::socket::Socket;
use crate::stream::Stream;
#[cfg(feature = "tls")]
use crate::tls::{self, Tls, TlsStream};

/// The socket options that the configuration decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// SO_SNDBUF in bytes (`send.buffer.bytes`); `None` leaves it to the operating system.
    pub send_buffer_bytes: Option<usize>,
    /// SO_RCVBUF in bytes (`receive.buffer.bytes`); `None` leaves it to the operating system.
    pub receive_buffer_bytes: Option<usize>,
}

impl From<&ProducerConfig> for TcpOptions {
    fn from(config: &ProducerConfig) -> Self {
        Self {
            send_buffer_bytes: config.send_buffer_bytes,
            receive_buffer_bytes: config.receive_buffer_bytes,
        }
    }
}

/// TCP without delay (Nagle's algorithm is off) and with keepalive, as Java's clients.
///
/// A broker's name is looked up on every connect, on a helper thread, and all its addresses are
/// tried in turn (`client.dns.lookup=use_all_dns_ips`). An address that refuses is left at once.
/// One that is silent holds the connection until the driver gives up and drops it; the next
/// connection to the same broker then begins with the address behind it.
///
/// `client.dns.lookup=resolve_canonical_bootstrap_servers_only` makes no difference: it matters to
/// Kerberos only.
#[derive(Clone, Debug)]
pub struct TcpTransport {
    dialer: Dialer,
    security: Security,
}

/// What is put on top of TCP.
#[derive(Clone, Debug, Default)]
pub(crate) struct Security {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Security {
    fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Begins the TLS handshake where there is to be one.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "TLS verifies the name"))]
    pub(crate) fn secure(&self, socket: Socket, broker: &BrokerAddress) -> io::Result<Stream> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Stream::Tls(Box::new(TlsStream::new(socket, tls, broker)?)));
        }
        Ok(Stream::Plain(socket))
    }

    /// Whether one side does not accept who the other is.
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "only TLS looks"))]
    pub(crate) fn is_distrust(error: &io::Error) -> bool {
        #[cfg(feature = "tls")]
        return tls::is_distrust(error);
        #[cfg(not(feature = "tls"))]
        false
    }
}

impl TcpTransport {
    /// A transport whose connections' readiness `reactor` reports.
    #[must_use]
    pub fn new(reactor: &Reactor, options: TcpOptions) -> Self {
        let dialer = Dialer {
            sockets: reactor.sockets(),
            options,
            resolver: Resolver::default(),
            silent: SilentAddresses::default(),
        };
        Self { dialer, security: Security::default() }
    }

    /// The transport that the configuration asks for: socket options and TLS.
    ///
    /// # Errors
    /// What the configuration says of TLS can't be used, as a file that is not there; or TLS is
    /// asked for and the Cargo feature `tls` is not there.
    pub fn configured(reactor: &Reactor, config: &ProducerConfig) -> Result<Self, ConfigError> {
        let transport = Self::new(reactor, TcpOptions::from(config));
        if !config.security.protocol.uses_tls() {
            return Ok(transport);
        }
        #[cfg(feature = "tls")]
        return Ok(transport.with_tls(Tls::new(&config.security.tls)?));
        #[cfg(not(feature = "tls"))]
        Err(ConfigError::Invalid {
            key: "security.protocol".into(),
            problem: "TLS is not compiled in; build with the Cargo feature `tls`".into(),
        })
    }

    /// Encrypts every connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.security.tls = Some(tls);
        self
    }
}

impl Transport for TcpTransport {
    type Connection = TcpConnection;

    fn connect(
        &mut self,
        node: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<TcpConnection, TcpError> {
        let broker = address.ok_or(TcpError::NoAddress(node))?;
        let dial = Dial::new(&self.dialer, broker)?;
        Ok(TcpConnection::new(broker.clone(), dial, self.security.clone()))
    }

    fn is_encrypted(&self) -> bool {
        self.security.is_encrypted()
    }
}
