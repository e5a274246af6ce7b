//! A producer without a thread of its own: the program's thread does the I/O, in turns, between
//! its other work.
//!
//! For programs that have one thread, and for those that want a record to cost as little as it can:
//! its bytes are still in the processor's cache when they are written to the socket, nothing wakes
//! anybody, and nothing is locked, so that producer and loop stay on the thread that made them.
//! Other threads can wake a future that [`block_on`](IoLoop::block_on) waits for. The price is that
//! a turn takes as long as writing to sockets takes, encryption included, and that nothing moves
//! between turns: no batch leaves, no answer is read, no deadline is kept. (Brokers' names are
//! looked up on helper threads that live no longer than that takes.)
//!
//! ```
//! use std::time::Duration;
//!
//! use ottla::one_thread::{self, Deliveries};
//! use ottla::{ProducerConfig, Record, SendError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
//! # let address = broker.address().to_string();
//! # let brokers = address.as_str();
//! let config = ProducerConfig::from_properties([("bootstrap.servers", brokers)])?;
//! let (producer, mut io) = one_thread::start(config)?;
//! let mut numbers = producer.topic("numbers");
//! let mut deliveries = Deliveries::new();
//! for number in 0..1000_u32 {
//!     let value = number.to_be_bytes();
//!     match numbers.try_send_into(Record::new(&value), &mut deliveries) {
//!         // Metadata and memory come in turns.
//!         Err(SendError::BufferFull | SendError::MetadataPending) => {
//!             deliveries.push(io.block_on(numbers.send(Record::new(&value)))??);
//!         }
//!         sent => sent?,
//!     }
//!     if io.wants_turn() {
//!         io.turn(Some(Duration::ZERO))?; // a batch is full, or began to linger
//!     }
//! }
//! io.block_on(producer.flush())?;
//! let mut acknowledged = 0;
//! while let Some((records, outcome)) = deliveries.try_next() {
//!     outcome?;
//!     acknowledged += records;
//! }
//! assert_eq!(acknowledged, 1000);
//! io.block_on(producer.close(Duration::from_secs(10)))?;
//! # Ok(())
//! # }
//! ```
//!
//! [`try_send_all`](Topic::try_send_all) is cheaper still where many records are at hand.

use ottla_transport_std::{OneThread, TcpTransport};

use crate::start::{Parts, assemble};
use crate::{Interceptors, ProducerConfig, StartError};

/// As [`ottla::Producer`](crate::Producer), with futures for [`IoLoop::block_on`] in place of
/// methods that block.
pub type Producer = ottla_core::Producer<OneThread>;
/// As [`ottla::Topic`](crate::Topic).
pub type Topic = ottla_core::Topic<OneThread>;
/// As [`ottla::Delivery`](crate::Delivery).
pub type Delivery = ottla_core::Delivery<OneThread>;
/// As [`ottla::Deliveries`](crate::Deliveries).
pub type Deliveries = ottla_core::Deliveries<OneThread>;
/// The producer's work.
pub type IoLoop = ottla_transport_std::IoLoop<TcpTransport>;

/// Makes a producer and the loop that does its work. No broker is spoken to yet.
///
/// # Errors
/// See [`StartError`].
pub fn start(config: ProducerConfig) -> Result<(Producer, IoLoop), StartError> {
    start_with(config, Interceptors::default())
}

/// As [`start`], with interceptors.
///
/// # Errors
/// See [`StartError`].
pub fn start_with(
    config: ProducerConfig,
    interceptors: Interceptors,
) -> Result<(Producer, IoLoop), StartError> {
    let Parts { producer, reactor, driver } = assemble(config, interceptors)?;
    Ok((producer, IoLoop::new(reactor, driver)?))
}
