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
    #[cfg_attr(target_family = "wasm", inline(never))]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[cfg_attr(target_family = "wasm", inline(never))]
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
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

/// In microseconds, up to half a million years.
pub(crate) fn micros(duration: Duration) -> u64 {
    whole(duration, 1_000_000) + u64::from(duration.subsec_micros())
}

/// In milliseconds, up to half a billion years.
pub(crate) fn millis(duration: Duration) -> u64 {
    whole(duration, 1000) + u64::from(duration.subsec_millis())
}

/// For Kafka's fields.
pub(crate) fn millis_i32(duration: Duration) -> i32 {
    i32::try_from(millis(duration)).unwrap_or(i32::MAX)
}

/// Its seconds in a smaller unit. Not as [`Duration`] has it, in 128 bits: these take much code
/// where there is no instruction for them, and WebAssembly has none.
fn whole(duration: Duration, units: u64) -> u64 {
    duration.as_secs().min(u64::MAX / units - 1) * units
}

/// The earlier of two optional deadlines.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
