//! A topic resolved once, for sending many records.

use futures_lite::future::block_on;
use ottla_transport_std::Native;

use crate::{Deliveries, Delivery, Producer, Record, SendError, TopicMetrics};

/// Sends to one topic without looking it up each time.
///
/// Records without a key stick to a partition for a while, so that batches fill up. Each handle has
/// its own stickiness: give each thread that sends a lot a clone, and they don't meet at one
/// partition's lock.
#[derive(Clone, Debug)]
pub struct Topic {
    topic: ottla_core::Topic<Native>,
    /// Keeps the I/O thread running.
    producer: Producer,
}

impl Topic {
    pub(crate) fn new(topic: ottla_core::Topic<Native>, producer: Producer) -> Self {
        Self { topic, producer }
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.topic.name()
    }

    /// The producer that it sends with.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// What was counted for this topic so far, by all handles.
    #[must_use]
    pub fn metrics(&self) -> TopicMetrics {
        self.topic.metrics()
    }

    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    #[inline]
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.topic.try_send(record).map(Delivery::new)
    }

    /// As [`try_send`](Self::try_send), with the record's delivery added to `deliveries`: cheaper
    /// where many records are sent, as only batches are counted there.
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    #[inline]
    pub fn try_send_into(
        &self,
        record: Record<'_>,
        deliveries: &mut Deliveries,
    ) -> Result<(), SendError> {
        self.topic.try_send_into(record, deliveries.core_mut())
    }

    /// As [`Producer::send`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.topic.send(record).await.map(Delivery::new)
    }

    /// As [`Producer::send_blocking`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_blocking(&self, record: Record<'_>) -> Result<Delivery, SendError> {
        block_on(self.send(record))
    }
}
