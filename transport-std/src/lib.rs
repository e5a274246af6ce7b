//! TCP and TLS for ottla where there is `std`: non-blocking sockets on a poller, and one I/O
//! thread.
//!
//! Users of the `ottla` crate never meet these types. They are for programs that put the core
//! together themselves:
//!
//! 1. [`Reactor::new`] opens the poller (epoll, kqueue, IOCP).
//! 2. [`TcpTransport::new`] makes connections whose readiness that reactor reports.
//! 3. [`IoThread::spawn`] runs the producer's driver on one thread: it sleeps in the reactor until
//!    a socket is ready, a deadline has come, or a sender woke it. Or [`IoLoop::new`] does, on the
//!    program's own thread, whenever that takes a turn.
//!
//! Tools that ask a broker single questions do so over a [`BlockingConnection`].
//!
//! However many brokers there are, there is one thread, and a connection without news costs no
//! system call.
#![forbid(unsafe_code)]

mod alarm;
mod blocking;
mod connection;
mod dial;
mod error;
mod io_loop;
mod io_thread;
#[cfg(feature = "oidc")]
mod oidc;
mod platform;
mod reactor;
mod resolver;
mod socket;
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use blocking::{Answer, BlockingConnection, BlockingError};
pub use connection::TcpConnection;
pub use error::{AddressFailure, TcpError};
pub use io_loop::IoLoop;
pub use io_thread::IoThread;
#[cfg(feature = "oidc")]
pub use oidc::{TokenError, Tokens};
pub use platform::{Native, NativeClock, NativeLock, OneThread};
pub use reactor::Reactor;
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use transport::{TcpOptions, TcpTransport};
