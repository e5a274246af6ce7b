//! A platform for tests of parts that need neither threads nor time.

use core::cell::RefCell;

use crate::sync::Platform;
use crate::time::{Clock, Instant};

pub(crate) struct Alone;

impl Platform for Alone {
    type Lock<T> = RefCell<T>;
    type Clock = Stopped;
}

pub(crate) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn unix_millis(&self) -> i64 {
        0
    }
}
