//! Time as the state machines see it: always passed in, never asked for.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: microseconds of a monotonic clock whose origin is not specified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The clock's origin.
    pub const ZERO: Self = Self(0);

    /// From microseconds since the clock's origin.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock's origin.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        // As 64 bits: products of 128 take much code where there is no instruction for them.
        let whole = duration.as_secs().saturating_mul(1_000_000);
        let micros = whole.saturating_add(duration.subsec_micros().into());
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

/// A target's clock.
pub trait Clock {
    /// Monotonic time.
    fn now(&self) -> Instant;
    /// Milliseconds since 1970-01-01 UTC: the `CreateTime` of records that bring none.
    fn unix_millis(&self) -> i64;
}

/// The earlier of two optional deadlines.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
