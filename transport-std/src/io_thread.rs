//! The one thread that drives the producer: works when there is something to do, sleeps otherwise.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::Context;
use std::thread::{self, JoinHandle, ThreadId};

use ottla_core::Driver;
use ottla_core::transport::Transport;

use crate::alarm::Alarm;
use crate::io_loop::{Turns, Work, work_of};
use crate::platform::Native;
use crate::reactor::Reactor;

/// Handle of the I/O thread. Dropping it stops the driver and waits for the thread's end; dropped
/// on the I/O thread itself, it lets the driver finish by itself.
pub struct IoThread {
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
    alarm: Arc<Alarm>,
}

impl IoThread {
    /// Starts the thread `ottla-io | CLIENT_ID`, which polls `driver` until it has finished. The
    /// driver's transport must be one of `reactor`.
    ///
    /// # Errors
    /// The operating system's, when it gives no thread or no file descriptor.
    pub fn spawn<T>(
        client_id: &str,
        reactor: Reactor,
        mut driver: Driver<Native, T>,
    ) -> io::Result<Self>
    where
        T: Transport + Send + 'static,
        T::Connection: Send,
    {
        let name = format!("ottla-io | {client_id}");
        Self::run(&name, reactor, move |cx| work_of(&mut driver, cx))
    }

    /// Starts a thread that takes turns at `work` until it breaks.
    fn run(
        name: &str,
        reactor: Reactor,
        mut work: impl FnMut(&mut Context<'_>) -> Work + Send + 'static,
    ) -> io::Result<Self> {
        let mut turns = Turns::new(reactor)?;
        let alarm = turns.alarm();
        let thread = thread::Builder::new().name(name.replace('\0', "")).spawn(move || {
            // An error means that the poller is broken; dropping the driver fails what is open.
            while let Ok(true) = turns.turn(None, &mut work) {}
        })?;
        Ok(Self { id: thread.thread().id(), thread: Some(thread), alarm })
    }

    /// Whether the calling thread is the I/O thread itself. It must not wait for its own work.
    #[must_use]
    pub fn is_current(&self) -> bool {
        thread::current().id() == self.id
    }

    /// Waits until the driver has finished, which is soon after the producer was closed. Returns at
    /// once on the I/O thread itself.
    pub fn join(mut self) {
        self.wait();
    }

    fn wait(&mut self) {
        if self.is_current() {
            return;
        }
        if let Some(thread) = self.thread.take() {
            // Its panic has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        if self.thread.is_some() && !self.is_current() {
            self.alarm.stop();
            self.wait();
        }
    }
}

impl fmt::Debug for IoThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoThread").field("thread", &self.thread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use ottla_core::time::Clock;

    use super::*;
    use crate::platform::NativeClock;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn every_wake_up_arrives_while_the_thread_falls_asleep_again_and_again() {
        const THREADS: usize = 4;
        const ROUNDS: u64 = 5_000;
        // What a thread asks for, and how far the I/O thread has come. Only the alarm orders the
        // two.
        let asked: Arc<[AtomicU64; THREADS]> = Arc::default();
        let done: Arc<[AtomicU64; THREADS]> = Arc::default();
        let (waker_sender, waker_receiver) = mpsc::channel();
        let (its_asked, its_done) = (Arc::clone(&asked), Arc::clone(&done));
        let reactor = Reactor::new().unwrap();
        let io_thread = IoThread::run("stress", reactor, move |cx| {
            let _ = waker_sender.send(cx.waker().clone());
            for (asked, done) in its_asked.iter().zip(its_done.iter()) {
                done.store(asked.load(Ordering::Relaxed), Ordering::Release);
            }
            ControlFlow::Continue(None)
        })
        .unwrap();
        let waker = waker_receiver.recv().unwrap();
        thread::scope(|scope| {
            for index in 0..THREADS {
                let (asked, done, waker) = (&asked[index], &done[index], &waker);
                scope.spawn(move || {
                    for round in 1..=ROUNDS {
                        asked.store(round, Ordering::Relaxed);
                        waker.wake_by_ref();
                        let begun = std::time::Instant::now();
                        while done.load(Ordering::Acquire) < round {
                            assert!(begun.elapsed() < PATIENCE, "wake-up {round} was lost");
                            thread::yield_now();
                        }
                    }
                });
            }
        });
        drop(io_thread);
    }

    #[test]
    fn it_works_again_at_the_instant_it_asked_for_and_not_before() {
        let calls = Arc::new(AtomicUsize::new(0));
        let its_calls = Arc::clone(&calls);
        let (sender, receiver) = mpsc::channel();
        let mut wake_at = None;
        let _io_thread = IoThread::run("timer", Reactor::new().unwrap(), move |_| {
            its_calls.fetch_add(1, Ordering::Relaxed);
            let now = NativeClock.now();
            let at = *wake_at.get_or_insert(now + Duration::from_millis(30));
            if now < at {
                return ControlFlow::Continue(Some(at));
            }
            let _ = sender.send(now.since(at));
            ControlFlow::Break(())
        })
        .unwrap();
        assert!(receiver.recv_timeout(PATIENCE).is_ok());
        assert!(calls.load(Ordering::Relaxed) <= 3, "it was polled while nothing was due");
    }

    #[test]
    fn dropping_the_handle_ends_the_thread_and_with_it_what_it_owns() {
        let owned = Arc::new(());
        let its = Arc::clone(&owned);
        let io_thread = IoThread::run("drop \0 me", Reactor::new().unwrap(), move |_| {
            let _ = &its;
            ControlFlow::Continue(None)
        })
        .unwrap();
        drop(io_thread);
        assert_eq!(Arc::strong_count(&owned), 1);
    }
}
