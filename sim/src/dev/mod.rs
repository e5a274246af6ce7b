//! The model cluster served over TCP on the loopback interface: the dev broker.
//!
//! For development and tests. It is no Kafka: one process, no security, and what it keeps is in
//! memory (the newest 128 MiB of each partition) unless it is given a directory.

mod broker;
mod connection;
mod frame;
mod handler;
mod sink;

pub use broker::{DevBroker, DevBrokerOptions};
pub use sink::{Arrived, Sink};
