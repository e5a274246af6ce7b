//! The producer's handle: what applications call.

use alloc::string::String;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::accumulator::buffer_pool::{Buffer, Ticket};
use crate::accumulator::delivery::Delivery;
use crate::config::ProducerConfig;
use crate::error::SendError;
use crate::metrics::Metrics;
use crate::record::Record;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};
use crate::topic::{
    Need, Refusal, Status, Topic, TopicHandle, TopicState, ask_again, give_back, prepare, try_send,
};

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
        let handle = TopicHandle::new(state, &self.shared);
        Topic { shared: self.shared.clone(), handle }
    }

    /// Appends a record without waiting. On [`SendError::BufferFull`] and
    /// [`SendError::MetadataPending`] try again later; the record is still yours.
    pub fn try_send(&self, topic: &str, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        try_send(&self.shared, &self.handle(topic), record)
    }

    /// Appends a record as soon as the topic's metadata and memory are there, waiting up to
    /// `max.block.ms`; those who wait for memory get it first come, first served. Dropping the
    /// future takes nothing with it.
    pub fn send<'a>(&'a self, topic: &str, record: Record<'a>) -> Send<'a, X> {
        Send::new(&self.shared, self.handle(topic), record)
    }

    /// The number of a topic's partitions, waiting for its metadata up to `max.block.ms`.
    pub fn partitions(&self, topic: &str) -> Partitions<X> {
        let topic = self.handle(topic).state.clone();
        Partitions { wait: MetadataWait::new(self.shared.clone(), topic) }
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
        self.shared.last_error.with(|error| error.clone())
    }

    /// The configuration.
    pub fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    /// The topic's handle that all callers of `send(topic, …)` share.
    fn handle(&self, name: &str) -> Arc<TopicHandle<X>> {
        let known = self.shared.topics.with(|topics| topics.get(name).cloned());
        known.unwrap_or_else(|| {
            let handle = TopicHandle::new(TopicState::new(name, &self.shared), &self.shared);
            self.shared
                .topics
                .with(|topics| topics.entry(handle.state.name.clone()).or_insert(handle).clone())
        })
    }
}

/// A send that waits; see [`Producer::send`].
#[must_use = "futures do nothing unless polled"]
pub struct Send<'a, X: Platform> {
    shared: &'a Arc<Shared<X>>,
    handle: Arc<TopicHandle<X>>,
    /// After the interceptors; an error is told at the first poll.
    record: Result<Record<'a>, SendError>,
    since: Option<Instant>,
    ticket: Option<Ticket>,
    buffer: Option<Buffer>,
}

impl<X: Platform> fmt::Debug for Send<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("record", &self.record).finish_non_exhaustive()
    }
}

impl<'a, X: Platform> Send<'a, X> {
    pub(crate) fn new(
        shared: &'a Arc<Shared<X>>,
        handle: Arc<TopicHandle<X>>,
        record: Record<'a>,
    ) -> Self {
        let record = prepare(shared, &handle.state.name, record);
        Self { shared, handle, record, since: None, ticket: None, buffer: None }
    }

    fn advance(&mut self, cx: &Context<'_>) -> Poll<Result<Delivery<X>, SendError>> {
        let record = self.record.clone()?;
        loop {
            if let Some(ticket) = self.ticket {
                match self.shared.pool.with(|pool| pool.claim(ticket, cx.waker())) {
                    Some(buffer) => {
                        self.ticket = None;
                        self.buffer = Some(buffer);
                    }
                    None => return self.still_waiting(),
                }
            }
            match self.handle.append(self.shared, &record, &mut self.buffer) {
                Ok(delivery) => return Poll::Ready(Ok(delivery)),
                Err(Refusal::Error(error)) => {
                    ask_again(self.shared, &self.handle, &error);
                    return Poll::Ready(Err(error));
                }
                Err(Refusal::Need(Need::Metadata(partition))) => {
                    match self.wait_for_metadata(partition, cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Err(Refusal::Need(need)) => {
                    if !self.take_memory(&need, cx)? {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Takes memory, or a place in the queue for it.
    fn take_memory(&mut self, need: &Need, cx: &Context<'_>) -> Result<bool, SendError> {
        let Need::Memory { wanted, least, account } = *need else { return Ok(true) };
        let (deadline, _) = self.deadline();
        let memory = self.shared.pool.with(|pool| {
            if pool.is_closed() {
                return Err(SendError::Closed);
            }
            let buffer = pool.try_allocate(wanted, account);
            Ok(match buffer.or_else(|| pool.try_allocate(least, account)) {
                Some(buffer) => Ok(buffer),
                None => Err(pool.wait(least, account, deadline, cx.waker())),
            })
        })?;
        match memory {
            Ok(buffer) => {
                self.buffer = Some(buffer);
                Ok(true)
            }
            Err(ticket) => {
                self.ticket = Some(ticket);
                self.shared.post(Event::Memory, Instant::ZERO);
                Ok(false)
            }
        }
    }

    /// The end of `max.block.ms`, which begins with the first wait, and how long it has lasted.
    fn deadline(&mut self) -> (Instant, Duration) {
        let now = self.shared.clock.now();
        let since = *self.since.get_or_insert(now);
        (since + self.shared.config.max_block, now.since(since))
    }

    fn still_waiting(&mut self) -> Poll<Result<Delivery<X>, SendError>> {
        if self.shared.pool.with(|pool| pool.is_closed()) {
            return Poll::Ready(Err(SendError::Closed));
        }
        let (deadline, waited) = self.deadline();
        if self.shared.clock.now() < deadline {
            return Poll::Pending;
        }
        self.shared.metrics.with(|metrics| metrics.buffer_exhausted += 1);
        Poll::Ready(Err(SendError::BufferExhausted { waited }))
    }

    fn wait_for_metadata(
        &mut self,
        partition: Option<(i32, u32)>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        let (deadline, waited) = self.deadline();
        poll_metadata(self.shared, &self.handle.state, partition, deadline, waited, cx)
    }
}

/// Waits for a topic, or for a partition that it does not have yet (KAFKA-6833).
fn poll_metadata<X: Platform>(
    shared: &Shared<X>,
    topic: &Arc<TopicState<X>>,
    partition: Option<(i32, u32)>,
    deadline: Instant,
    waited: Duration,
    cx: &Context<'_>,
) -> Poll<Result<(), SendError>> {
    if shared.is_closed() {
        return Poll::Ready(Err(SendError::Closed));
    }
    if shared.clock.now() >= deadline {
        let (topic, cause) = (String::from(&*topic.name), last_error(shared));
        return Poll::Ready(Err(SendError::NotInMetadata { topic, partition, waited, cause }));
    }
    // Register first, then look again: a publication in between would be missed otherwise.
    topic.wait(cx.waker());
    let there = match (topic.status(), partition) {
        ((Status::Unknown, _), _) => false,
        ((_, count), Some((partition, _))) => (partition as u32) < count,
        _ => true,
    };
    if there {
        return Poll::Ready(Ok(()));
    }
    shared.post(Event::Metadata { topic: topic.clone(), deadline }, Instant::ZERO);
    Poll::Pending
}

fn last_error<X: Platform>(shared: &Shared<X>) -> Option<Arc<str>> {
    shared.last_error.with(|error| error.clone())
}

impl<X: Platform> Future for Send<'_, X> {
    type Output = Result<Delivery<X>, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().advance(cx)
    }
}

/// Memory that was granted goes on to the next who waits, and a place in the queue is given up.
impl<X: Platform> Drop for Send<'_, X> {
    fn drop(&mut self) {
        give_back(self.shared, self.buffer.take());
        if let Some(ticket) = self.ticket.take() {
            self.shared.pool.with(|pool| pool.cancel(ticket));
            self.shared.grant_memory();
        }
    }
}

/// The wait for a topic's metadata.
struct MetadataWait<X: Platform> {
    shared: Arc<Shared<X>>,
    topic: Arc<TopicState<X>>,
    since: Option<Instant>,
}

impl<X: Platform> MetadataWait<X> {
    fn new(shared: Arc<Shared<X>>, topic: Arc<TopicState<X>>) -> Self {
        Self { shared, topic, since: None }
    }
}

/// See [`Producer::partitions`].
#[must_use = "futures do nothing unless polled"]
pub struct Partitions<X: Platform> {
    wait: MetadataWait<X>,
}

impl<X: Platform> fmt::Debug for Partitions<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").field("topic", &self.wait.topic.name).finish_non_exhaustive()
    }
}

impl<X: Platform> Future for Partitions<X> {
    type Output = Result<u32, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let MetadataWait { shared, topic, since } = &mut self.get_mut().wait;
        loop {
            match topic.status() {
                (Status::Known, count) => return Poll::Ready(Ok(count)),
                (Status::Refused(code), _) => {
                    let topic = String::from(&*topic.name);
                    return Poll::Ready(Err(SendError::Topic { topic, code }));
                }
                (Status::Unknown, _) => {}
            }
            let since = *since.get_or_insert_with(|| shared.clock.now());
            let (deadline, waited) = (since + shared.config.max_block, shared.waited(since));
            match poll_metadata(shared, topic, None, deadline, waited, cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// See [`Producer::flush`].
#[must_use = "futures do nothing unless polled"]
pub struct Flush<X: Platform> {
    shared: Arc<Shared<X>>,
    below: Option<u64>,
}

impl<X: Platform> fmt::Debug for Flush<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").finish_non_exhaustive()
    }
}

impl<X: Platform> Future for Flush<X> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let below = match self.below {
            Some(below) => below,
            None => {
                let below = self.shared.pool.with(|pool| pool.next_number());
                self.below = Some(below);
                self.shared.post(Event::Flush, Instant::ZERO);
                below
            }
        };
        let stopped = self.shared.inbox.with(|inbox| {
            inbox.watch(cx.waker());
            inbox.stopped
        });
        let complete = self.shared.pool.with(|pool| pool.all_complete_below(below));
        if stopped || complete { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// See [`Producer::close`].
#[must_use = "futures do nothing unless polled"]
pub struct Close<X: Platform> {
    shared: Arc<Shared<X>>,
    timeout: Duration,
    asked: bool,
}

impl<X: Platform> fmt::Debug for Close<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl<X: Platform> Future for Close<X> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.asked {
            self.asked = true;
            self.shared.closed.store(true, Ordering::Release);
            let deadline = self.shared.clock.now() + self.timeout;
            self.shared.post(Event::Close { deadline }, Instant::ZERO);
        }
        let stopped = self.shared.inbox.with(|inbox| {
            inbox.watch(cx.waker());
            inbox.stopped
        });
        if stopped { Poll::Ready(()) } else { Poll::Pending }
    }
}
