//! The modes of Kafka's 0.8 producer (`kafka.producer.Producer`) over today's: the same accumulator
//! and sender, told what the old keys say ([`Config`]).
//!
//! What is different, since it was a fault (row ids of the feature contract):
//!
//! - an asynchronous message that fails is [reported](Producer::take_lost), not only logged (A4.5);
//! - one bad topic holds up no other (A7.3), one failing broker neither (A10.6);
//! - a message that is sent again keeps its partition and its order (A5.4);
//! - the time in the queue counts from a batch's first message, not from the last batch (A4.4), and
//!   `batch.num.messages` is a partition's, not all partitions' together;
//! - `queue.buffering.max.messages` counts messages without an outcome, those on the wire too;
//! - waiting for the queue is first come, first served, and blocks nobody else's synchronous call
//!   (A3.4);
//! - keys are hashed with murmur2 as today; without a key, a partition per
//!   `topic.metadata.refresh.interval.ms` as then (A8).

mod error;
mod queue;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;

pub use error::{Error, Failure};

use self::queue::Queue;
use crate::accumulator::delivery::Delivery;
pub use crate::config::producer_0_8::Config;
use crate::error::{DeliveryError, SendError};
use crate::producer::poll_metadata;
use crate::record::Record;
use crate::shared::Event;
use crate::sync::{Arc, Platform};
use crate::time::{Clock, Instant};
use crate::topic::try_send;

/// `producer.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A call ends with the outcome of its messages.
    Sync,
    /// A call ends when its messages are in the queue.
    Async,
}

/// `queue.enqueue.timeout.ms`: what becomes of a message that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// 0: it is dropped, and the caller told.
    Drop,
    /// Negative: it waits.
    Wait,
    /// Positive: it waits so long, then it is dropped.
    WaitFor(Duration),
}

/// `KeyedMessage`: a record and its topic. [`Record::partition_key`] is its `partKey`.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The rest.
    pub record: Record<'a>,
}

/// A message of the asynchronous mode that was taken and not acknowledged.
#[derive(Clone, Debug)]
pub struct Lost {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Why.
    pub error: DeliveryError,
}

/// 0.8's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// `MessagesPerSec`: messages that were given to `send`, whatever became of them.
    pub messages: u64,
    /// `BytesPerSec`: bytes of their values.
    pub bytes: u64,
    /// `DroppedMessagesPerSec`: messages that found the queue full.
    pub dropped: u64,
    /// `FailedSendsPerSec`, by message: asynchronous ones that were not acknowledged.
    pub failed: u64,
    /// `ResendsPerSec`, by message.
    pub resent: u64,
    /// `ProducerQueueSize`: messages without an outcome.
    pub queued: u64,
}

/// The 0.8 producer. Clones are handles of the same one.
pub struct Producer<X: Platform> {
    inner: crate::Producer<X>,
    mode: Mode,
    when_full: WhenFull,
    queue: Arc<Queue<X>>,
}

impl<X: Platform> Clone for Producer<X> {
    fn clone(&self) -> Self {
        let Self { inner, mode, when_full, queue } = self;
        let (inner, queue) = (inner.clone(), queue.clone());
        Self { inner, mode: *mode, when_full: *when_full, queue }
    }
}

impl<X: Platform> fmt::Debug for Producer<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl<X: Platform> Producer<X> {
    /// Gives a producer that was made with [`Config::producer`] 0.8's manners.
    pub fn new(inner: crate::Producer<X>, config: &Config) -> Self {
        let queue = Arc::new(Queue::new(config.queue_messages));
        Self { inner, mode: config.mode, when_full: config.when_full, queue }
    }

    /// Sends messages, of any topics. Synchronous: until each has its outcome; asynchronous: until
    /// each is in the queue. The deliveries tell the offsets; nobody has to keep them.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(&self, messages: &[Message<'_>]) -> Result<Vec<Delivery<X>>, Error> {
        if self.inner.shared.is_closed() {
            return Err(Error::Closed);
        }
        let bytes =
            messages.iter().map(|it| it.record.value.map_or(0, <[u8]>::len) as u64).sum::<u64>();
        self.queue.count(|stats| {
            stats.messages += messages.len() as u64;
            stats.bytes += bytes;
        });
        match self.mode {
            Mode::Sync => self.send_all(messages).await,
            Mode::Async => {
                let mut deliveries = Vec::with_capacity(messages.len());
                for (index, message) in messages.iter().enumerate() {
                    deliveries.push(self.enqueue(index, message).await?);
                }
                Ok(deliveries)
            }
        }
    }

    /// The asynchronous messages that were lost since the last call; at most 1,000 are kept.
    pub fn take_lost(&self) -> Vec<Lost> {
        self.queue.take_lost()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        Stats { resent: self.inner.metrics().records_retried, ..self.queue.stats() }
    }

    /// Sends what is in the queue and ends. The second call does nothing.
    pub async fn close(&self) {
        self.inner.close(self.inner.config().delivery_timeout).await;
    }

    /// Topic by topic side by side, within a topic in order.
    async fn send_all(&self, messages: &[Message<'_>]) -> Result<Vec<Delivery<X>>, Error> {
        let mut topics: Vec<&str> = messages.iter().map(|message| message.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        let mut sends: Vec<_> =
            topics.into_iter().map(|topic| Box::pin(self.send_topic(topic, messages))).collect();
        let mut outcomes = Vec::new();
        poll_fn(|cx| {
            sends.retain_mut(|send| match send.as_mut().poll(cx) {
                Poll::Ready(mut done) => {
                    outcomes.append(&mut done);
                    false
                }
                Poll::Pending => true,
            });
            if sends.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        outcomes.sort_unstable_by_key(|(index, _)| *index);
        let failures = |(index, outcome): &(usize, Result<_, Failure>)| {
            Some((*index, outcome.as_ref().err()?.clone()))
        };
        let failures: Vec<_> = outcomes.iter().filter_map(failures).collect();
        if !failures.is_empty() {
            return Err(Error::Failed { failures });
        }
        Ok(outcomes.into_iter().filter_map(|(_, outcome)| outcome.ok()).collect())
    }

    async fn send_topic(
        &self,
        topic: &str,
        messages: &[Message<'_>],
    ) -> Vec<(usize, Result<Delivery<X>, Failure>)> {
        let mut sent = Vec::new();
        for (index, message) in messages.iter().enumerate().filter(|(_, it)| it.topic == topic) {
            let delivery = self.inner.send(topic, message.record).await;
            sent.push((index, delivery.map_err(Failure::Refused)));
        }
        for (_, outcome) in &mut sent {
            let Ok(delivery) = outcome else { continue };
            if let Err(error) = Pin::new(delivery).await {
                *outcome = Err(Failure::NotAcknowledged(error));
            }
        }
        sent
    }

    async fn enqueue(&self, index: usize, message: &Message<'_>) -> Result<Delivery<X>, Error> {
        match self.enqueue_when_known(message).await {
            Ok(delivery) => Ok(delivery),
            Err(SendError::BufferFull) => {
                self.queue.count(|stats| stats.dropped += 1);
                Err(Error::QueueFull { index })
            }
            Err(SendError::Closed) => Err(Error::Closed),
            Err(error) => Err(Error::Refused { index, error }),
        }
    }

    /// Metadata is waited for outside of the line: a topic or a partition that is not there holds
    /// up nobody.
    async fn enqueue_when_known(&self, message: &Message<'_>) -> Result<Delivery<X>, SendError> {
        self.inner.partitions(message.topic).await?;
        let mut since = None;
        loop {
            match self.wait_in_line(message).await {
                Err(SendError::MetadataPending) => {
                    self.wait_for_metadata(message, &mut since).await?
                }
                outcome => return outcome,
            }
        }
    }

    /// Waits for a topic's partition, until `max.block.ms` after `since`.
    async fn wait_for_metadata(
        &self,
        message: &Message<'_>,
        since: &mut Option<Instant>,
    ) -> Result<(), SendError> {
        let shared = &self.inner.shared;
        let since = *since.get_or_insert_with(|| shared.clock.now());
        let topic = &self.inner.handle(message.topic).state;
        poll_fn(|cx| {
            let (_, count) = topic.status();
            let partition = message.record.partition.map(|partition| (partition, count));
            let (deadline, waited) = (since + shared.config.max_block, shared.waited(since));
            poll_metadata(shared, topic, partition, deadline, waited, cx)
        })
        .await
    }

    async fn wait_in_line(&self, message: &Message<'_>) -> Result<Delivery<X>, SendError> {
        let mut topic = self.inner.handle(message.topic);
        let place = Place { producer: self, ticket: self.queue.take_ticket() };
        let mut deadline = None;
        poll_fn(|cx| {
            // Before the look, else what happens in between would be missed.
            self.inner.shared.watch(cx.waker());
            if self.queue.may_enter(place.ticket) {
                match try_send(&self.inner.shared, &mut topic, message.record) {
                    Ok(delivery) => {
                        self.queue.push(topic.state.name.clone(), delivery.share());
                        return Poll::Ready(Ok(delivery));
                    }
                    Err(SendError::BufferFull) => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if self.inner.shared.is_closed() {
                return Poll::Ready(Err(SendError::Closed));
            }
            if self.has_patience(&mut deadline) {
                return Poll::Pending;
            }
            Poll::Ready(Err(SendError::BufferFull))
        })
        .await
    }

    /// Whether a message that finds the queue full waits (on).
    fn has_patience(&self, deadline: &mut Option<Instant>) -> bool {
        let shared = &self.inner.shared;
        let first = deadline.is_none();
        let now = shared.clock.now();
        let until = *deadline.get_or_insert_with(|| match self.when_full {
            WhenFull::Drop => now,
            WhenFull::Wait => now + Duration::MAX,
            WhenFull::WaitFor(time) => now + time,
        });
        if first && now < until {
            // What lingers leaves, so that there is room soon.
            shared.post(Event::Memory, Instant::ZERO);
        }
        if now < until && self.when_full != WhenFull::Wait {
            shared.post(Event::Alarm { at: until }, until);
        }
        now < until
    }
}

/// A place in the line; leaving it is the next one's turn.
struct Place<'a, X: Platform> {
    producer: &'a Producer<X>,
    ticket: u64,
}

impl<X: Platform> Drop for Place<'_, X> {
    fn drop(&mut self) {
        self.producer.queue.give_up(self.ticket);
        self.producer.inner.shared.wake_watchers();
    }
}
