//! A send that waits, for metadata and for memory.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use super::partitions::poll_metadata;
use crate::accumulator::buffer_pool::{BufferPool, Wanted};
use crate::accumulator::delivery::Delivery;
use crate::accumulator::waiters::Ticket;
use crate::error::SendError;
use crate::record::Record;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};
use crate::topic::{
    AnyHandle, Attempt, Need, Refusal, TopicHandle, append, ask_again, give_back, prepare,
};

/// A send that waits; see [`Producer::send`](crate::Producer::send).
#[must_use = "futures do nothing unless polled"]
pub struct Send<'a, X: Platform> {
    shared: &'a Arc<Shared<X>>,
    handle: AnyHandle<'a, X>,
    /// After the interceptors.
    record: Record<'a>,
    /// At most; an error is told at the first poll.
    size: Result<usize, SendError>,
    since: Option<Instant>,
    ticket: Option<Ticket>,
    /// Others waited for memory when this had got its own.
    others_wait: bool,
    attempt: Attempt,
}

impl<X: Platform> fmt::Debug for Send<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").field("record", &self.record).finish_non_exhaustive()
    }
}

impl<'a, X: Platform> Send<'a, X> {
    pub(crate) fn new(
        shared: &'a Arc<Shared<X>>,
        handle: AnyHandle<'a, X>,
        mut record: Record<'a>,
    ) -> Self {
        let size = prepare(shared, &handle.state().name, &mut record);
        Self {
            shared,
            handle,
            record,
            size,
            since: None,
            ticket: None,
            others_wait: false,
            attempt: Attempt::default(),
        }
    }

    fn advance(&mut self, cx: &Context<'_>) -> Poll<Result<Delivery<X>, SendError>> {
        let size = self.size.clone()?;
        loop {
            if let Some(ticket) = self.ticket {
                let claim = |pool: &mut BufferPool| {
                    Some((pool.claim(ticket, cx.waker())?, pool.waiting() > 0))
                };
                let Some((buffer, others_wait)) = self.shared.pool.with(claim) else {
                    return self.still_waiting();
                };
                self.ticket = None;
                self.others_wait = others_wait;
                self.attempt.buffer = Some(buffer);
            }
            match append(&mut self.handle, self.shared, &self.record, size, &mut self.attempt) {
                Ok(delivery) => {
                    if self.others_wait {
                        // What was sent so far made room for this one; its batch makes the next.
                        self.shared.post(Event::Memory, Instant::ZERO);
                    }
                    return Poll::Ready(Ok(delivery));
                }
                Err(Refusal::Error(error)) => {
                    ask_again(self.shared, self.handle.state(), &error);
                    return Poll::Ready(Err(error));
                }
                Err(Refusal::Need(Need::Metadata(partition))) => {
                    give_back(self.shared, self.attempt.buffer.take());
                    match self.wait_for_metadata(partition, cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Err(Refusal::Need(Need::Memory(wanted))) => {
                    if !self.take_memory(wanted, cx)? {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Takes memory, or a place in the queue for it.
    fn take_memory(&mut self, wanted: Wanted, cx: &Context<'_>) -> Result<bool, SendError> {
        let (deadline, _) = self.deadline();
        let memory = self.shared.pool.with(|pool| {
            if pool.is_closed() {
                return Err(SendError::Closed);
            }
            let buffer = pool.try_allocate_wanted(wanted);
            Ok(buffer.ok_or_else(|| pool.wait(wanted, deadline, cx.waker())))
        })?;
        match memory {
            Ok(buffer) => {
                self.attempt.buffer = Some(buffer);
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
        self.give_up_waiting();
        Poll::Ready(Err(SendError::BufferExhausted { waited }))
    }

    /// Memory that was granted goes on to the next who waits, and a place in the queue is given up.
    fn let_go(&mut self) {
        give_back(self.shared, self.attempt.buffer.take());
        self.give_up_waiting();
    }

    /// Leaves the queue for memory; what was granted in the meantime goes to the next.
    fn give_up_waiting(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.pool.with(|pool| pool.cancel(ticket));
            self.shared.grant_memory();
        }
    }

    fn wait_for_metadata(
        &mut self,
        partition: Option<(i32, u32)>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), SendError>> {
        let (deadline, waited) = self.deadline();
        poll_metadata(self.shared, self.handle.state(), partition, deadline, waited, cx)
    }
}

impl<X: Platform> Future for Send<'_, X> {
    type Output = Result<Delivery<X>, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = this.advance(cx);
        if polled.is_ready() {
            this.let_go();
        }
        polled
    }
}

impl<X: Platform> Drop for Send<'_, X> {
    fn drop(&mut self) {
        self.let_go();
    }
}
