//! The bridge's side towards Kafka: connections, who leads what, and new producer ids.

mod cluster;
mod connection;
mod dial;
mod greeting;
mod known;
mod login;
mod pool;
mod security;

pub(crate) use cluster::{Cluster, Unreachable};
pub(crate) use connection::{ByteStream, Connection, Lost, Reply, Watch};
pub(crate) use known::Wanted;
pub(crate) use security::connector as tls_connector;
