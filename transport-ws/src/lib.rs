//! The core's [`Transport`](ottla_core::transport::Transport) over a bridge: streams to virtual
//! nodes in one WebSocket (`bridge/PROTOCOL.md`), for programs without TCP. `no_std` with `alloc`.
//!
//! It opens no WebSocket itself. Whoever has one supplies a [`Socket`] and tells the
//! [`WsTransport`] what happened: [`opened`](WsTransport::opened),
//! [`received`](WsTransport::received), [`closed`](WsTransport::closed). After each, and after
//! polling the producer's driver, call [`advance`](WsTransport::advance), and again at
//! [`next_wake`](WsTransport::next_wake).
//!
//! | file | job |
//! | --- | --- |
//! | `transport.rs` | the handles: what the core and the program call |
//! | `bridge.rs` | the one state machine behind them |
//! | `life.rs` | the WebSocket's life: connecting, back-off, signs of life |
//! | `frames.rs` | what each frame of the bridge's means |
//! | `pipe.rs` | one stream's bytes |
//! | `requests.rs` | where Kafka's requests end in a stream, for draining |
//! | `lease.rs` | the producer ids that the bridge lends |
//! | `backoff.rs` | when to connect again |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod backoff;
mod bridge;
mod error;
mod frames;
mod lease;
mod life;
mod pipe;
mod requests;
mod socket;
mod transport;

pub use bridge::{Options, Status, Terms};
pub use error::WsError;
pub use lease::HeldLease;
pub use socket::Socket;
pub use transport::{WsConnection, WsTransport};
