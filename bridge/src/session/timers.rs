//! What a session has to do when, and by when its client has to do something.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use ottla_bridge_protocol::StreamId;
use tokio::time::Instant;

use crate::auth::Grant;
use crate::config::Times;
use crate::id::random_below;

/// Points in time of one session.
#[derive(Debug)]
pub(super) struct Timers {
    pub(super) ping: Instant,
    /// When the PONG must have come.
    pub(super) pong: Option<Instant>,
    /// When to ask for another connection.
    pub(super) session: Instant,
    /// When to close after that.
    pub(super) drained: Option<Instant>,
    /// When the token ends.
    pub(super) token: Option<Instant>,
    /// When leases need fresh tickets.
    pub(super) tickets: Option<Instant>,
    /// When somebody has to look at what waits, for want of bytes or of answers.
    pub(super) look: Option<Instant>,
    /// Streams that were closed here and wait for the client's CLOSE.
    pub(super) closing: HashMap<StreamId, Instant>,
    /// By when what is written must have left.
    pub(super) written: Option<Instant>,
}

/// How often what has begun and does not go on is looked at.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// A time that does not come.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Timers {
    pub(super) fn new(times: &Times, grant: &Grant) -> Self {
        let now = Instant::now();
        // Up to a fifth more or less, so that sessions do not all end at once.
        let fifth = times.session_ms / 5;
        let life = times.session_ms - fifth + random_below(2 * fifth + 1);
        Self {
            ping: now + Duration::from_millis(times.ping_ms.into()),
            pong: None,
            session: now + Duration::from_millis(life),
            drained: None,
            token: token_end(grant, now),
            tickets: None,
            look: None,
            closing: HashMap::new(),
            written: None,
        }
    }

    /// The next time at which anything is due.
    pub(super) fn next(&self) -> Instant {
        let times = [
            Some(self.ping),
            self.pong,
            Some(self.session).filter(|_| self.drained.is_none()),
            self.drained,
            self.token,
            self.tickets,
            self.look,
            self.written,
        ];
        times.into_iter().flatten().min().unwrap_or(self.ping)
    }

    /// Sees to it that somebody looks soon.
    pub(super) fn look_within(&mut self, time: Duration) {
        let at = Instant::now() + time;
        self.look = Some(self.look.map_or(at, |look| look.min(at)));
    }
}

/// When a grant ends, by this process's clock.
pub(super) fn token_end(grant: &Grant, now: Instant) -> Option<Instant> {
    let expires = grant.expires?;
    let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
    Some(now + left.min(NEVER))
}

/// Milliseconds from now until then, as frames say it.
pub(super) fn ms_until(then: Option<Instant>) -> u32 {
    let left = then.map(|then| then.saturating_duration_since(Instant::now()).as_millis());
    left.and_then(|ms| u32::try_from(ms).ok()).unwrap_or(u32::MAX)
}
