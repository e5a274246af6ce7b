//! What a target with `std` supplies to the core: a mutex and the system's clocks.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant as StdInstant};

use ottla_core::sync::{Lock, Platform};
use ottla_core::time::{Clock, Instant};
use parking_lot::Mutex;

/// The platform of native programs: many threads share one producer.
#[derive(Clone, Copy, Debug)]
pub struct Native;

impl Platform for Native {
    type Lock<T> = NativeLock<T>;
    type Clock = NativeClock;

    /// Yields, and now and then pauses, as to yield is of no use while the others have processors
    /// of their own. Not where that takes long: then all processors are busy, and whoever gives way
    /// again and again has less of them than its share.
    fn give_way() {
        let began = micros();
        if began < LEFT_OUT_UNTIL.load(Ordering::Relaxed) {
            return;
        }
        if PAUSES.take(began) {
            thread::sleep(PAUSE);
        } else {
            thread::yield_now();
        }
        let back = micros();
        if back - began > LONG {
            LEFT_OUT_UNTIL.store(back + LEFT_OUT_AFTER_LONG, Ordering::Relaxed);
        }
    }
}

/// When the next pause is due, in microseconds.
struct Pauses(AtomicU64);

impl Pauses {
    /// Whether it is, and no other thread takes it.
    fn take(&self, now: u64) -> bool {
        let next = self.0.load(Ordering::Relaxed);
        let (after, order) = (now + PAUSE_INTERVAL, Ordering::Relaxed);
        now >= next && self.0.compare_exchange(next, after, order, order).is_ok()
    }
}

fn micros() -> u64 {
    NativeClock.now().as_micros()
}

/// Linux makes twice as much of it.
const PAUSE: Duration = Duration::from_micros(50);
/// In microseconds, as all that follow: so pauses take at most a fifth of the time, however many
/// batches are always under way to a distant broker.
const PAUSE_INTERVAL: u64 = 600;
/// More than the I/O thread has to do for a batch.
const LONG: u64 = 1000;
const LEFT_OUT_AFTER_LONG: u64 = 100_000;

static PAUSES: Pauses = Pauses(AtomicU64::new(0));
static LEFT_OUT_UNTIL: AtomicU64 = AtomicU64::new(0);

/// The platform of a producer that one thread has for itself. Its locks are cells: a lock waits
/// until all bytes written before are in the cache, twice for each record.
#[derive(Clone, Copy, Debug)]
pub struct OneThread;

impl Platform for OneThread {
    type Lock<T> = RefCell<T>;
    type Clock = NativeClock;
}

/// A mutex that is never poisoned: the core's critical sections run no user code, so a panic
/// elsewhere leaves nothing half done behind the lock. Not std's, which looks for panics whenever
/// it is locked and unlocked, as often as records are sent.
#[derive(Debug, Default)]
pub struct NativeLock<T>(Mutex<T>);

impl<T> Lock<T> for NativeLock<T> {
    fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock())
    }
}

/// Monotonic microseconds since the process first asked, and the system's wall clock.
///
/// All values of this type tell the same time.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeClock;

static ORIGIN: LazyLock<StdInstant> = LazyLock::new(StdInstant::now);

impl Clock for NativeClock {
    #[inline]
    fn now(&self) -> Instant {
        let micros = ORIGIN.elapsed().as_micros();
        Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// A wall clock set before 1970 reads as 0: Kafka has no negative timestamps. On Linux up to a
    /// tick of the system late, 10 ms at most: the exact time costs several times as much, for
    /// every record.
    #[inline]
    fn unix_millis(&self) -> i64 {
        wall::unix_millis().max(0)
    }
}

/// A processor of 32 bits may have seconds of 32 bits, which end in 2038; std has not.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod wall {
    use nix::time::{ClockId, clock_gettime};

    #[inline]
    pub(super) fn unix_millis() -> i64 {
        let Ok(now) = clock_gettime(ClockId::CLOCK_REALTIME_COARSE) else { return 0 };
        now.tv_sec().wrapping_mul(1000).wrapping_add(i64::from(now.tv_nsec() as u32 / 1_000_000))
    }
}

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod wall {
    use std::time::{SystemTime, UNIX_EPOCH};

    pub(super) fn unix_millis() -> i64 {
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
    fn one_pause_in_an_interval_is_taken_by_one_thread() {
        let pauses = Pauses(AtomicU64::new(0));
        for began in [0, PAUSE_INTERVAL, 10 * PAUSE_INTERVAL] {
            let taken = || (0..100).filter(|_| pauses.take(began)).count();
            let by_thread = thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(taken)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
            });
            assert_eq!(by_thread, 1);
            assert!(!pauses.take(began + PAUSE_INTERVAL - 1));
        }
    }

    #[test]
    fn clocks_agree_and_move_on() {
        let before = NativeClock.now();
        thread::sleep(Duration::from_millis(2));
        assert!(NativeClock.now().since(before) >= Duration::from_millis(2));
        assert!(NativeClock.unix_millis() > 1_700_000_000_000);
    }
}
