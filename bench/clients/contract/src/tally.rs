//! Outcomes as callbacks report them, from any thread.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::{Latencies, Mode, Task};

/// What became of the records so far.
#[derive(Debug)]
pub struct Tally {
    start: Instant,
    acknowledged: AtomicU64,
    failed: AtomicU64,
    /// Only where the task asks for them: a lock per record is nobody's usual callback.
    latencies: Option<Mutex<Latencies>>,
    /// Who awaits each record, where that is the task.
    awaiting: Mutex<Option<Thread>>,
    task: Task,
}

impl Tally {
    /// Nothing yet.
    #[must_use]
    pub fn new(task: &Task) -> Self {
        let latencies = (task.mode != Mode::Flood).then(Mutex::default);
        Self {
            start: Instant::now(),
            acknowledged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latencies,
            awaiting: Mutex::default(),
            task: task.clone(),
        }
    }

    /// Nanoseconds on the clock that [`Tally::acknowledged`] takes; 0 where nobody asks for
    /// latencies.
    #[must_use]
    pub fn stamp(&self, due: Instant) -> u64 {
        match self.latencies {
            Some(_) => due.saturating_duration_since(self.start).as_nanos() as u64,
            None => 0,
        }
    }

    /// A record that was due at `stamp` is acknowledged.
    pub fn acknowledged(&self, partition: i32, stamp: u64) {
        if let Some(latencies) = &self.latencies
            && self.task.is_healthy(partition)
        {
            let latency = self.start.elapsed().saturating_sub(Duration::from_nanos(stamp));
            latencies.lock().expect("nobody panics with it").record(latency);
        }
        self.acknowledged.fetch_add(1, Ordering::Release);
        if self.task.mode == Mode::Await
            && let Some(thread) = &*self.awaiting.lock().expect("nobody panics with it")
        {
            thread.unpark();
        }
    }

    /// A record failed; the first reason is shown.
    pub fn failed(&self, reason: &dyn std::fmt::Display) {
        if self.failed.fetch_add(1, Ordering::Release) == 0 {
            eprintln!("a record failed: {reason}");
        }
    }

    /// Waits until so many have an outcome. Where records are awaited one by one, the
    /// acknowledgement wakes this thread.
    pub fn wait_for(&self, records: u64) {
        if self.task.mode == Mode::Await {
            *self.awaiting.lock().expect("nobody panics with it") = Some(thread::current());
        }
        while self.acknowledged.load(Ordering::Acquire) + self.failed.load(Ordering::Acquire)
            < records
        {
            match self.task.mode {
                Mode::Await => thread::park(),
                Mode::Flood | Mode::Pace(_) => thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    /// Forgets the latencies of the warm-up.
    pub fn forget_latencies(&self) {
        if let Some(latencies) = &self.latencies {
            *latencies.lock().expect("nobody panics with it") = Latencies::default();
        }
    }

    /// How many were acknowledged.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Their latencies.
    #[must_use]
    pub fn latencies(&self) -> Latencies {
        let Some(latencies) = &self.latencies else { return Latencies::default() };
        latencies.lock().expect("nobody panics with it").clone()
    }
}
