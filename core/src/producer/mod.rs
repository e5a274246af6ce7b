//! The producer's handle: what applications call.

mod finish;
mod partitions;
mod resend;
#[cfg(feature = "waiting")]
mod send;

use core::fmt;
use core::time::Duration;

use crate::accumulator::delivery::Delivery;
use crate::config::ProducerConfig;
use crate::error::SendError;
use crate::metrics::Metrics;
use crate::record::Record;
use crate::shared::Shared;
use crate::sync::{Arc, Lock, Platform};
#[cfg(feature = "waiting")]
use crate::topic::AnyHandle;
use crate::topic::{OwnHandle, SharedHandle, Topic, TopicState, try_send};

pub use finish::{Close, Flush};
pub use partitions::Partitions;
#[cfg(feature = "waiting")]
pub(crate) use partitions::poll_metadata;
#[cfg(feature = "waiting")]
pub use send::Send;

/// A Kafka producer. Clones are handles of the same producer.
///
/// It only does something while its [`Driver`](crate::Driver) is polled.
pub struct Producer<X: Platform> {
    pub(crate) shared: Arc<Shared<X>>,
}

impl<X: Platform> Clone for Producer<X> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<X: Platform> fmt::Debug for Producer<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("client_id", &self.shared.config.client_id)
            .finish_non_exhaustive()
    }
}

impl<X: Platform> Producer<X> {
    /// A topic resolved once, for sending many records; see [`Topic`].
    pub fn topic(&self, name: &str) -> Topic<X> {
        let state = self.handle(name).state.clone();
        let handle = OwnHandle::new(state, &self.shared);
        Topic { shared: self.shared.clone(), handle }
    }

    /// Appends a record without waiting. On [`SendError::BufferFull`] and
    /// [`SendError::MetadataPending`] try again later; the record is still yours.
    pub fn try_send(&self, topic: &str, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        try_send(&self.shared, &mut self.handle(topic), record)
    }

    /// Appends a record as soon as the topic's metadata and memory are there, waiting up to
    /// `max.block.ms`; those who wait for memory get it first come, first served. Dropping the
    /// future takes nothing with it.
    #[cfg(feature = "waiting")]
    pub fn send<'a>(&'a self, topic: &str, record: Record<'a>) -> Send<'a, X> {
        Send::new(&self.shared, AnyHandle::Shared(self.handle(topic)), record)
    }

    /// Sends a batch again that an earlier producer stored under `key`
    /// ([`Driver::store_batches`](crate::Driver::store_batches)): `read` fills in its `len` bytes.
    /// Never waits. Hand over what was stored in the order of its storing, and all of it before the
    /// first new record.
    ///
    /// # Errors
    /// [`SendError::MetadataPending`] and [`SendError::BufferFull`]: try again later.
    /// [`SendError::InvalidRecord`] where the bytes are no whole batch: remove them.
    #[cfg(feature = "store")]
    pub fn try_resend(
        &self,
        topic: &str,
        partition: i32,
        key: u64,
        len: usize,
        read: impl FnOnce(&mut [u8]),
    ) -> Result<Delivery<X>, SendError> {
        resend::try_resend(&self.shared, &self.handle(topic).state, partition, key, len, read)
    }

    /// The number of a topic's partitions, waiting for its metadata up to `max.block.ms`.
    pub fn partitions(&self, topic: &str) -> Partitions<X> {
        let topic = self.handle(topic).state.clone();
        Partitions { shared: self.shared.clone(), topic, since: None }
    }

    /// Sends everything that was accepted before this call, without lingering, and waits until all
    /// of it has an outcome. Records accepted later are not waited for.
    pub fn flush(&self) -> Flush<X> {
        Flush { shared: self.shared.clone(), below: None }
    }

    /// Accepts no more records, sends what was accepted, and stops the driver. What has no outcome
    /// after `timeout` fails with [`Reason::Closed`](crate::Reason::Closed).
    pub fn close(&self, timeout: Duration) -> Close<X> {
        Close { shared: self.shared.clone(), timeout, asked: false }
    }

    /// What the producer has counted so far.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.shared.metrics.with(|metrics| *metrics);
        self.shared.pool.with(|pool| {
            metrics.buffer_total_bytes = pool.total_bytes() as u64;
            metrics.buffer_available_bytes = pool.free_bytes() as u64;
            metrics.waiting_for_memory = pool.waiting() as u64;
        });
        metrics
    }

    /// The last thing that went wrong with a connection or the metadata, in words; `None` once the
    /// metadata is there.
    pub fn last_error(&self) -> Option<Arc<str>> {
        self.shared.last_error()
    }

    /// The configuration.
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    /// The topic's handle that all callers of `send(topic, …)` share.
    pub(crate) fn handle(&self, name: &str) -> Arc<SharedHandle<X>> {
        let known = self.shared.topics.with(|topics| topics.get(name).cloned());
        known.unwrap_or_else(|| {
            let topic = TopicState::new(name, &self.shared);
            let handle = Arc::new(SharedHandle::new(topic, &self.shared));
            self.shared.topics.with(|topics| {
                // Another thread may have been here in the meantime.
                if !topics.contains_key(&handle.state.name) {
                    topics.insert(handle.state.name.clone(), handle.clone());
                }
                topics.get(name).cloned().unwrap_or(handle)
            })
        })
    }
}
