//! A real Apache Kafka on this machine: brokers, Kafka's own tools, and what its log holds.
//!
//! The jars come from Maven into a cache of the user's; everything listens on 127.0.0.1 only.
//! `OTTLA_KEEP=1` keeps a cluster's directory with its logs.

mod admin;
mod cluster;
mod consumer;
mod door;
mod group;
mod jars;
mod judge;
mod layout;
mod node;
mod producer;
mod properties;
mod segments;
mod sequenced;
mod tool;
mod zookeeper;

pub use admin::{Operation, Partition};
pub use cluster::{Cluster, NodeId};
pub use consumer::ConsumedRecord;
pub use door::Door;
pub use group::GroupReader;
pub use jars::Jars;
pub use judge::java_judges;
pub use segments::Batch;
pub use sequenced::{Identity, produce_frame};

/// The newest Kafka that the tests run against.
pub const NEWEST: &str = "4.3.1";

/// The oldest that ottla promises to work with.
pub const OLDEST: &str = "2.1.1";

/// The newest of the 3.x line, the last that speaks some older protocol versions.
pub const LAST_3: &str = "3.9.2";
