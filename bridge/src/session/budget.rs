//! What a session may use: frames, bytes and memory. It is held back first, and closed only for
//! frames, which cost even when nothing is done with them.

use std::sync::{Arc, Mutex, PoisonError};

use ottla_bridge_protocol::{CloseCode, StreamId};
use tokio::time::{Duration, Instant};

use super::{Closed, Session};
use crate::config::Limits;
use crate::limits::Bucket;

/// What the smallest request counts for, in bytes: a broker has as much work with it.
const MIN_REQUEST: usize = 1024;
/// How soon a session that waits for others looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The buckets of one session; that of its subject is shared.
#[derive(Debug)]
pub(super) struct Budget {
    frames: Bucket,
    bytes: Bucket,
    subject: Arc<Mutex<Bucket>>,
}

impl Budget {
    pub(super) fn new(limits: &Limits, subject: Arc<Mutex<Bucket>>) -> Self {
        Self {
            frames: Bucket::new(limits.frames_per_s.into()),
            bytes: Bucket::new(limits.bytes_per_s as f64),
            subject,
        }
    }

    fn take_bytes(&mut self, bytes: usize) {
        let now = Instant::now();
        self.bytes.take(bytes as f64, now);
        self.subject.lock().unwrap_or_else(PoisonError::into_inner).take(bytes as f64, now);
    }

    fn debt(&self) -> Duration {
        let now = Instant::now();
        let subject = self.subject.lock().unwrap_or_else(PoisonError::into_inner).debt(now);
        self.bytes.debt(now).max(subject)
    }
}

impl Session {
    /// Counts a frame.
    pub(super) fn charge_frame(&mut self) -> Result<(), Closed> {
        let now = Instant::now();
        self.budget.frames.take(1.0, now);
        if self.budget.frames.debt(now).is_zero() {
            return Ok(());
        }
        self.audit("T21", "too many frames");
        Err(Closed::new(CloseCode::RateLimited, "too many frames"))
    }

    /// Counts bytes of streams.
    pub(super) fn charge_bytes(&mut self, bytes: usize) {
        self.bridge.metrics.bytes_in.inc_by(bytes as u64);
        self.budget.take_bytes(bytes);
    }

    /// Counts a request for what it costs beyond its bytes.
    pub(super) fn charge_request(&mut self, bytes: usize) {
        self.budget.take_bytes(MIN_REQUEST.saturating_sub(bytes));
    }

    /// Whether a stream may have another request under way now. If it may not for lack of what
    /// others use, somebody looks again soon.
    pub(super) fn may_take(&mut self, id: StreamId) -> bool {
        let limits = &self.config.limits;
        let Some(stream) = self.streams.get(&id) else { return false };
        if stream.ending.is_some() || stream.in_flight() >= limits.requests_in_flight {
            return false;
        }
        if self.held_bytes >= limits.session_bytes {
            // One of its own answers makes room, but perhaps another stream's.
            self.timers.look_within(LOOK_AGAIN);
            return false;
        }
        let full = !self.bridge.has_room(limits);
        let debt = self.budget.debt();
        if full || !debt.is_zero() {
            self.bridge.metrics.credit_stalls.inc();
            self.timers.look_within(debt.max(LOOK_AGAIN));
            return false;
        }
        true
    }
}
