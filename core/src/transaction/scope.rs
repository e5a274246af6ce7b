//! A transaction: what is sent while it is there takes effect with its commit, or never.

use core::fmt;
use core::marker::PhantomData;

use alloc::boxed::Box;

use super::desk::{Ask, ask, wait};
use super::error::TransactionError;
use super::news::Ended;
use super::offsets::{ConsumedOffset, GroupMetadata, Offsets};
use super::producer::abandon;
use crate::accumulator::delivery::Delivery;
use crate::error::SendError;
use crate::producer::{Flush, Partitions, Producer, Send};
use crate::record::Record;
use crate::sync::{Lock, Platform};
use crate::topic::Topic;

/// A transaction that was begun. Dropping it aborts it, in the background.
///
/// Threads may share it by reference. Records are sent as they would be otherwise: batched,
/// compressed, in order. One that is not acknowledged dooms the transaction: the commit then aborts
/// it and says why. One that was refused by the call itself was never part of it.
#[must_use = "a transaction that is dropped is aborted"]
pub struct Transaction<'p, X: Platform> {
    producer: &'p Producer<X>,
}

impl<X: Platform> fmt::Debug for Transaction<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("producer", self.producer).finish()
    }
}

impl<'p, X: Platform> Transaction<'p, X> {
    pub(super) fn new(producer: &'p Producer<X>) -> Self {
        Self { producer }
    }

    /// As [`Producer::try_send`].
    ///
    /// # Errors
    /// As [`Producer::try_send`].
    pub fn try_send(&self, topic: &str, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        self.producer.try_send(topic, record)
    }

    /// As [`Producer::send`].
    pub fn send<'a>(&'a self, topic: &str, record: Record<'a>) -> Send<'a, X> {
        self.producer.send(topic, record)
    }

    /// A topic resolved once, for sending many records within this transaction.
    pub fn topic(&self, name: &str) -> TransactionTopic<'_, X> {
        TransactionTopic { topic: self.producer.topic(name), transaction: PhantomData }
    }

    /// As [`Producer::partitions`].
    pub fn partitions(&self, topic: &str) -> Partitions<X> {
        self.producer.partitions(topic)
    }

    /// As [`Producer::flush`]. A commit needs no flush before.
    pub fn flush(&self) -> Flush<X> {
        self.producer.flush()
    }

    /// Makes offsets of a consumer group part of the transaction, and waits until the group's
    /// coordinator has taken them.
    ///
    /// # Errors
    /// [`TransactionError::Abortable`], for instance where the group has given the consumer's
    /// partitions to another; [`TransactionError::Fatal`], [`TransactionError::TimedOut`].
    pub async fn send_offsets(
        &mut self,
        offsets: &[ConsumedOffset<'_>],
        group: &GroupMetadata<'_>,
    ) -> Result<(), TransactionError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let shared = &self.producer.shared;
        let number = shared.desk.with(|desk| {
            desk.offsets += 1;
            desk.offsets
        });
        ask(shared, Ask::Offsets(Box::new(Offsets::new(number, offsets, group))));
        wait(shared, |desk| match (desk.failure(), &desk.news.cause) {
            (Some(error), _) => Some(Err(error.into())),
            (None, Some(cause)) => Some(Err(cause.clone().into())),
            (None, None) => (desk.news.offsets_done >= number).then_some(Ok(())),
        })
        .await
    }

    /// Commits: sends what was not sent yet, without lingering, waits for all outcomes, and then
    /// makes the transaction visible at once. If any record was not acknowledged it aborts instead.
    ///
    /// # Errors
    /// [`TransactionError::Abortable`]: it was aborted; nothing is visible. The others leave it to
    /// [`settle`](super::TransactionalProducer::settle) or to the brokers.
    pub async fn commit(self) -> Result<(), TransactionError> {
        match self.end(true).await? {
            Ended::Committed | Ended::Aborted(None) => Ok(()),
            Ended::Aborted(Some(cause)) => Err(cause.into()),
        }
    }

    /// Aborts: batches that were not sent fail with
    /// [`Reason::TransactionAborted`](crate::Reason::TransactionAborted) (KIP-654), the others are
    /// never visible to those who read committed records.
    ///
    /// # Errors
    /// [`TransactionError::Fatal`], [`TransactionError::TimedOut`]: the brokers abort it.
    pub async fn abort(self) -> Result<(), TransactionError> {
        self.end(false).await.map(|_| ())
    }

    async fn end(self, commit: bool) -> Result<Ended, TransactionError> {
        let shared = &self.producer.shared;
        shared.desk.with(|desk| {
            desk.open = false;
            desk.ends += 1;
        });
        ask(shared, Ask::End { commit });
        wait(shared, |desk| match desk.failure() {
            _ if desk.has_ended() => desk.news.last.clone().map(Ok),
            Some(error) => Some(Err(desk.undone(error))),
            None => None,
        })
        .await
    }
}

impl<X: Platform> Drop for Transaction<'_, X> {
    fn drop(&mut self) {
        abandon(self.producer);
    }
}

/// A topic resolved once, for sending many records within one transaction.
pub struct TransactionTopic<'t, X: Platform> {
    topic: Topic<X>,
    transaction: PhantomData<&'t ()>,
}

impl<X: Platform> Clone for TransactionTopic<'_, X> {
    fn clone(&self) -> Self {
        Self { topic: self.topic.clone(), transaction: PhantomData }
    }
}

impl<X: Platform> fmt::Debug for TransactionTopic<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.topic.fmt(f)
    }
}

impl<X: Platform> TransactionTopic<'_, X> {
    /// The topic's name.
    pub fn name(&self) -> &str {
        self.topic.name()
    }

    /// As [`Topic::try_send`].
    ///
    /// # Errors
    /// As [`Topic::try_send`].
    pub fn try_send(&mut self, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        self.topic.try_send(record)
    }

    /// As [`Topic::send`].
    pub fn send<'a>(&'a mut self, record: Record<'a>) -> Send<'a, X> {
        self.topic.send(record)
    }
}
