//! A connected socket, with TLS or without.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::TlsStream;

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Socket),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The address it is connected to.
    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Plain(socket) => socket.address(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.socket().address(),
        }
    }

    /// Whether reading is worth a try; of TLS only trying tells.
    pub(crate) fn is_readable(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_readable(),
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "only TLS wakes itself"))]
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_read(buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_read(cx, buffer),
        }
    }

    pub(crate) fn poll_write_vectored(&mut self, slices: &[&[u8]]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_write_vectored(slices),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.poll_write_vectored(slices),
        }
    }
}
