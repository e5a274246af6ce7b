//! TLS by rustls, on the same non-blocking sockets.

mod client;
mod failure;
mod pem;
mod stream;

pub use client::Tls;
pub(crate) use failure::is_distrust;
#[cfg(feature = "oidc")]
pub(crate) use pem::certificates_of;
pub(crate) use stream::TlsStream;
