//! What the connections share: the cluster, and word of its changes.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::cluster::{Cluster, Reply};
use crate::dev::sink::Sink;

/// The longest that a waiting request sleeps before it looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The cluster behind all connections.
#[derive(Debug)]
pub(super) struct Handler {
    cluster: Mutex<Cluster>,
    changed: Condvar,
    stopped: Mutex<bool>,
    stop: Condvar,
    pub(super) sink: Option<Sink>,
}

impl Handler {
    pub(super) fn new(cluster: Cluster, sink: Option<Sink>) -> Self {
        Self {
            cluster: Mutex::new(cluster),
            changed: Condvar::new(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
            sink,
        }
    }

    /// The cluster, which no connection uses meanwhile.
    pub(super) fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes to send for a request, however long that takes; `None` to end the connection.
    /// No bytes mean that the request has no answer.
    pub(super) fn answer(&self, node: i32, request: Bytes) -> Option<Bytes> {
        let mut cluster = self.cluster();
        let before = cluster.changes();
        let mut reply = cluster.handle(node, request, now());
        if cluster.changes() != before {
            self.changed.notify_all();
        }
        loop {
            match reply {
                Reply::Send { frame, delay } => {
                    drop(cluster);
                    return self.sleep(delay).then_some(frame);
                }
                Reply::Nothing => return Some(Bytes::new()),
                Reply::Close => return None,
                Reply::Later { token, at } => {
                    if self.is_stopped() {
                        cluster.cancel(token);
                        return None;
                    }
                    cluster = self.wait_for_change(cluster, at);
                    reply = cluster.resume(token, now());
                }
            }
        }
    }

    /// Lets waiting and sleeping connections end.
    pub(super) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.notify_all();
        // Under the cluster's lock, so that nobody is between its look at `stopped` and its wait.
        let _cluster = self.cluster();
        self.changed.notify_all();
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_change<'a>(
        &'a self,
        cluster: MutexGuard<'a, Cluster>,
        at: Duration,
    ) -> MutexGuard<'a, Cluster> {
        let time = at.saturating_sub(now()).clamp(Duration::from_millis(1), LONGEST_SLEEP);
        let waited = self.changed.wait_timeout(cluster, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Sleeps; false if the broker stopped meanwhile.
    fn sleep(&self, delay: Duration) -> bool {
        if delay.is_zero() {
            return true;
        }
        let end = Instant::now() + delay;
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let woken = self.stop.wait_timeout(stopped, left);
            stopped = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

/// Time since the Unix epoch.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
