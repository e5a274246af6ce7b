//! The byte pipe to one broker.

use std::io;
use std::task::{Context, Poll, ready};

use ottla_core::transport::Connection;

use crate::dial::Dial;
use crate::error::{AddressFailure, TcpError};
use crate::socket::Socket;

/// A TCP connection to a broker, from the lookup of its name to the end of the stream.
///
/// Dropping it closes the socket, also while it is still being set up.
#[derive(Debug)]
pub struct TcpConnection(State);

#[derive(Debug)]
enum State {
    Dialing(Box<Dial>),
    Open(Socket),
    Failed(TcpError),
}

impl TcpConnection {
    pub(crate) fn new(dial: Dial) -> Self {
        Self(State::Dialing(Box::new(dial)))
    }

    /// Brings the connection up, then runs `operation` on its socket.
    fn poll_with(
        &mut self,
        cx: &mut Context<'_>,
        operation: impl FnOnce(&Socket) -> Poll<io::Result<usize>>,
    ) -> Poll<Result<usize, TcpError>> {
        if let State::Dialing(dial) = &mut self.0 {
            self.0 = match ready!(dial.poll(cx)) {
                Ok(socket) => State::Open(socket),
                Err(error) => State::Failed(error),
            };
        }
        let (address, error) = match &self.0 {
            State::Dialing(_) => return Poll::Pending,
            State::Failed(error) => return Poll::Ready(Err(error.clone())),
            State::Open(socket) => match ready!(operation(socket)) {
                Ok(moved) => return Poll::Ready(Ok(moved)),
                Err(error) => (socket.address(), error),
            },
        };
        let error = TcpError::Broken(AddressFailure::new(address, error));
        self.0 = State::Failed(error.clone());
        Poll::Ready(Err(error))
    }
}

impl Connection for TcpConnection {
    type Error = TcpError;

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, TcpError>> {
        self.poll_with(cx, |socket| socket.poll_read(buffer))
    }

    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, TcpError>> {
        self.poll_with(cx, |socket| socket.poll_write_vectored(slices))
    }
}
