//! Connections over sockets that a super-loop polls.

use core::convert::Infallible;
use core::fmt;
use core::task::{Context, Poll};

use embedded_io::{Read, ReadReady, Write, WriteReady};
use ottla_core::config::BrokerAddress;
use ottla_core::transport::{Connection, NodeId, Transport};

use crate::error::ConnectionError;

/// Opens connections with a function that makes sockets: of a modem, a W5500, a bare smoltcp.
///
/// The function may begin to connect and return at once, if the socket is not ready until it is
/// connected; or block until it is, if the loop can bear that.
///
/// Nothing wakes the driver: poll it in every turn of the loop.
pub struct PolledTransport<F> {
    open: F,
}

impl<F, S> PolledTransport<F>
where
    F: FnMut(&BrokerAddress) -> Result<S, S::Error>,
    S: Read + ReadReady + Write + WriteReady,
{
    /// Connections over what `open` makes.
    pub fn new(open: F) -> Self {
        Self { open }
    }
}

impl<F> fmt::Debug for PolledTransport<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolledTransport").finish_non_exhaustive()
    }
}

impl<F, S> Transport for PolledTransport<F>
where
    F: FnMut(&BrokerAddress) -> Result<S, S::Error>,
    S: Read + ReadReady + Write + WriteReady,
{
    type Connection = PolledConnection<S>;

    fn connect(
        &mut self,
        _: NodeId,
        address: Option<&BrokerAddress>,
    ) -> Result<PolledConnection<S>, ConnectionError<S::Error, Infallible>> {
        let address = address.ok_or(ConnectionError::NoAddress)?;
        let socket = (self.open)(address).map_err(ConnectionError::Socket)?;
        Ok(PolledConnection { socket })
    }
}

/// The pipe to one broker.
#[derive(Debug)]
pub struct PolledConnection<S> {
    socket: S,
}

impl<S: Read + ReadReady + Write + WriteReady> PolledConnection<S> {
    fn write(&mut self, slices: &[&[u8]]) -> Result<usize, S::Error> {
        let mut written = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            if !self.socket.write_ready()? {
                break;
            }
            let count = self.socket.write(slice)?;
            written += count;
            if count < slice.len() {
                break;
            }
        }
        Ok(written)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, S::Error> {
        Ok(if self.socket.read_ready()? { Some(self.socket.read(buffer)?) } else { None })
    }
}

impl<S: Read + ReadReady + Write + WriteReady> Connection for PolledConnection<S> {
    type Error = ConnectionError<S::Error, Infallible>;

    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Self::Error>> {
        match self.read(buffer) {
            Ok(None) => Poll::Pending,
            Ok(Some(count)) => Poll::Ready(Ok(count)),
            Err(error) => Poll::Ready(Err(ConnectionError::Socket(error))),
        }
    }

    fn poll_write_vectored(
        &mut self,
        _: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, Self::Error>> {
        match self.write(slices) {
            Ok(0) => Poll::Pending,
            Ok(count) => Poll::Ready(Ok(count)),
            Err(error) => Poll::Ready(Err(ConnectionError::Socket(error))),
        }
    }
}
