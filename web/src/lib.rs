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
//! | `durable.rs` | with the feature `store`: batches that outlive the page |
//! | `leaving.rs` | what leaves with the page |
//! | `settings.rs`, `broker_settings.rs` | the configuration, as numbers and in Kafka's keys |
//! | `metrics.rs` | what was counted, as numbers |
//! | `signal.rs` | what has been woken |
//! | `bindings.rs`, `platform.rs` | the border itself; only where there is one |
//! | `channel.rs` | a WebSocket to a bridge |
//! | `brokers.rs`, `sockets.rs`, `wire.rs` | with the feature `full`: brokers, TCP, or either way |
//! | `transactions/` | also with `full`: one after another |
//! | `secrets.rs` | who fetches tokens for logins |
//! | `chore.rs` | what is no record and takes its time |
//! | `bottom.rs` | what a module without `std` needs: memory, and an end for panics |
#![cfg_attr(target_family = "wasm", no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod bottom;
#[cfg(feature = "full")]
mod broker_settings;
#[cfg(all(target_family = "wasm", feature = "full"))]
mod brokers;
#[cfg(target_family = "wasm")]
mod channel;
mod chore;
#[cfg(all(target_family = "wasm", feature = "store"))]
mod durable;
mod engine;
mod failure;
mod lane;
#[cfg(target_family = "wasm")]
mod leaving;
#[cfg(any(target_family = "wasm", test))]
mod metrics;
#[cfg(target_family = "wasm")]
mod platform;
mod queue;
mod results;
#[cfg(all(target_family = "wasm", feature = "full"))]
mod secrets;
mod settings;
mod signal;
#[cfg(all(target_family = "wasm", feature = "full"))]
mod sockets;
mod staged;
#[cfg(feature = "full")]
mod transactions;
#[cfg(all(target_family = "wasm", feature = "full"))]
mod wire;
#[cfg(all(target_family = "wasm", not(feature = "full")))]
#[path = "bridge_only.rs"]
mod wire;

#[cfg(feature = "full")]
pub use broker_settings::read as read_broker_settings;
pub use engine::{Driven, Engine};
pub use failure::{Failure, Remedy};
pub use results::Results;
pub use settings::apply as apply_settings;
pub use staged::{Layout, StagedRecord, StagedRecords};
#[cfg(feature = "full")]
pub use transactions::{Asked, Group, Offset, Offsets};
