//! TLS by rustls, on the same non-blocking sockets.

mod client;
mod failure;
mod pem;
mod stream;

pub use client::Tls;
pub(crate) use failure::is_distrust;
pub(crate) use stream::TlsStream;
