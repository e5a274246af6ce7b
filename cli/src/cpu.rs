//! Processor time and memory of this process, from the operating system's own counters.

use std::time::Duration;

/// What the process has used since it started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// The largest resident set so far, in bytes.
    pub(crate) max_rss: u64,
}

/// Reads the counters; `None` where the system has no `getrusage`.
#[cfg(unix)]
pub(crate) fn usage() -> Option<Usage> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    /// Apple counts bytes, everyone else kibibytes.
    const RSS_UNIT: u64 = if cfg!(target_vendor = "apple") { 1 } else { 1024 };

    let duration = |time: TimeVal| {
        let micros = time.tv_sec() as u64 * 1_000_000 + time.tv_usec() as u64;
        Duration::from_micros(micros)
    };
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    Some(Usage {
        user: duration(usage.user_time()),
        system: duration(usage.system_time()),
        max_rss: u64::try_from(usage.max_rss()).unwrap_or(0) * RSS_UNIT,
    })
}

/// Reads the counters; `None` where the system has no `getrusage`.
#[cfg(not(unix))]
pub(crate) fn usage() -> Option<Usage> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted() {
        let before = usage().unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(30) {
            std::hint::black_box(0);
        }
        let after = usage().unwrap();
        assert!(after.user + after.system > before.user + before.system);
        assert!(after.max_rss > 1 << 20, "{}", after.max_rss);
    }
}
