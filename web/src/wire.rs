//! The two ways to Kafka as one transport, so that there is one producer in the module and not two:
//! sockets to brokers, and streams to a bridge.

use alloc::string::ToString;
use core::task::{Context, Poll};

use ottla_core::BrokerAddress;
use ottla_core::time::Instant;
use ottla_core::transport::{Connection, NodeId, Session, Transport};
use ottla_transport_ws::{WsConnection, WsError, WsTransport};

use crate::channel::ChannelSocket;
use crate::engine::Driven;
use crate::sockets::{SocketConnection, SocketError, SocketTransport};

#[derive(Debug)]
pub(crate) enum Wire {
    Sockets(SocketTransport),
    Bridge(WsTransport<ChannelSocket>),
}

#[derive(Debug)]
pub(crate) enum WireConnection {
    Socket(SocketConnection),
    Stream(WsConnection<ChannelSocket>),
}

impl From<WsTransport<ChannelSocket>> for Wire {
    fn from(bridge: WsTransport<ChannelSocket>) -> Self {
        Self::Bridge(bridge)
    }
}

impl Transport for Wire {
    type Connection = WireConnection;

    fn connect(
        &mut self,
        node: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<WireConnection, SocketError> {
        match self {
            Self::Sockets(sockets) => sockets.connect(node, address).map(WireConnection::Socket),
            Self::Bridge(bridge) => {
                bridge.connect(node, address).map(WireConnection::Stream).map_err(told_by_bridge)
            }
        }
    }

    fn is_encrypted(&self) -> bool {
        matches!(self, Self::Sockets(sockets) if sockets.is_encrypted())
    }

    fn session(&self) -> Session {
        match self {
            Self::Sockets(sockets) => sockets.session(),
            Self::Bridge(bridge) => bridge.session(),
        }
    }
}

impl Driven for Wire {
    fn advance(&mut self, now: Instant) {
        if let Self::Bridge(bridge) = self {
            bridge.advance(now);
        }
    }

    fn next_wake(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::Sockets(_) => None,
            Self::Bridge(bridge) => bridge.next_wake(now),
        }
    }

    fn take_lost_lease(&mut self) -> Option<i64> {
        match self {
            Self::Sockets(_) => None,
            Self::Bridge(bridge) => bridge.take_lost_lease(),
        }
    }
}

impl Connection for WireConnection {
    type Error = SocketError;

    fn is_distrust(error: &SocketError) -> bool {
        SocketConnection::is_distrust(error)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, SocketError>> {
        match self {
            Self::Socket(socket) => socket.poll_read(cx, buffer),
            Self::Stream(stream) => stream.poll_read(cx, buffer).map_err(told_by_bridge),
        }
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, SocketError>> {
        match self {
            Self::Socket(socket) => socket.poll_write_vectored(cx, slices),
            Self::Stream(stream) => stream.poll_write_vectored(cx, slices).map_err(told_by_bridge),
        }
    }
}

/// The core only needs the words, and whether trying again may help.
fn told_by_bridge(error: WsError) -> SocketError {
    SocketError::new(error.to_string(), error.is_final())
}
