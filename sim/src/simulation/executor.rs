//! Runs the application's tasks, one after another, only those that were woken.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ottla_core::time::{Clock, Instant};

use super::clock::VirtualClock;

/// Whether something was woken.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    /// Whether it was woken since the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Task {
    name: String,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    woken: Arc<Flag>,
    waker: Waker,
}

/// The tasks and their timers.
pub(crate) struct Executor {
    tasks: Vec<Task>,
    timers: Timers,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("unfinished", &self.unfinished()).finish_non_exhaustive()
    }
}

impl Executor {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self { tasks: Vec::new(), timers: Timers { clock, sleepers: Rc::default() } }
    }

    /// The timers, for tasks that sleep.
    pub(crate) fn timers(&self) -> Timers {
        self.timers.clone()
    }

    pub(crate) fn spawn(&mut self, name: String, future: impl Future<Output = ()> + 'static) {
        let woken = Arc::new(Flag::default());
        woken.clone().wake();
        let waker = Waker::from(woken.clone());
        self.tasks.push(Task { name, future: Some(Box::pin(future)), woken, waker });
    }

    /// Polls every task that was woken, once; false if there was none.
    pub(crate) fn run_woken(&mut self) -> bool {
        let mut ran = false;
        for task in &mut self.tasks {
            let Some(future) = &mut task.future else { continue };
            if !task.woken.take() {
                continue;
            }
            ran = true;
            if future.as_mut().poll(&mut Context::from_waker(&task.waker)).is_ready() {
                task.future = None;
            }
        }
        ran
    }

    /// The names of the tasks that go on.
    pub(crate) fn unfinished(&self) -> Vec<&str> {
        let going_on = self.tasks.iter().filter(|task| task.future.is_some());
        going_on.map(|task| task.name.as_str()).collect()
    }
}

/// Wakes tasks at their time.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    clock: VirtualClock,
    sleepers: Rc<RefCell<Sleepers>>,
}

#[derive(Debug, Default)]
struct Sleepers {
    by_time: BTreeMap<(Instant, u64), Waker>,
    count: u64,
}

impl Timers {
    /// When the next task wants to be woken.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.sleepers.borrow().by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Wakes those whose time has come.
    pub(crate) fn fire(&self) {
        let mut sleepers = self.sleepers.borrow_mut();
        while let Some(first) = sleepers.by_time.first_entry()
            && first.key().0 <= self.clock.now()
        {
            first.remove().wake();
        }
    }

    /// Waits for so long.
    pub(crate) async fn sleep(&self, time: Duration) {
        let until = self.clock.now() + time;
        let mut alarm = Alarm { sleepers: &self.sleepers, key: None };
        poll_fn(|cx| {
            if self.clock.now() >= until {
                return Poll::Ready(());
            }
            alarm.set(until, cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// The future's output, unless it takes longer than `time`: then it is dropped.
    pub(crate) async fn within<F: Future>(&self, time: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleep = pin!(self.sleep(time));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }
}

/// A task's place among the sleepers. Given up with the wait, or it would wake a task that should
/// have been woken by something else, and hide that it wasn't.
struct Alarm<'a> {
    sleepers: &'a RefCell<Sleepers>,
    key: Option<(Instant, u64)>,
}

impl Alarm<'_> {
    fn set(&mut self, until: Instant, waker: &Waker) {
        if self.key.is_none() {
            let mut sleepers = self.sleepers.borrow_mut();
            sleepers.count += 1;
            let key = (until, sleepers.count);
            sleepers.by_time.insert(key, waker.clone());
            self.key = Some(key);
        }
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.sleepers.borrow_mut().by_time.remove(&key);
        }
    }
}
