//! The Apache Kafka producer that runs where Kafka clients can't: this crate is its native face.
//!
//! A [`Producer`] batches records in memory and sends them from one I/O thread, with the semantics
//! of the Java producer 4.x: idempotent, in order, retried until `delivery.timeout.ms`. It is cheap
//! to clone, and all its handles may be used from any thread and any async executor.
//!
//! # Quickstart
//!
//! ```
//! use ottla::{Producer, Record};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let brokers = "localhost:9092";
//! # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
//! # let address = broker.address().to_string();
//! # let brokers = address.as_str();
//! let producer = Producer::from_properties([
//!     ("bootstrap.servers", brokers),
//!     ("compression.type", "lz4"),
//! ])?;
//! let delivery = producer.send_blocking("greetings", Record::new(b"hello").key(b"world"))?;
//! let stored = delivery.wait()?;
//! println!("partition {}, offset {:?}", stored.partition, stored.offset);
//! # assert_eq!(stored.offset, Some(0));
//! # Ok(())
//! # }
//! ```
//!
//! # Three ways to send
//!
//! | | waits for metadata and memory |
//! | --- | --- |
//! | [`Producer::try_send`] | never: says [`SendError::BufferFull`], the record is yours |
//! | [`Producer::send`] | as a future on any executor, first come first served |
//! | [`Producer::send_blocking`] | on the calling thread |
//!
//! Each returns a [`Delivery`], the record's outcome: a future that can also be
//! [waited for](Delivery::wait), [looked at](Delivery::try_get), or dropped (the record is sent all
//! the same). The waits of `send` are bounded by `max.block.ms`, those of a delivery by
//! `delivery.timeout.ms`. Where many records go to one topic, [`Producer::topic`] saves looking the
//! topic up each time.
//!
//! ```
//! # use futures_lite::future::block_on;
//! # use ottla::{Producer, Record};
//! # block_on(async {
//! # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
//! # let address = broker.address().to_string();
//! # let brokers = address.as_str();
//! # let producer = Producer::from_properties([("bootstrap.servers", brokers)])?;
//! let mut orders = producer.topic("orders");
//! let mut deliveries = Vec::new();
//! for number in 0..1000_u32 {
//!     deliveries.push(orders.send(Record::new(&number.to_be_bytes())).await?);
//! }
//! for delivery in deliveries {
//!     delivery.await?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A program that wants no I/O thread does the work itself: [`one_thread`].
//!
//! # Transactions
//!
//! A [`transaction::TransactionalProducer`] sends records, and commits a
//! consumer's offsets, that become visible together or not at all.
//!
//! # What can go wrong
//!
//! [`StartError`]: the configuration is wrong; an unknown key gets the nearest known one suggested.
//! [`SendError`]: the record was not accepted and is still yours. [`DeliveryError`]: the record was
//! accepted but not acknowledged; it says [whether it was written](Written) all the same, and
//! [whether sending it again may help](DeliveryError::is_retriable).
//!
//! [`durability::check`] says whether a topic keeps what it acknowledges.
//!
//! # Logging
//!
//! With the Cargo feature `log` (on by default) lines about connections, leaders, batches and
//! transactions go to the [`log`](https://docs.rs/log) crate, target `ottla`: what went wrong and
//! is tried again at level warn, all that happens at debug, each batch's acknowledgement at trace.
//!
//! # Ending
//!
//! [`Producer::close`] sends what was accepted and ends the I/O thread. Dropping the last handle
//! does the same for a few seconds; a program that must know that everything arrived closes, or
//! awaits the deliveries.
#![forbid(unsafe_code)]

mod aws;
mod client;
mod contained;
mod deliveries;
mod delivery;
pub mod durability;
pub mod one_thread;
mod producer;
pub mod producer_0_8;
mod start;
mod supervisor;
#[cfg(test)]
mod tests;
mod topic;
#[cfg(feature = "transactions")]
pub mod transaction;
mod typed;

pub use client::BlockingClient;
pub use deliveries::Deliveries;
pub use delivery::Delivery;
pub use ottla_core::config::{
    Acks, AddressError, BrokerAddress, ConfigError, DnsLookup, MemoryBudget, MetadataRecovery,
    OidcConfig, Pem, ProducerConfig, Roots, SaslConfig, SecurityConfig, SecurityProtocol,
    TlsConfig, TopicOverrides,
};
pub use ottla_core::protocol::{api_key::ApiKey, api_versions::NodeVersions};
pub use ottla_core::transport::NodeId;
pub use ottla_core::{
    Acknowledgement, Codec, Compression, Delivered, DeliveryError, ErrorCode, Header, Interceptor,
    Interceptors, Metrics, Reason, Record, RecordMetadata, SendError, SortedMap, Summary,
    TopicMetrics, Written, config, partitioner, sasl, serializer,
};
#[cfg(feature = "oidc")]
pub use ottla_transport_std::TokenError;
pub use ottla_transport_std::{
    AddressFailure, Answer, BlockingConnection, BlockingError, TcpError,
};
pub use producer::Producer;
pub use start::StartError;
pub use supervisor::Supervisor;
pub use topic::Topic;
pub use typed::{TypedProducer, TypedRecord};
