//! The bridge's side towards Kafka: connections, who leads what, and new producer ids.

mod cluster;
mod connection;
mod dial;
mod greeting;
mod pool;

pub(crate) use cluster::{Cluster, Wanted};
pub(crate) use connection::{Connection, Lost, Reply, Watch};
