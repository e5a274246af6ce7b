//! Transactions: records of any topics and partitions, and a consumer group's offsets, that become
//! visible together or not at all.
//!
//! ```
//! use ottla::Record;
//! use ottla::transaction::TransactionalProducer;
//! # let broker = ottla_sim::dev::DevBroker::start(Default::default())?;
//! # let brokers = broker.address().to_string();
//! # let brokers = brokers.as_str();
//!
//! let mut producer = TransactionalProducer::from_properties_blocking([
//!     ("bootstrap.servers", brokers),
//!     ("transactional.id", "billing-1"),
//! ])?;
//! let transaction = producer.begin_blocking()?;
//! transaction.send_blocking("orders", Record::new(b"1 apple"))?;
//! transaction.send_blocking("payments", Record::new(b"0.50"))?;
//! transaction.commit_blocking()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Transaction`] borrows the producer, so there is one at a time, nothing is sent outside of
//! one, and nothing after its end: what makes no sense doesn't compile. Dropping it aborts it.
//!
//! ```compile_fail
//! # fn example(mut producer: ottla::transaction::TransactionalProducer) {
//! let first = producer.begin_blocking().unwrap();
//! let second = producer.begin_blocking().unwrap(); // the first borrows the producer
//! first.commit_blocking().unwrap();
//! # }
//! ```
//!
//! ```compile_fail
//! # fn example(mut producer: ottla::transaction::TransactionalProducer) {
//! let transaction = producer.begin_blocking().unwrap();
//! let mut orders = transaction.topic("orders");
//! transaction.commit_blocking().unwrap();
//! orders.send_blocking(ottla::Record::new(b"too late")); // outlives its transaction
//! # }
//! ```
//!
//! # Consume, transform, produce
//!
//! [`Transaction::send_offsets`] commits the offsets of what was consumed with what was made of it,
//! so that each record counts exactly once, whatever crashes. Give it the consumer's
//! [`GroupMetadata`], and the brokers refuse the offsets of a consumer that has lost its
//! partitions (KIP-447).
//!
//! # What can go wrong
//!
//! [`TransactionError::Abortable`] ends the transaction: nothing of it is visible; begin another.
//! [`TransactionError::Fatal`] ends the producer: make another. There is nothing to clean up in
//! either case, and no call that has to be made before the next.

use futures_lite::future::block_on;
pub use ottla_core::transaction::{
    AbortCause, ConsumedOffset, FatalError, GroupMetadata, TransactionError,
};
use ottla_transport_std::Native;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    Delivery, Interceptors, Metrics, Producer, ProducerConfig, Record, SendError, StartError,
    Supervisor,
};

/// A producer that sends within transactions alone; it owns the transactional id until another
/// producer takes it.
#[derive(Debug)]
pub struct TransactionalProducer {
    core: ottla_core::transaction::TransactionalProducer<Native>,
    /// Keeps the I/O thread running.
    running: Producer,
}

/// One that has no transactional id yet has accepted nothing. Where it gets none, or nobody waits
/// any more, its end takes no time: this may be an executor's thread.
struct Starting {
    producer: Producer,
    has_id: bool,
}

impl Drop for Starting {
    fn drop(&mut self) {
        if !self.has_id {
            self.producer.begin_closing(Duration::ZERO);
        }
    }
}

impl TransactionalProducer {
    /// Starts a producer and takes over the configuration's `transactional.id`: what an earlier
    /// producer of this id left unfinished is aborted, and it can't commit any more. Waits for the
    /// cluster, up to `max.block.ms`. Java: `initTransactions`. A token server blocks the thread,
    /// as with [`Producer::new`].
    ///
    /// # Errors
    /// As [`Producer::new`]; [`StartError::Transaction`] where the cluster does not give the id.
    pub async fn new(config: ProducerConfig) -> Result<Self, StartError> {
        Self::with_interceptors(config, Interceptors::new()).await
    }

    /// [`new`](Self::new) with hooks that see every record and every batch's outcome.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn with_interceptors(
        config: ProducerConfig,
        interceptors: Interceptors,
    ) -> Result<Self, StartError> {
        let mut starting =
            Starting { producer: Producer::start(config, interceptors)?, has_id: false };
        let core = starting.producer.core().clone();
        let core = ottla_core::transaction::TransactionalProducer::initialise(core).await;
        let core = core.map_err(StartError::Transaction)?;
        starting.has_id = true;
        Ok(Self { core, running: starting.producer.clone() })
    }

    /// [`new`](Self::new) from Kafka's own configuration keys and values.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for an unknown key or a value that doesn't fit its key.
    pub async fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, StartError> {
        Self::new(ProducerConfig::from_properties(properties)?).await
    }

    /// [`new`](Self::new), blocking the thread.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn new_blocking(config: ProducerConfig) -> Result<Self, StartError> {
        block_on(Self::new(config))
    }

    /// [`from_properties`](Self::from_properties), blocking the thread.
    ///
    /// # Errors
    /// As [`from_properties`](Self::from_properties).
    pub fn from_properties_blocking<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, StartError> {
        block_on(Self::from_properties(properties))
    }

    /// Begins a transaction, as soon as the one before has ended.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::TimedOut`].
    pub async fn begin(&mut self) -> Result<Transaction<'_>, TransactionError> {
        Ok(Transaction { core: self.core.begin().await? })
    }

    /// [`begin`](Self::begin), blocking the thread.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub fn begin_blocking(&mut self) -> Result<Transaction<'_>, TransactionError> {
        block_on(self.begin())
    }

    /// Waits until the last transaction has ended, for instance after
    /// [`TransactionError::TimedOut`] or a drop, and tells whether it was committed.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::Undecided`],
    /// [`TransactionError::TimedOut`].
    pub async fn settle(&mut self) -> Result<bool, TransactionError> {
        self.core.settle().await
    }

    /// [`settle`](Self::settle), blocking the thread.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub fn settle_blocking(&mut self) -> Result<bool, TransactionError> {
        block_on(self.settle())
    }

    /// Ends the producer; a transaction that was dropped is aborted first, as far as `timeout`
    /// allows.
    pub async fn close(self, timeout: Duration) {
        self.core.close(timeout).await;
    }

    /// [`close`](Self::close), blocking the thread.
    pub fn close_blocking(self, timeout: Duration) {
        block_on(self.close(timeout));
    }

    /// What the producer has counted so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.core.metrics()
    }

    /// The last thing that went wrong with a connection or the metadata, in words; `None` while all
    /// is well.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.core.last_error()
    }

    /// A handle that watches and ends the producer, but sends nothing.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        self.running.supervisor()
    }

    /// The configuration it runs with.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        self.running.config()
    }
}

/// A transaction that was begun; see the [module](self). Dropping it aborts it, in the background.
///
/// Threads may send within one at the same time: it is shared by reference.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<'p> {
    core: ottla_core::transaction::Transaction<'p, Native>,
}

impl Transaction<'_> {
    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core.try_send(topic, record).map(Delivery::new)
    }

    /// As [`Producer::send`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core.send(topic, record).await.map(Delivery::new)
    }

    /// [`send`](Self::send), blocking the thread.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_blocking(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        block_on(self.send(topic, record))
    }

    /// A handle for sending many records to one topic within this transaction.
    #[must_use]
    pub fn topic(&self, name: &str) -> TransactionTopic<'_> {
        TransactionTopic { core: self.core.topic(name) }
    }

    /// As [`Producer::partitions`].
    ///
    /// # Errors
    /// As [`Producer::partitions`].
    pub async fn partitions(&self, topic: &str) -> Result<u32, SendError> {
        self.core.partitions(topic).await
    }

    /// [`partitions`](Self::partitions), blocking the thread.
    ///
    /// # Errors
    /// As [`Producer::partitions`].
    pub fn partitions_blocking(&self, topic: &str) -> Result<u32, SendError> {
        block_on(self.partitions(topic))
    }

    /// As [`Producer::flush`]. A commit needs no flush before.
    pub async fn flush(&self) {
        self.core.flush().await;
    }

    /// [`flush`](Self::flush), blocking the thread.
    pub fn flush_blocking(&self) {
        block_on(self.flush());
    }

    /// Makes offsets of a consumer group part of the transaction.
    ///
    /// # Errors
    /// [`TransactionError::Abortable`], for instance where the group has given the consumer's
    /// partitions to another; [`TransactionError::Fatal`], [`TransactionError::TimedOut`].
    pub async fn send_offsets(
        &mut self,
        offsets: &[ConsumedOffset<'_>],
        group: &GroupMetadata<'_>,
    ) -> Result<(), TransactionError> {
        self.core.send_offsets(offsets, group).await
    }

    /// [`send_offsets`](Self::send_offsets), blocking the thread.
    ///
    /// # Errors
    /// As [`send_offsets`](Self::send_offsets).
    pub fn send_offsets_blocking(
        &mut self,
        offsets: &[ConsumedOffset<'_>],
        group: &GroupMetadata<'_>,
    ) -> Result<(), TransactionError> {
        block_on(self.send_offsets(offsets, group))
    }

    /// Commits: waits until every record is acknowledged, then makes all of them visible at once.
    /// If one was not acknowledged it aborts instead, and says why.
    ///
    /// # Errors
    /// [`TransactionError::Abortable`]: it was aborted; nothing is visible. After the others see
    /// [`TransactionalProducer::settle`].
    pub async fn commit(self) -> Result<(), TransactionError> {
        self.core.commit().await
    }

    /// [`commit`](Self::commit), blocking the thread.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn commit_blocking(self) -> Result<(), TransactionError> {
        block_on(self.commit())
    }

    /// Aborts, and waits until that is done. Dropping the transaction aborts as well.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::TimedOut`]: the brokers abort it.
    pub async fn abort(self) -> Result<(), TransactionError> {
        self.core.abort().await
    }

    /// [`abort`](Self::abort), blocking the thread.
    ///
    /// # Errors
    /// As [`abort`](Self::abort).
    pub fn abort_blocking(self) -> Result<(), TransactionError> {
        block_on(self.abort())
    }
}

/// Sends to one topic within one transaction without looking the topic up each time. Each thread
/// that sends has a clone, as of [`Topic`](crate::Topic).
#[derive(Clone, Debug)]
pub struct TransactionTopic<'t> {
    core: ottla_core::transaction::TransactionTopic<'t, Native>,
}

impl TransactionTopic<'_> {
    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.core.name()
    }

    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core.try_send(record).map(Delivery::new)
    }

    /// As [`Producer::send`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core.send(record).await.map(Delivery::new)
    }

    /// [`send`](Self::send), blocking the thread.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_blocking(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        block_on(self.send(record))
    }
}
