//! A platform for tests of parts that need neither threads nor time.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::sync::Platform;
use crate::time::{Clock, Instant};

pub(crate) struct Alone;

impl Platform for Alone {
    type Lock<T> = RefCell<T>;
    type Clock = Stopped;

    fn give_way() {
        WAYS_GIVEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// By all tests: only one of them fills so much memory.
pub(crate) static WAYS_GIVEN: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn unix_millis(&self) -> i64 {
        0
    }
}
