//! The producer's handle and the life of its I/O thread.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_lite::future::block_on;
use ottla_transport_std::{IoThread, Native};

use crate::start::start;
use crate::{
    Delivery, Interceptors, Metrics, ProducerConfig, Record, SendError, StartError, Supervisor,
    Topic,
};

/// How long dropping the last handle waits for records that have no outcome yet.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

/// A Kafka producer. Clones are handles of the same producer, for any thread.
///
/// Blocking methods must not be called in async code, nor by an interceptor's
/// `on_acknowledgement`, which runs on the I/O thread that they would wait for.
#[derive(Clone, Debug)]
pub struct Producer(Arc<Running>);

/// What ends with the last handle.
#[derive(Debug)]
struct Running {
    core: ottla_core::Producer<Native>,
    /// `None` only while it is being dropped.
    io_thread: Option<IoThread>,
}

impl Producer {
    /// Starts a producer. It connects when the first record is sent; a token server that the
    /// configuration names is asked now, which blocks the thread for half a minute at most.
    ///
    /// # Errors
    /// The configuration contradicts itself, or the system gives no thread.
    pub fn new(config: ProducerConfig) -> Result<Self, StartError> {
        Self::with_interceptors(config, Interceptors::new())
    }

    /// [`new`](Self::new) with hooks that see every record and every batch's outcome, in this
    /// order. Where one panics over an outcome, the panic hook reports that, and nothing else
    /// changes.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_interceptors(
        config: ProducerConfig,
        interceptors: Interceptors,
    ) -> Result<Self, StartError> {
        #[cfg(feature = "transactions")]
        if config.transactional_id.is_some() {
            return Err(StartError::Config(crate::ConfigError::Invalid {
                key: "transactional.id".into(),
                problem: "belongs to a transaction::TransactionalProducer; a Producer sends \
                          outside of transactions"
                    .into(),
            }));
        }
        Self::start(config, interceptors)
    }

    pub(crate) fn start(
        config: ProducerConfig,
        interceptors: Interceptors,
    ) -> Result<Self, StartError> {
        let (core, io_thread) = start(config, interceptors)?;
        Ok(Self(Arc::new(Running { core, io_thread: Some(io_thread) })))
    }

    /// Starts a producer from Kafka's own configuration keys and values, as in a properties file.
    ///
    /// # Errors
    /// As [`new`](Self::new), and for an unknown key or a value that doesn't fit its key.
    pub fn from_properties<'a>(
        properties: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, StartError> {
        Self::new(ProducerConfig::from_properties(properties)?)
    }

    /// Appends a record without ever waiting.
    ///
    /// # Errors
    /// [`SendError::BufferFull`] and [`SendError::MetadataPending`] (no partition of the topic is
    /// known yet; they have been asked for): try again later. All others: see [`SendError`].
    #[inline]
    pub fn try_send(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core().try_send(topic, record).map(Delivery::new)
    }

    /// Appends a record, waiting up to `max.block.ms` for the topic's metadata and for memory;
    /// memory is given first come, first served. Cancel-safe: a dropped future has sent nothing and
    /// keeps nothing.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        self.core().send(topic, record).await.map(Delivery::new)
    }

    /// [`send`](Self::send), blocking the thread.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_blocking(&self, topic: &str, record: Record<'_>) -> Result<Delivery, SendError> {
        block_on(self.send(topic, record))
    }

    /// A handle for sending many records to one topic.
    #[must_use]
    pub fn topic(&self, name: &str) -> Topic {
        Topic::new(self.core().topic(name), self.clone())
    }

    /// How many partitions a topic has, waiting up to `max.block.ms` for its metadata.
    ///
    /// # Errors
    /// [`SendError::NotInMetadata`], [`SendError::Topic`], [`SendError::Closed`].
    pub async fn partitions(&self, topic: &str) -> Result<u32, SendError> {
        self.core().partitions(topic).await
    }

    /// [`partitions`](Self::partitions), blocking the thread.
    ///
    /// # Errors
    /// As [`partitions`](Self::partitions).
    pub fn partitions_blocking(&self, topic: &str) -> Result<u32, SendError> {
        block_on(self.partitions(topic))
    }

    /// Sends what was accepted before this call without lingering, and waits until all of it has an
    /// outcome.
    pub async fn flush(&self) {
        self.core().flush().await;
    }

    /// [`flush`](Self::flush), blocking the thread.
    pub fn flush_blocking(&self) {
        block_on(self.flush());
    }

    /// Accepts no more records, sends what was accepted, and ends the I/O thread. Records without
    /// an outcome after `timeout` fail with [`Reason::Closed`](crate::Reason::Closed).
    ///
    /// Closes the producer for all its handles.
    pub async fn close(&self, timeout: Duration) {
        self.core().close(timeout).await;
    }

    /// [`close`](Self::close), blocking the thread.
    pub fn close_blocking(&self, timeout: Duration) {
        block_on(self.close(timeout));
    }

    /// What the producer has counted so far.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.core().metrics()
    }

    /// The last thing that went wrong with a connection or the metadata, in words; `None` while all
    /// is well. For logs and for people: records fail only with their own errors.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.core().last_error()
    }

    /// A handle that watches and ends the producer, but sends nothing.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        Supervisor::new(self.clone())
    }

    /// The configuration it runs with.
    #[must_use]
    pub fn config(&self) -> &ProducerConfig {
        self.core().config()
    }

    /// Asks the I/O thread to close, without waiting for that.
    #[cfg(feature = "transactions")]
    pub(crate) fn begin_closing(&self, timeout: Duration) {
        self.0.begin_closing(timeout);
    }

    #[inline]
    pub(crate) fn core(&self) -> &ottla_core::Producer<Native> {
        &self.0.core
    }
}

impl Running {
    /// Asks the I/O thread to close, without waiting for that.
    fn begin_closing(&self, timeout: Duration) {
        let close = pin!(self.core.close(timeout));
        let _ = close.poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(io_thread) = self.io_thread.take() else { return };
        // No future is waited for: a thread that ends may hold the last handle, and has nothing
        // left to wait with.
        self.begin_closing(DROP_TIMEOUT);
        // Where an interceptor, or a waker, held it, the I/O thread can't wait for itself. It
        // closes after what it is doing now.
        if !io_thread.is_current() {
            io_thread.join();
        }
    }
}
