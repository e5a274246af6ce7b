//! Opens TCP connections to brokers.

use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::transport::{NodeId, Transport};

use crate::connection::TcpConnection;
use crate::dial::{Dial, Dialer, SilentAddresses};
use crate::error::TcpError;
use crate::reactor::Reactor;
use crate::resolver::Resolver;

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
pub struct TcpTransport(Dialer);

impl TcpTransport {
    /// A transport whose connections' readiness `reactor` reports.
    #[must_use]
    pub fn new(reactor: &Reactor, options: TcpOptions) -> Self {
        Self(Dialer {
            sockets: reactor.sockets(),
            options,
            resolver: Resolver::default(),
            silent: SilentAddresses::default(),
        })
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
        Ok(TcpConnection::new(Dial::new(&self.0, broker)?))
    }
}
