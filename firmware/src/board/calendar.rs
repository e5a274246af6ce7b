//! What time it is, for the producer.

use ottla_core::time::{Clock, Instant};

use super::debugger;

/// The uptime, and the date that the debugger told at the start.
#[derive(Clone, Copy)]
pub(crate) struct Calendar {
    started_at: i64,
}

impl Calendar {
    pub(super) fn start() -> Self {
        Self { started_at: i64::from(debugger::unix_seconds()) * 1000 }
    }
}

impl Clock for Calendar {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    fn unix_millis(&self) -> i64 {
        self.started_at + embassy_time::Instant::now().as_millis() as i64
    }
}
