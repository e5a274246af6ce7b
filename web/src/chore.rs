//! What JavaScript waits for that is no record: a flush, the end.

use alloc::boxed::Box;
use core::future::Future;
#[cfg(feature = "full")]
use core::future::ready;
use core::pin::Pin;
use core::task::{Context, Poll};

use ottla_core::Producer;
use ottla_core::sync::Platform;
use ottla_core::time::Instant;

use crate::queue::TopicQueue;

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task {
    /// Records that wait for metadata or memory are handed to the core, or refused.
    #[cfg(feature = "full")]
    Accept,
    Flush,
    /// By force from then on.
    Close {
        until: Instant,
    },
}

/// Something to be done, and who hears of its end. It is behind all records that were sent before
/// it, also those that still wait.
pub(crate) struct Chore {
    pub(crate) slot: u32,
    task: Task,
    /// Since when there is it.
    since: Instant,
    /// Once it has begun.
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Chore {
    pub(crate) fn new(slot: u32, task: Task, since: Instant) -> Self {
        Self { slot, task, since, future: None }
    }

    /// Goes on with it.
    pub(crate) fn poll<X: Platform>(
        &mut self,
        producer: &Producer<X>,
        topics: &[TopicQueue<X>],
        now: Instant,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.future.is_none() && !self.is_due(topics, now) {
            return Poll::Pending;
        }
        let task = self.task;
        let future = self.future.get_or_insert_with(|| match task {
            #[cfg(feature = "full")]
            Task::Accept => Box::pin(ready(())),
            Task::Flush => Box::pin(producer.flush()),
            Task::Close { until } => Box::pin(producer.close(until.since(now))),
        });
        future.as_mut().poll(cx)
    }

    /// When it wants to be polled although nothing has happened.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.task {
            Task::Close { until } if self.future.is_none() => Some(until),
            _ => None,
        }
    }

    fn is_due<X: Platform>(&self, topics: &[TopicQueue<X>], now: Instant) -> bool {
        // A page that is left has no time; what it has stored goes with the next one.
        if !cfg!(feature = "full") && self.deadline().is_some() {
            return true;
        }
        let mut oldest = topics.iter().filter_map(TopicQueue::since);
        oldest.all(|since| since > self.since) || self.deadline().is_some_and(|until| until <= now)
    }
}
