//! Ten times a second, while the others may be waiting: draws the progress and tells what the
//! producer is struggling with.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ottla::Supervisor;

use super::shared::Shared;
use crate::progress::Progress;

const TICK: Duration = Duration::from_millis(100);
/// A warning that differs from the last one waits so long.
const WARNING_INTERVAL: Duration = Duration::from_secs(2);

/// For how long warnings are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Warn {
    /// Not at all: log lines say the same.
    Never,
    /// As long as no record is acknowledged.
    UntilAcknowledged,
    /// All the time.
    Always,
}

/// The running thread; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Watcher {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch.
    pub(crate) fn start(
        supervisor: Supervisor,
        shared: Arc<Shared>,
        progress: Progress,
        warn: Warn,
    ) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let mut warnings = Warnings { last: None, warn };
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let (read, acknowledged) = (&shared.read, &shared.acknowledged);
                let acknowledged = acknowledged.load(Relaxed);
                progress.update(read.load(Relaxed), acknowledged, shared.failed.load(Relaxed));
                warnings.look(&supervisor, acknowledged, &progress);
            }
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // It only panics if drawing does; the outcome of the records is not concerned.
            let _ = thread.join();
        }
    }
}

/// Says what is new, not too often.
struct Warnings {
    last: Option<(Arc<str>, Instant)>,
    warn: Warn,
}

impl Warnings {
    fn look(&mut self, supervisor: &Supervisor, acknowledged: u64, progress: &Progress) {
        let wanted = match self.warn {
            Warn::Never => false,
            Warn::UntilAcknowledged => acknowledged == 0,
            Warn::Always => true,
        };
        if !wanted {
            return;
        }
        let Some(error) = supervisor.last_error() else { return };
        let said = self
            .last
            .as_ref()
            .is_some_and(|(last, at)| *last == error || at.elapsed() < WARNING_INTERVAL);
        if !said {
            progress.warning(&format!("{error}; trying again"));
            self.last = Some((error, Instant::now()));
        }
    }
}
