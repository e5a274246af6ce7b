//! A deterministic Kafka for tests of producers, and the dev broker built from it.
//!
//! - [`cluster`]: the model of a cluster, bytes in and bytes out, without sockets or clock;
//! - [`dev`]: the same over TCP on the loopback interface, for development. It is no Kafka: one
//!   process, no replication over a network, no security.
//! - [`batch`]: the header of a record batch, as the broker reads it.

pub mod batch;
pub mod cluster;
pub mod dev;
