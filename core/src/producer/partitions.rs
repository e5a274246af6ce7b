//! Waiting for a topic's metadata.

use alloc::string::String;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::error::SendError;
use crate::shared::Shared;
use crate::sync::{Arc, Platform};
use crate::time::{Clock, Instant};
use crate::topic::{Status, TopicState};

/// Waits for a topic, or for a partition that it does not have yet (KAFKA-6833).
pub(crate) fn poll_metadata<X: Platform>(
    shared: &Shared<X>,
    topic: &Arc<TopicState<X>>,
    partition: Option<(i32, u32)>,
    deadline: Instant,
    waited: Duration,
    cx: &Context<'_>,
) -> Poll<Result<(), SendError>> {
    // Register first, then look again: a publication, or the end, in between would be missed
    // otherwise.
    topic.wait(cx.waker());
    if shared.is_closed() {
        return Poll::Ready(Err(SendError::Closed));
    }
    let there = match (topic.status(), partition) {
        ((Status::Unknown, _), _) => false,
        ((Status::Known, count), Some((partition, _))) => (partition as u32) < count,
        _ => true,
    };
    if there {
        return Poll::Ready(Ok(()));
    }
    // Also where no time is left: so the next send finds it.
    shared.want_metadata(topic, deadline);
    if shared.clock.now() < deadline {
        return Poll::Pending;
    }
    let (topic, cause) = (String::from(&*topic.name), shared.last_error());
    Poll::Ready(Err(SendError::NotInMetadata { topic, partition, waited, cause }))
}

/// See [`Producer::partitions`](crate::Producer::partitions).
#[must_use = "futures do nothing unless polled"]
pub struct Partitions<X: Platform> {
    pub(super) shared: Arc<Shared<X>>,
    pub(super) topic: Arc<TopicState<X>>,
    pub(super) since: Option<Instant>,
}

impl<X: Platform> fmt::Debug for Partitions<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").field("topic", &self.topic.name).finish_non_exhaustive()
    }
}

impl<X: Platform> Future for Partitions<X> {
    type Output = Result<u32, SendError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, topic, since } = self.get_mut();
        loop {
            match topic.status() {
                (Status::Known, count) => return Poll::Ready(Ok(count)),
                (Status::Refused(code), _) => {
                    let topic = String::from(&*topic.name);
                    return Poll::Ready(Err(SendError::Topic { topic, code }));
                }
                (Status::Distrusted, _) => return Poll::Ready(Err(shared.authentication_error())),
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
