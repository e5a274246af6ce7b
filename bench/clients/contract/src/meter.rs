//! What a stretch of work took: time, processor time, memory.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// Measures from its creation on.
#[derive(Debug)]
pub struct Meter {
    start: Instant,
    user: Duration,
    system: Duration,
}

/// What was used.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Wall-clock time.
    pub time: Duration,
    /// Processor time of all threads in the program.
    pub user: Duration,
    /// Processor time of all threads in the kernel.
    pub system: Duration,
}

impl Meter {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        let (user, system) = processor_time();
        Self { start: Instant::now(), user, system }
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.start
    }

    /// What was used since.
    #[must_use]
    pub fn stop(&self) -> Used {
        let time = self.start.elapsed();
        let (user, system) = processor_time();
        Used { time, user: user - self.user, system: system - self.system }
    }
}

fn processor_time() -> (Duration, Duration) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("every Unix has it");
    (duration(usage.user_time()), duration(usage.system_time()))
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_micros(time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64)
}

/// The largest resident set so far, in bytes. Not that of `getrusage`, which begins with the size
/// of the program that started this one.
pub(crate) fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<u64>().ok()
    });
    kib.unwrap_or(0) * 1024
}
