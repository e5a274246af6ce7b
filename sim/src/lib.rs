//! A deterministic Kafka for tests of producers, and the dev broker built from it.
//!
//! - [`cluster`]: the model of a cluster, bytes in and bytes out, without sockets or clock;
//! - [`dev`]: the same over TCP on the loopback interface, for development. It is no Kafka: one
//!   process, no replication over a network, no security.
//! - [`simulation`]: the real producer against the model cluster, in virtual time, from a seed;
//! - [`wire`]: the same without faults, step by step, for tests of single things;
//! - [`batch`] and [`records`]: a record batch's header, and the records in it.

pub mod batch;
pub mod cluster;
pub mod dev;
pub mod records;
pub mod simulation;
pub mod wire;
