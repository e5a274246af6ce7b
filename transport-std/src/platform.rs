//! What a target with `std` supplies to the core: a mutex and the system's clocks.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Instant as StdInstant, SystemTime, UNIX_EPOCH};

use ottla_core::sync::{Lock, Platform};
use ottla_core::time::{Clock, Instant};

/// The platform of native programs: many threads share one producer.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Platform for Native {
    type Lock<T> = NativeLock<T>;
    type Clock = NativeClock;
}

/// A [`Mutex`] that ignores poisoning: the core's critical sections run no user code, so a panic
/// elsewhere leaves nothing half done behind the lock.
#[derive(Debug, Default)]
pub struct NativeLock<T>(Mutex<T>);

impl<T> Lock<T> for NativeLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Monotonic microseconds since the process first asked, and the system's wall clock.
///
/// All values of this type tell the same time.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeClock;

static ORIGIN: LazyLock<StdInstant> = LazyLock::new(StdInstant::now);

impl Clock for NativeClock {
    fn now(&self) -> Instant {
        let micros = ORIGIN.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// A wall clock set before 1970 reads as 0: Kafka has no negative timestamps.
    fn unix_millis(&self) -> i64 {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        i64::try_from(millis).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_panic_under_the_lock_does_not_lock_others_out() {
        let lock = NativeLock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("on purpose"))));
        assert!(panicked.is_err());
        assert_eq!(lock.with(|value| *value + 1), 2);
    }

    #[test]
    fn clocks_agree_and_move_on() {
        let before = NativeClock.now();
        std::thread::sleep(Duration::from_millis(2));
        assert!(NativeClock.now().since(before) >= Duration::from_millis(2));
        assert!(NativeClock.unix_millis() > 1_700_000_000_000);
    }
}
