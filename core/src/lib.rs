//! The core of ottla: a Kafka producer as plain state machines, without sockets, clocks or threads.
//!
//! [`producer`] makes a [`Producer`], which applications call, and a [`Driver`], which does the
//! work whenever it is polled. A target supplies a [`Transport`](transport::Transport), a
//! [`Platform`](sync::Platform) with its lock and its clock, and something that polls.
#![no_std]
#![forbid(unsafe_code)]
// Chips without it would emulate it.
#![deny(clippy::float_arithmetic)]

extern crate alloc;

mod accumulator;
pub mod config;
mod driver;
pub mod durability;
mod error;
mod forget;
mod interceptor;
mod log;
mod metrics;
pub mod partitioner;
mod producer;
#[cfg(feature = "waiting")]
pub mod producer_0_8;
pub mod protocol;
mod quoted;
mod record;
pub mod records;
pub mod rng;
pub mod sasl;
mod sender;
pub mod serializer;
mod shared;
mod sorted;
pub mod sync;
mod texts;
pub mod time;
mod topic;
#[cfg(feature = "transactions")]
pub mod transaction;
pub mod transport;

pub use accumulator::deliveries::{Delivered, Deliveries};
pub use accumulator::delivery::Delivery;
pub use config::{Acks, BrokerAddress, ConfigError, ProducerConfig};
pub use driver::{Driver, producer, producer_with};
pub use error::{DeliveryError, ErrorCode, Reason, SendError, Written};
pub use interceptor::{Acknowledgement, Interceptor, Interceptors};
pub use metrics::{Metrics, Summary, TopicMetrics};
#[cfg(feature = "waiting")]
pub use producer::Send;
pub use producer::{Close, Flush, Partitions, Producer};
pub use record::{Header, Record, RecordMetadata};
pub use records::{Codec, Compression};
pub use sender::{StoreTicket, ToStore};
pub use sorted::SortedMap;
pub use topic::Topic;
