//! The bridge between pages, workers and edge functions, which have no TCP, and Apache Kafka.
//!
//! It terminates sessions of the protocol [`ottla.v1`](ottla_bridge_protocol), checks every byte
//! of every request, writes them anew and forwards them to the brokers; record batches pass as
//! they are. `bridge/README.md` is for operators, `bridge/SECURITY.md` says what it defends
//! against and how.
//!
//! [`Running::start`] runs one on a runtime of its own; `ottla bridge` is that with a file.
#![forbid(unsafe_code)]

mod admission;
mod audit;
mod auth;
mod bridge;
pub mod config;
mod http;
mod id;
#[doc(hidden)]
pub mod judgement;
mod kafka;
mod lease;
mod limits;
mod metrics;
mod one_shot;
mod otlp;
mod reload;
mod running;
mod session;
mod signals;
mod upstream;

pub use config::{Config, ConfigError};
pub use running::{Running, StartError};
