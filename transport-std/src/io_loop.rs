//! Turns of rest and work, on whichever thread has time for them.

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::Driver;
use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::Transport;

use crate::alarm::Alarm;
use crate::platform::{NativeClock, OneThread};
use crate::reactor::Reactor;

/// What the turn's end is: nothing is left to do, or when there is something at the latest.
pub(crate) type Work = ControlFlow<(), Option<Instant>>;

/// A driver with its reactor, for a thread that takes turns at them between its other work.
///
/// Dropping it closes the producer by force.
pub struct IoLoop<T: Transport> {
    turns: Turns,
    driver: Driver<OneThread, T>,
    /// The producer was closed and all of its work is done.
    done: bool,
}

impl<T: Transport> IoLoop<T> {
    /// The driver's transport must be one of `reactor`.
    ///
    /// # Errors
    /// The operating system's, when no file descriptor is left.
    pub fn new(reactor: Reactor, driver: Driver<OneThread, T>) -> io::Result<Self> {
        Ok(Self { turns: Turns::new(reactor)?, driver, done: false })
    }

    /// Waits until there is something to do, at most so long (`None`: as long as that takes), and
    /// does it. Returns whether there will be more: false once the producer was closed and all of
    /// it is done.
    ///
    /// # Errors
    /// The operating system's poller's. Dropping the loop then fails what is open.
    pub fn turn(&mut self, at_most: Option<Duration>) -> io::Result<bool> {
        if !self.done {
            self.rest_and_work(at_most)?;
        }
        Ok(!self.done)
    }

    fn rest_and_work(&mut self, at_most: Option<Duration>) -> io::Result<()> {
        let Self { turns, driver, done } = self;
        *done = !turns.turn(at_most, |cx| work_of(driver, cx))?;
        Ok(())
    }

    /// Takes turns until `future` has its value: a flush, say, or a send that waits.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn block_on<F: Future>(&mut self, future: F) -> io::Result<F::Output> {
        let mut future = pin!(future);
        let waker = self.turns.waker.clone();
        let mut cx = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Ok(output);
            }
            // Also when all is done: somebody else may have to wake the future.
            self.rest_and_work(None)?;
        }
    }

    /// Whether a turn would find something to do that was asked for since the last one: a batch
    /// that is full, for instance. Cheap enough to ask after each record. What comes from the
    /// network, or falls due, only a turn finds out.
    #[inline]
    #[must_use]
    pub fn wants_turn(&self) -> bool {
        self.turns.alarm.is_rung()
    }
}

impl<T: Transport> fmt::Debug for IoLoop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoLoop").field("driver", &self.driver).finish_non_exhaustive()
    }
}

pub(crate) fn work_of<X: Platform, T: Transport>(
    driver: &mut Driver<X, T>,
    cx: &mut Context<'_>,
) -> Work {
    match driver.poll(cx) {
        Poll::Ready(()) => ControlFlow::Break(()),
        Poll::Pending => ControlFlow::Continue(driver.next_wake()),
    }
}

/// The reactor, and what ends its rest.
pub(crate) struct Turns {
    reactor: Reactor,
    alarm: Arc<Alarm>,
    waker: Waker,
    next_wake: Option<Instant>,
}

impl Turns {
    pub(crate) fn new(reactor: Reactor) -> io::Result<Self> {
        let interrupt = reactor.interrupt()?;
        let alarm = Arc::new(Alarm::new(move || {
            // Fails only if the poller is gone, and with it who rests there.
            let _ = interrupt.wake();
        }));
        let waker = Waker::from(Arc::clone(&alarm));
        Ok(Self { reactor, alarm, waker, next_wake: None })
    }

    pub(crate) fn alarm(&self) -> Arc<Alarm> {
        Arc::clone(&self.alarm)
    }

    /// Rests until the waker was woken, a socket is ready, the instant has come that `work` last
    /// returned, or `at_most` is over. Then works, unless the alarm was stopped. Returns whether
    /// there will be more to do.
    pub(crate) fn turn(
        &mut self,
        at_most: Option<Duration>,
        work: impl FnOnce(&mut Context<'_>) -> Work,
    ) -> io::Result<bool> {
        let rest = if at_most != Some(Duration::ZERO) && self.alarm.may_sleep() {
            let due = self.next_wake.map(|at| at.since(NativeClock.now()));
            due.into_iter().chain(at_most).min()
        } else {
            Some(Duration::ZERO) // only collects what sockets have become ready
        };
        self.reactor.turn(rest)?;
        if !self.alarm.begin_work() {
            return Ok(false);
        }
        let work = work(&mut Context::from_waker(&self.waker));
        self.next_wake = work.continue_value().flatten();
        Ok(work.is_continue())
    }
}
