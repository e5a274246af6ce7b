//! Virtual time, and the platform that runs on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};

/// The wall clock's time when a simulation begins: 2027-01-15, milliseconds since the Unix epoch.
const EPOCH_MILLIS: u64 = 1_800_000_000_000;

/// The platform of simulated producers: one thread, virtual time.
#[derive(Clone, Copy, Debug)]
pub struct Simulated;

impl Platform for Simulated {
    type Lock<T> = RefCell<T>;
    type Clock = VirtualClock;
}

/// A clock that stands still until it is told to go on. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Rc<Cell<Instant>>);

impl VirtualClock {
    /// Jumps to `time`; never back.
    pub fn advance_to(&self, time: Instant) {
        self.0.set(self.0.get().max(time));
    }

    /// Time since the Unix epoch, as brokers tell it.
    #[must_use]
    pub fn since_unix_epoch(&self) -> Duration {
        Duration::from_millis(EPOCH_MILLIS) + self.0.get().since(Instant::ZERO)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn unix_millis(&self) -> i64 {
        self.since_unix_epoch().as_millis() as i64
    }
}
