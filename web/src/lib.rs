//! The producer as WebAssembly, for the npm package `ottla`.
//!
//! JavaScript writes records into the module's memory and reads outcomes from it, many at a time:
//! no call crosses the border for a single record. Between two calls nothing runs here; whatever
//! happens outside (records, a socket's bytes, a timer) ends in [`Engine::poll`].
//!
//! | file | job |
//! | --- | --- |
//! | `engine.rs` | records in, outcomes out, the driver in between |
//! | `staged.rs` | the layout in which JavaScript writes records |
//! | `queue.rs` | records of a topic that wait for metadata or memory |
//! | `lane.rs` | records of a partition that wait for their outcome |
//! | `results.rs`, `failure.rs` | the layout in which it reads outcomes and errors |
//! | `settings.rs` | the configuration, in Kafka's keys |
//! | `signal.rs` | what has been woken |
//! | `bindings.rs`, `platform.rs` | the border itself; only where there is one |
//! | `sockets.rs`, `channel.rs`, `wire.rs` | TCP, a WebSocket to a bridge, and either of them |
//! | `bottom.rs` | what a module without `std` needs: memory, and an end for panics |
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod bottom;
#[cfg(target_family = "wasm")]
mod channel;
mod engine;
mod failure;
mod lane;
#[cfg(target_family = "wasm")]
mod metrics;
#[cfg(target_family = "wasm")]
mod platform;
mod queue;
mod results;
mod settings;
mod signal;
#[cfg(target_family = "wasm")]
mod sockets;
mod staged;
#[cfg(target_family = "wasm")]
mod wire;

pub use engine::{Driven, Engine};
pub use failure::Failure;
pub use results::Results;
pub use settings::read as read_settings;
pub use staged::{Layout, StagedRecord, StagedRecords};
