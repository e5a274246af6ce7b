//! When a record is due.

use std::thread;
use std::time::{Duration, Instant};

use crate::Mode;

/// Records that are due within so long are sent together: sleeping for each would cost more than
/// sending it.
const TICK: Duration = Duration::from_millis(1);

/// The times at which one thread's records are due.
#[derive(Debug)]
pub struct Pace {
    start: Instant,
    per_tick: Option<f64>,
    due: Instant,
}

impl Pace {
    /// From now on; `share` is this thread's part of the rate.
    #[must_use]
    pub fn start(mode: Mode, share: f64) -> Self {
        let per_tick = match mode {
            Mode::Pace(rate) => Some(rate * share * TICK.as_secs_f64()),
            Mode::Flood | Mode::Await => None,
        };
        let now = Instant::now();
        Self { start: now, per_tick, due: now }
    }

    /// When record `index` was due, after waiting for that time. Whoever is late is not waited
    /// for: what blocks the sender counts as latency.
    pub fn wait(&mut self, index: u64) -> Instant {
        let (due, wait) = self.next(index);
        if let Some(wait) = wait {
            thread::sleep(wait);
        }
        due
    }

    /// The same for whoever must not block the thread: how long to sleep first.
    pub fn next(&mut self, index: u64) -> (Instant, Option<Duration>) {
        let due = self.due(index);
        if due == self.due {
            return (due, None);
        }
        self.due = due;
        (due, due.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()))
    }

    /// When record `index` is due; the start where there is no pace.
    #[must_use]
    pub fn due(&self, index: u64) -> Instant {
        match self.per_tick {
            Some(per_tick) => self.start + TICK.mul_f64((index as f64 / per_tick).floor()),
            None => self.start,
        }
    }
}
