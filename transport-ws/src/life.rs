//! The WebSocket's life: a token, connecting, greeting, signs of life, draining, back-off.

use alloc::rc::Rc;
use core::time::Duration;

use ottla_bridge_protocol::{CloseCode, Frame, Hello, List};
use ottla_core::time::Instant;

use crate::backoff::full_jitter;
use crate::bridge::{Bridge, Status};
use crate::error::WsError;
use crate::socket::Socket;

/// How long anything takes that has an answer (§8.3).
const ANSWER: Duration = Duration::from_secs(10);

/// The bridge's PING may come so much later than it should before one of ours goes out.
const LATE: Duration = Duration::from_secs(5);

/// A token is renewed when so much of its time is over.
const RENEW_PERCENT: u32 = 80;

/// Where the WebSocket stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// There is none, and there is to be none before this.
    Down { not_before: Instant },
    /// The program was asked for a token.
    WantsToken,
    /// It is being opened.
    Opening { until: Instant },
    /// HELLO was said.
    Greeting { until: Instant },
    /// There is a session.
    Open,
    /// There will be none any more.
    Failed(WsError),
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Life {
    phase: Phase,
    /// In a row, without a session in between.
    failures: u32,
    /// HELLOs in a row that were refused for their token.
    refused_tokens: u32,
    last_error: Option<WsError>,
    heard_at: Instant,
    ping_interval: Duration,
    /// Our own PING without its answer: number and when it went out.
    ping: Option<(u64, Instant)>,
    pings: u64,
    /// When the session's token is to be renewed.
    token_due: Option<Instant>,
    /// The bridge drains: how long to stay away afterwards.
    drain: Option<Duration>,
    /// When to ask for a lease again that was refused.
    lease_due: Option<Instant>,
    /// A lease is being ended.
    pub(crate) releasing: bool,
    /// There is to be no WebSocket for now.
    suspended: bool,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            phase: Phase::Down { not_before: Instant::ZERO },
            failures: 0,
            refused_tokens: 0,
            last_error: None,
            heard_at: Instant::ZERO,
            ping_interval: Duration::ZERO,
            ping: None,
            pings: 0,
            token_due: None,
            drain: None,
            lease_due: None,
            releasing: false,
            suspended: false,
        }
    }
}

impl Life {
    /// Whether messages can be sent.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Greeting { .. } | Phase::Open)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_some()
    }

    pub(crate) fn failure(&self) -> Option<&WsError> {
        match &self.phase {
            Phase::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// WELCOME was said.
    pub(crate) fn welcomed(&mut self, ping_interval: Duration, token_ttl: Duration, now: Instant) {
        self.phase = Phase::Open;
        (self.failures, self.refused_tokens) = (0, 0);
        self.last_error = None;
        self.ping_interval = ping_interval;
        self.token_lasts(token_ttl, now);
    }

    /// The session's token is good for so long.
    pub(crate) fn token_lasts(&mut self, ttl: Duration, now: Instant) {
        self.token_due = Some(now + ttl / 100 * RENEW_PERCENT);
    }

    /// DRAIN was said.
    pub(crate) fn drain(&mut self, reconnect_after: Duration) {
        self.drain = Some(reconnect_after);
    }

    /// The bridge answered a PING.
    pub(crate) fn ponged(&mut self) {
        self.ping = None;
    }

    /// A lease is to be asked for then.
    pub(crate) fn ask_lease_at(&mut self, at: Instant) {
        self.lease_due = Some(at);
    }

    /// Something came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard_at = now;
    }

    fn next_wake(&self) -> Option<Instant> {
        match self.phase {
            Phase::Down { not_before } => Some(not_before).filter(|_| !self.suspended),
            Phase::Opening { until } | Phase::Greeting { until } => Some(until),
            Phase::WantsToken | Phase::Failed(_) => None,
            Phase::Open => {
                let silent = match self.ping {
                    Some((_, sent_at)) => sent_at + ANSWER,
                    None => self.heard_at + self.ping_interval + LATE,
                };
                // One question about leases at a time: the answer to the release comes first.
                let lease_due = self.lease_due.filter(|_| !self.releasing);
                [Some(silent), self.token_due, lease_due].into_iter().flatten().min()
            }
        }
    }
}

impl<S: Socket> Bridge<S> {
    /// How it is doing.
    pub(crate) fn status(&self) -> Status {
        match (&self.life.phase, self.terms) {
            (Phase::Failed(error), _) => Status::Failed(error.clone()),
            (Phase::Open, Some(terms)) => Status::Open(terms),
            _ => Status::Connecting { last_error: self.life.last_error.clone() },
        }
    }

    pub(crate) fn next_wake(&self, now: Instant) -> Option<Instant> {
        [self.life.next_wake(), self.flush_due(now)].into_iter().flatten().min()
    }

    /// Does what time has come for, and sends what waits.
    pub(crate) fn advance(&mut self, now: Instant) {
        match self.life.phase {
            Phase::Down { not_before } if not_before <= now && !self.life.suspended => {
                self.life.phase = Phase::WantsToken;
                self.socket.want_token();
            }
            Phase::Opening { until } if until <= now => {
                self.give_up(WsError::Silent("WebSocket"), now)
            }
            Phase::Greeting { until } if until <= now => {
                self.give_up(WsError::Silent("WELCOME"), now)
            }
            Phase::Open => self.keep_open(now),
            _ => {}
        }
        self.flush();
    }

    /// The program has a token; an empty one where the bridge needs none.
    pub(crate) fn set_token(&mut self, token: &str, now: Instant) {
        match self.life.phase {
            Phase::WantsToken => {
                self.token = token.into();
                self.life.phase = Phase::Opening { until: now + ANSWER };
                self.socket.open();
            }
            // A question may only be asked again after its answer: what is too early is dropped.
            Phase::Open if !token.is_empty() => {
                let _ = self.packer.control(&mut self.session, &Frame::Auth { token });
            }
            _ => {}
        }
    }

    /// The program can't get a token now.
    pub(crate) fn no_token(&mut self, why: Rc<str>, now: Instant) {
        if self.life.phase == Phase::WantsToken {
            let code = Some(CloseCode::Unauthenticated as u16);
            self.lose(WsError::Closed { code, reason: why }, now);
        }
    }

    /// The WebSocket is open.
    pub(crate) fn opened(&mut self, now: Instant) {
        if !matches!(self.life.phase, Phase::Opening { .. }) {
            return;
        }
        self.life.phase = Phase::Greeting { until: now + ANSWER };
        self.life.heard_at = now;
        let token = core::mem::take(&mut self.token);
        let tickets = self.lent.tickets();
        let hello = Hello {
            wants_lease: self.options.wants_lease && self.lent.ticket().is_none(),
            token: &token,
            client_name: &self.options.client_name,
            client_version: &self.options.client_version,
            tickets: List::new(&tickets),
            topics: List::default(),
        };
        let said = self.packer.control(&mut self.session, &Frame::Hello(hello));
        if let Err(error) = said {
            // The token or the names are too long: no other try will do.
            self.fail(WsError::protocol(&error));
        }
        self.flush();
    }

    /// The WebSocket has ended, or could not be opened.
    pub(crate) fn closed(&mut self, code: Option<u16>, reason: Rc<str>, now: Instant) {
        if matches!(self.life.phase, Phase::Opening { .. } | Phase::Greeting { .. } | Phase::Open) {
            self.lose(WsError::Closed { code, reason }, now);
        }
    }

    /// Goes without a WebSocket until [`wake_up`](Self::wake_up).
    pub(crate) fn suspend(&mut self, now: Instant) {
        self.life.suspended = true;
        if matches!(self.life.phase, Phase::Failed(_) | Phase::Down { .. }) {
            return;
        }
        self.flush();
        self.socket.close(CloseCode::Done.from_client());
        let (code, reason) = (Some(CloseCode::GoingAway as u16), "suspended".into());
        self.lose(WsError::Closed { code, reason }, now);
    }

    /// Connects again, and at once.
    pub(crate) fn wake_up(&mut self, now: Instant) {
        self.life.suspended = false;
        if matches!(self.life.phase, Phase::Down { .. }) {
            self.life.phase = Phase::Down { not_before: now };
        }
    }

    /// Ends it for good.
    pub(crate) fn close(&mut self) {
        self.flush();
        self.fail(WsError::Done);
    }

    /// The bridge doesn't keep to the protocol, or to its times: this end closes.
    pub(crate) fn give_up(&mut self, error: WsError, now: Instant) {
        let code = match error {
            WsError::Protocol(_) => CloseCode::Protocol,
            _ => CloseCode::TimedOut,
        };
        self.socket.close(code.from_client());
        self.lose(error, now);
    }

    /// There is no WebSocket any more; there will be another, unless that can't help.
    fn lose(&mut self, error: WsError, now: Instant) {
        let greeting = match self.life.phase {
            Phase::Greeting { .. } => true,
            // Where there has been a session, the program may get one again: it was only offline.
            Phase::WantsToken => self.terms.is_none(),
            _ => false,
        };
        let refused = matches!(error, WsError::Closed { code: Some(code), .. }
            if CloseCode::from_u16(code) == Some(CloseCode::Unauthenticated));
        self.life.refused_tokens += u32::from(refused && greeting);
        let drained = self.life.drain.take();
        let wait = drained.unwrap_or_else(|| full_jitter(self.life.failures, &mut self.rng));
        self.life.failures += 1;
        (self.life.ping, self.life.token_due, self.life.lease_due) = (None, None, None);
        self.life.releasing = false;
        // A lease that was not released ends by itself.
        self.lent.to_release.clear();
        self.life.last_error = Some(error.clone());
        // A fresh token was refused like the one before.
        self.life.phase = if error.is_final() || self.life.refused_tokens > 1 {
            Phase::Failed(error.clone())
        } else {
            Phase::Down { not_before: now + wait }
        };
        self.end_pipes(&error);
    }

    pub(crate) fn fail(&mut self, error: WsError) {
        if self.life.is_connected() || matches!(self.life.phase, Phase::Opening { .. }) {
            self.socket.close(CloseCode::Done.from_client());
        }
        self.life.phase = Phase::Failed(error.clone());
        self.end_pipes(&error);
    }

    fn keep_open(&mut self, now: Instant) {
        if self.life.is_draining() && !self.pipes.iter().any(|pipe| pipe.is_busy()) {
            self.flush();
            self.socket.close(CloseCode::Done.from_client());
            let reason = "drained".into();
            self.lose(WsError::Closed { code: Some(CloseCode::GoingAway as u16), reason }, now);
            return;
        }
        if self.life.token_due.take_if(|due| *due <= now).is_some() {
            self.socket.want_token();
        }
        if !self.life.releasing && self.life.lease_due.take_if(|due| *due <= now).is_some() {
            self.ask_lease();
        }
        match self.life.ping {
            Some((_, sent_at)) if sent_at + ANSWER <= now => {
                self.give_up(WsError::Silent("PONG"), now);
            }
            None if self.life.heard_at + self.life.ping_interval + LATE <= now => {
                self.life.pings += 1;
                let number = self.life.pings;
                self.life.ping = Some((number, now));
                let _ = self.packer.control(&mut self.session, &Frame::Ping(number));
            }
            _ => {}
        }
    }
}
