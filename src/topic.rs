//! A topic resolved once, for sending many records.

use futures_lite::future::block_on;
use ottla_transport_std::Native;

use crate::{Deliveries, Delivery, Producer, Record, SendError, TopicMetrics};

/// Sends to one topic without looking it up each time.
///
/// Records without a key stick to a partition for a while, so that batches fill up. Each handle has
/// its own stickiness, and as it is one thread's (or task's) it needs no lock for that: give each
/// that sends a clone, and they don't meet at one partition's lock either.
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
    pub fn try_send(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.topic.try_send(record).map(Delivery::new)
    }

    /// As [`try_send`](Self::try_send), with the record's delivery added to `deliveries`: cheaper
    /// where many records are sent, as only batches are counted there.
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    #[inline]
    pub fn try_send_into(
        &mut self,
        record: Record<'_>,
        deliveries: &mut Deliveries,
    ) -> Result<(), SendError> {
        self.topic.try_send_into(record, deliveries.core_mut())
    }

    /// As [`try_send_into`](Self::try_send_into) for each of `records`, in order: cheaper still, as
    /// those that go to one batch are appended at once. `records` is left with those that were not
    /// accepted, the first of them the one that the error is of.
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send_all(
        &mut self,
        records: &mut &[Record<'_>],
        deliveries: &mut Deliveries,
    ) -> Result<(), SendError> {
        self.topic.try_send_all(records, deliveries.core_mut())
    }

    /// As [`Producer::send`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        self.topic.send(record).await.map(Delivery::new)
    }

    /// [`try_send_all`](Self::try_send_all), waiting as [`Producer::send`] does. Cancel-safe: what
    /// `records` is left with has not been sent.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send_all(
        &mut self,
        records: &mut &[Record<'_>],
        deliveries: &mut Deliveries,
    ) -> Result<(), SendError> {
        self.topic.send_all(records, deliveries.core_mut()).await
    }

    /// [`send_all`](Self::send_all), blocking the thread.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_all_blocking(
        &mut self,
        records: &mut &[Record<'_>],
        deliveries: &mut Deliveries,
    ) -> Result<(), SendError> {
        block_on(self.send_all(records, deliveries))
    }

    /// As [`Producer::send_blocking`].
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_blocking(&mut self, record: Record<'_>) -> Result<Delivery, SendError> {
        block_on(self.send(record))
    }
}
