//! A TLS session over one socket.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::task::{Context, Poll, ready};

use ottla_core::config::BrokerAddress;
use rustls::ClientConnection;

use super::Tls;
use super::failure;
use crate::socket::{SLICES_PER_WRITE, Socket};

/// See the [module](self).
pub(crate) struct TlsStream {
    socket: Socket,
    session: ClientConnection,
    /// Bytes of the producer's that are encrypted but not all written to the socket: only when they
    /// are does the producer hear that they are written.
    encrypted: usize,
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl TlsStream {
    /// Begins the handshake with `broker` on a connected socket.
    pub(crate) fn new(socket: Socket, tls: &Tls, broker: &BrokerAddress) -> io::Result<Self> {
        Ok(Self { socket, session: tls.session(broker)?, encrypted: 0 })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Reads what has arrived; `Ok(0)` at the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let handshaking = self.session.is_handshaking();
        ready!(self.poll_handshake())?;
        if handshaking {
            cx.waker().wake_by_ref(); // whoever wants to write may do so now
        }
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
            ready!(self.poll_receive())?;
            if self.encrypted == 0 {
                // Answers of TLS itself. What the producer writes is flushed when it asks again.
                let _ = self.poll_flush()?;
            }
        }
    }

    /// Writes from `slices` in order. Until the socket has taken all of the bytes that a call has
    /// encrypted, calls are `Pending` and have to come with the same bytes.
    pub(crate) fn poll_write_vectored(&mut self, slices: &[&[u8]]) -> Poll<io::Result<usize>> {
        ready!(self.poll_handshake())?;
        if self.encrypted == 0 {
            ready!(self.poll_flush())?;
            let vectors: Vec<IoSlice<'_>> =
                slices.iter().take(SLICES_PER_WRITE).map(|slice| IoSlice::new(slice)).collect();
            self.encrypted = self.session.writer().write_vectored(&vectors)?;
        }
        ready!(self.poll_flush())?;
        Poll::Ready(Ok(std::mem::take(&mut self.encrypted)))
    }

    /// Brings the handshake to its end.
    fn poll_handshake(&mut self) -> Poll<io::Result<()>> {
        while self.session.is_handshaking() {
            ready!(self.poll_flush())?;
            if self.session.is_handshaking() {
                ready!(self.poll_receive())?;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what TLS has to say. If the broker is gone, what it said last may tell why.
    fn poll_flush(&mut self) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut &self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => {
                    let last_word = self.poll_receive();
                    return Poll::Ready(match last_word {
                        Poll::Ready(Err(why)) if failure::is_distrust(&why) => Err(why),
                        _ => Err(error),
                    });
                }
                Ok(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes in what has arrived.
    fn poll_receive(&mut self) -> Poll<io::Result<()>> {
        let during_handshake = self.session.is_handshaking();
        match self.session.read_tls(&mut &self.socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
            Ok(0) if during_handshake => {
                let why = "the broker closed the connection during the TLS handshake: does \
                           it speak TLS here?";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)));
            }
            Ok(_) => {}
        }
        let processed = self.session.process_new_packets();
        Poll::Ready(processed.map(drop).map_err(|error| {
            // Tells the broker why, as far as the socket takes it now.
            let _ = self.session.write_tls(&mut &self.socket);
            failure::wrap_at(error, during_handshake)
        }))
    }
}
