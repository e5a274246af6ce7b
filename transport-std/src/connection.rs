//! The byte pipe to one broker.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ottla_core::config::BrokerAddress;
use ottla_core::transport::Connection;

use crate::dial::Dial;
use crate::error::{AddressFailure, TcpError};
use crate::socket::Socket;
use crate::stream::Stream;
use crate::transport::Security;

/// A TCP connection to a broker, with TLS where that is asked for, from the lookup of the broker's
/// name to the end of the stream.
///
/// Dropping it closes the socket, also while it is still being set up.
#[derive(Debug)]
pub struct TcpConnection {
    broker: BrokerAddress,
    security: Security,
    state: State,
}

#[derive(Debug)]
enum State {
    Dialing(Box<Dial>),
    Open(Stream),
    Failed(TcpError),
}

impl TcpConnection {
    pub(crate) fn new(broker: BrokerAddress, dial: Dial, security: Security) -> Self {
        Self { broker, security, state: State::Dialing(Box::new(dial)) }
    }

    /// Brings the connection up, then runs `operation` on it.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(&mut Stream, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<usize, TcpError>> {
        if let State::Dialing(dial) = &mut self.state {
            let connected = ready!(dial.poll(cx));
            self.state = match connected.and_then(|socket| self.secure(socket)) {
                Ok(stream) => State::Open(stream),
                Err(error) => State::Failed(error),
            };
        }
        let (address, error) = match &mut self.state {
            State::Dialing(_) => return Poll::Pending,
            State::Failed(error) => return Poll::Ready(Err(error.clone())),
            State::Open(stream) => match ready!(operation(stream, cx)) {
                Ok(moved) => return Poll::Ready(Ok(moved)),
                Err(error) => (stream.address(), error),
            },
        };
        let error = self.broken(address, error);
        self.state = State::Failed(error.clone());
        Poll::Ready(Err(error))
    }

    fn secure(&self, socket: Socket) -> Result<Stream, TcpError> {
        let address = socket.address();
        let stream = self.security.secure(socket, &self.broker);
        stream.map_err(|error| self.broken(address, error))
    }

    fn broken(&self, address: SocketAddr, error: io::Error) -> TcpError {
        if Security::is_distrust(&error) {
            TcpError::Distrusted { broker: self.broker.clone(), error: Arc::new(error) }
        } else {
            TcpError::Broken(AddressFailure::new(address, error))
        }
    }
}

impl Connection for TcpConnection {
    type Error = TcpError;

    fn is_distrust(error: &TcpError) -> bool {
        matches!(error, TcpError::Distrusted { .. })
    }

    fn is_readable(&self) -> bool {
        match &self.state {
            State::Dialing(_) | State::Failed(_) => true,
            State::Open(stream) => stream.is_readable(),
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, TcpError>> {
        self.poll_with(cx, |stream, cx| stream.poll_read(cx, buffer))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, TcpError>> {
        self.poll_with(cx, |stream, _| stream.poll_write_vectored(slices))
    }
}
