//! Waiting for the end of what was sent: flush and close.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};

/// See [`Producer::flush`](crate::Producer::flush).
#[must_use = "futures do nothing unless polled"]
pub struct Flush<X: Platform> {
    pub(super) shared: Arc<Shared<X>>,
    pub(super) below: Option<u64>,
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

/// See [`Producer::close`](crate::Producer::close).
#[must_use = "futures do nothing unless polled"]
pub struct Close<X: Platform> {
    pub(super) shared: Arc<Shared<X>>,
    pub(super) timeout: Duration,
    pub(super) asked: bool,
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
