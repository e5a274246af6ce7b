//! The modes of Kafka's 0.8 producer, natively; see [`ottla_core::producer_0_8`] for what is
//! different.
//!
//! ```
//! use ottla::producer_0_8::{Message, Producer};
//! use ottla::Record;
//! # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
//! # let brokers = broker.address().to_string();
//! # let brokers = brokers.as_str();
//!
//! let producer = Producer::from_properties([
//!     ("metadata.broker.list", brokers),
//!     ("producer.type", "async"),
//!     ("queue.enqueue.timeout.ms", "0"),
//! ])?;
//! producer.send_blocking(&[Message { topic: "page-views", record: Record::new(b"/") }])?;
//! producer.close_blocking();
//! assert!(producer.take_lost().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use futures_lite::future::block_on;
pub use ottla_core::producer_0_8::{Config, Error, Failure, Lost, Message, Mode, Stats, WhenFull};
use ottla_transport_std::Native;

use crate::{Delivery, StartError};

/// A 0.8 producer with its I/O thread. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Producer {
    old: ottla_core::producer_0_8::Producer<Native>,
    /// Keeps the I/O thread running.
    _running: crate::Producer,
}

impl Producer {
    /// Starts a producer. It connects when the first message is sent.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let running = crate::Producer::new(config.producer.clone())?;
        let old = ottla_core::producer_0_8::Producer::new(running.core().clone(), &config);
        Ok(Self { old, _running: running })
    }

    /// Starts a producer from 0.8's own configuration keys.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for a key that 0.8 doesn't have or a value that it doesn't take.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, StartError> {
        Self::new(Config::from_properties(properties)?)
    }

    /// Sends messages, of any topics. Synchronous: until each has its outcome; asynchronous: until
    /// each is in the queue.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, messages: &[Message<'_>]) -> Result<Vec<Delivery>, Error> {
        let deliveries = self.old.send(messages).await?;
        Ok(deliveries.into_iter().map(Delivery::new).collect())
    }

    /// [`send`](Self::send), blocking the thread.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn send_blocking(&self, messages: &[Message<'_>]) -> Result<Vec<Delivery>, Error> {
        block_on(self.send(messages))
    }

    /// The asynchronous messages that were lost since the last call; at most 1,000 are kept.
    #[must_use]
    pub fn take_lost(&self) -> Vec<Lost> {
        self.old.take_lost()
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.old.stats()
    }

    /// Sends what is in the queue and ends. The second call does nothing.
    pub async fn close(&self) {
        self.old.close().await;
    }

    /// [`close`](Self::close), blocking the thread.
    pub fn close_blocking(&self) {
        block_on(self.close());
    }
}
