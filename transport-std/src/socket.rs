//! One non-blocking TCP socket that makes a system call only when the poller said it is worth one.

use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::task::Poll;

use mio::Token;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Type};

use crate::TcpOptions;
use crate::reactor::{Readiness, Sockets};

/// How many slices one write takes. A request of more is written in several calls.
pub(crate) const SLICES_PER_WRITE: usize = 64;

/// Whether a read or write that moved less than it could have proves that the socket is not ready
/// any more, as with epoll and kqueue. Emulations of them must see the refusal itself.
const SHORT_MEANS_NOT_READY: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
));

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    address: SocketAddr,
    token: Token,
    readiness: Arc<Readiness>,
    sockets: Arc<Sockets>,
}

impl Socket {
    /// Begins to connect to `address`; [`poll_connected`](Self::poll_connected) tells how it ended.
    pub(crate) fn connect(
        sockets: &Arc<Sockets>,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> io::Result<Self> {
        let mut stream = TcpStream::from_std(begin_to_connect(address, options)?);
        let (token, readiness) = sockets.register(&mut stream)?;
        Ok(Self { stream, address, token, readiness, sockets: Arc::clone(sockets) })
    }

    /// The address it connects to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the connection is up. A socket becomes writable when the attempt is over.
    pub(crate) fn poll_connected(&self) -> Poll<io::Result<()>> {
        if !self.readiness.is(Readiness::WRITABLE) {
            return Poll::Pending;
        }
        if let Some(error) = self.stream.take_error()? {
            return Poll::Ready(Err(error));
        }
        match self.stream.peer_addr() {
            Ok(peer) => Poll::Ready(refuse_self(&self.stream, peer)),
            Err(error) if is_still_connecting(&error) => {
                self.readiness.take(Readiness::WRITABLE);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Whether something has arrived, or the end of the stream.
    pub(crate) fn is_readable(&self) -> bool {
        self.readiness.is(Readiness::READABLE)
    }

    /// Reads what has arrived; `Ok(0)` at the end of the stream.
    pub(crate) fn poll_read(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let full = buffer.len();
        self.attempt(Readiness::READABLE, full, |mut stream| stream.read(buffer))
    }

    /// Writes from `slices` in order, as much as the socket takes.
    pub(crate) fn poll_write_vectored<S>(&self, slices: &[S]) -> Poll<io::Result<usize>>
    where
        S: Deref<Target = [u8]>,
    {
        let mut vectors = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let mut filled = 0;
        let mut full = 0;
        for slice in slices.iter().filter(|slice| !slice.is_empty()).take(SLICES_PER_WRITE) {
            vectors[filled] = IoSlice::new(slice);
            filled += 1;
            full += slice.len();
        }
        if filled == 0 {
            return Poll::Ready(Ok(0));
        }
        self.attempt(Readiness::WRITABLE, full, |mut stream| {
            match stream.write_vectored(&vectors[..filled]) {
                Ok(0) => Err(io::ErrorKind::WriteZero.into()),
                other => other,
            }
        })
    }

    /// Runs `operation` if `flag` says that it is worth it, and keeps the flag unless the socket
    /// turned out to be exhausted.
    fn attempt(
        &self,
        flag: u8,
        full: usize,
        mut operation: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if !self.readiness.take(flag) {
            return Poll::Pending;
        }
        loop {
            return match operation(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
                Ok(moved) if self.is_exhausted(moved, full) => Poll::Ready(Ok(moved)),
                other => {
                    self.readiness.set(flag);
                    Poll::Ready(other)
                }
            };
        }
    }

    /// Whether moving `moved` of `full` bytes proves that the next attempt would be refused, so
    /// that it needs no system call. Not after the end of the stream was announced: nothing will be
    /// announced again.
    fn is_exhausted(&self, moved: usize, full: usize) -> bool {
        SHORT_MEANS_NOT_READY
            && (1..full).contains(&moved)
            && !self.readiness.is(Readiness::READ_CLOSED)
    }
}

/// For those who expect `WouldBlock` of a socket that is not ready.
impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        or_would_block(self.poll_read(buffer))
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(self.poll_write_vectored(&[bytes]))
    }

    /// TLS has a slice for each of its records, of 16 KiB at most.
    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        or_would_block(self.poll_write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn or_would_block(poll: Poll<io::Result<usize>>) -> io::Result<usize> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.sockets.deregister(&mut self.stream, self.token);
    }
}

fn begin_to_connect(address: SocketAddr, options: &TcpOptions) -> io::Result<StdTcpStream> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Batching is linger's and batch.size's task; Nagle's algorithm would only add a delay (as
    // Java).
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    // Before connecting: the receive buffer decides the window scale that the handshake offers.
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    match socket.connect(&address.into()) {
        Err(error) if is_still_connecting(&error) => {}
        other => other?,
    }
    Ok(socket.into())
}

/// What systems say of an attempt that has only begun.
fn is_still_connecting(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EINPROGRESS) {
        return true;
    }
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected)
}

/// A connection to a closed port of the same machine can meet itself (TCP's simultaneous open). Its
/// bytes would come back as responses, and it would keep a broker from binding its port.
fn refuse_self(stream: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    if stream.local_addr()? == peer {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn sockets_do_not_wait_for_more_to_send() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = begin_to_connect(address, &TcpOptions::default()).unwrap();
        assert!(stream.nodelay().unwrap());
    }
}
