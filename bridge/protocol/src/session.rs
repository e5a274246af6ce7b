//! Which frame may come when, as one end sees it (§8.1).

use core::mem;

use crate::error::ProtocolError;
use crate::frame::{BRIDGE, Frame};
use crate::kind::{End, FrameKind, StreamId};
use crate::limits;
use crate::stream::StreamState;
use crate::welcome::SessionLimits;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing was said: HELLO comes next.
    Start,
    /// HELLO was said: WELCOME comes next.
    Greeting,
    /// Everything may be said.
    Open,
    /// DRAIN was said: no stream is opened any more.
    Draining,
}

/// What to do with a frame that arrived when it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Act upon it.
    Act,
    /// Forget it: it was sent before its sender knew that the stream is closed.
    Drop,
}

/// What this end has said and heard, so that a frame at the wrong time is an error, whoever makes
/// it. Every frame goes through [`sent`](Self::sent) or [`received`](Self::received).
///
/// An end that gets an error closes the connection; there is no way to go on.
#[derive(Clone, Debug)]
pub struct Session {
    end: End,
    phase: Phase,
    /// How many answers the WELCOME owes.
    lease_answers: usize,
    limits: Option<SessionLimits>,
    lease_asked: bool,
    auth_asked: bool,
    own_ping: Option<u64>,
    peer_ping: Option<u64>,
    streams: [StreamState; limits::STREAMS as usize],
}

impl Session {
    /// A session of which nothing was said, seen from one end.
    #[must_use]
    pub fn new(end: End) -> Self {
        Self {
            end,
            phase: Phase::Start,
            lease_answers: 0,
            limits: None,
            lease_asked: false,
            auth_asked: false,
            own_ping: None,
            peer_ping: None,
            streams: [StreamState::Idle; limits::STREAMS as usize],
        }
    }

    /// Whose it is: where this can't be a bridge, what only that says and hears is no code.
    fn end(&self) -> End {
        if BRIDGE { self.end } else { End::Client }
    }

    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the WELCOME allows; `None` before it.
    #[must_use]
    pub fn limits(&self) -> Option<SessionLimits> {
        self.limits
    }

    /// Where a stream stands.
    #[must_use]
    pub fn stream(&self, stream: StreamId) -> &StreamState {
        &self.streams[stream.index()]
    }

    /// The first stream that a client may open; `None` before the WELCOME, while the bridge drains
    /// and when all are in use.
    #[must_use]
    pub fn idle_stream(&self) -> Option<StreamId> {
        let count = self.limits.filter(|_| self.phase == Phase::Open)?.streams;
        let mut ids = (1..=count).filter_map(StreamId::new);
        ids.find(|id| *self.stream(*id) == StreamState::Idle)
    }

    /// Says that `bytes` of a stream's were used up; returns the CREDIT that is now worth a frame.
    pub fn consume(&mut self, stream: StreamId, bytes: u32) -> Option<u32> {
        match &mut self.streams[stream.index()] {
            StreamState::Open { receive, .. } => {
                receive.consume(bytes);
                receive.due()
            }
            _ => None,
        }
    }

    /// Counts a frame that this end sends.
    ///
    /// # Errors
    /// If it may not, now; nothing changes.
    pub fn sent(&mut self, frame: &Frame<'_>) -> Result<(), ProtocolError> {
        self.check_direction(frame, self.end())?;
        match frame.stream() {
            None => self.control(frame, self.end()),
            Some(id) => {
                let next = self.stream(id).after_sending(id, frame)?;
                self.streams[id.index()] = next;
                Ok(())
            }
        }
    }

    /// Counts a frame that has arrived.
    ///
    /// # Errors
    /// If the peer may not send it, now; nothing changes.
    pub fn received(&mut self, frame: &Frame<'_>) -> Result<Verdict, ProtocolError> {
        self.check_direction(frame, self.end().peer())?;
        match frame.stream() {
            None => self.control(frame, self.end().peer()).map(|()| Verdict::Act),
            Some(id) => {
                let (next, verdict) = self.stream(id).after_receiving(id, frame)?;
                self.streams[id.index()] = next;
                Ok(verdict)
            }
        }
    }

    /// What holds for every frame, whatever else was said.
    fn check_direction(&self, frame: &Frame<'_>, by: End) -> Result<(), ProtocolError> {
        let kind = frame.kind();
        if kind.sender().is_some_and(|sender| sender != by) {
            return Err(ProtocolError::WrongEnd(kind));
        }
        let expected = match kind {
            FrameKind::Hello => self.phase == Phase::Start,
            FrameKind::Welcome => self.phase == Phase::Greeting,
            FrameKind::Drain => self.phase == Phase::Open,
            // An OPEN may have been on its way when the bridge sent DRAIN; the bridge refuses it.
            FrameKind::Open if self.phase == Phase::Draining => self.end() == End::Bridge,
            _ => matches!(self.phase, Phase::Open | Phase::Draining),
        };
        if !expected {
            return Err(ProtocolError::WrongPhase(kind, self.phase));
        }
        self.check_limits(frame)
    }

    fn check_limits(&self, frame: &Frame<'_>) -> Result<(), ProtocolError> {
        let Some(limits) = self.limits else { return Ok(()) };
        match *frame {
            Frame::Open { stream, .. } if stream.get() > limits.streams => {
                Err(ProtocolError::TooManyStreams(stream))
            }
            Frame::Open { stream, window, .. } | Frame::Opened { stream, window }
                if window > limits.window_bytes =>
            {
                Err(ProtocolError::Window(stream, window))
            }
            _ => Ok(()),
        }
    }

    /// A frame of the control stream, said by one end in a phase that allows it.
    fn control(&mut self, frame: &Frame<'_>, by: End) -> Result<(), ProtocolError> {
        let kind = frame.kind();
        match frame {
            Frame::Hello(hello) => {
                self.phase = Phase::Greeting;
                self.lease_answers = hello.lease_answers();
                Ok(())
            }
            Frame::Welcome(welcome) => {
                let (expected, given) = (self.lease_answers, welcome.leases.len());
                if expected != given {
                    return Err(ProtocolError::LeaseAnswers { expected, given });
                }
                self.phase = Phase::Open;
                self.limits = Some(welcome.limits);
                Ok(())
            }
            Frame::Drain { .. } => {
                self.phase = Phase::Draining;
                Ok(())
            }
            Frame::Lease(_) => ask(&mut self.lease_asked, kind),
            Frame::Leased(_) => answer(&mut self.lease_asked, kind),
            Frame::Auth { .. } => ask(&mut self.auth_asked, kind),
            Frame::AuthOk { .. } => answer(&mut self.auth_asked, kind),
            Frame::Ping(data) => match self.ping_of(by).replace(*data) {
                None => Ok(()),
                Some(before) => {
                    *self.ping_of(by) = Some(before);
                    Err(ProtocolError::AskedTwice(kind))
                }
            },
            Frame::Pong(data) => match self.ping_of(by.peer()) {
                ping if *ping == Some(*data) => {
                    *ping = None;
                    Ok(())
                }
                _ => Err(ProtocolError::Unasked(kind)),
            },
            _ => Ok(()),
        }
    }

    /// The PING of one end that awaits its answer.
    fn ping_of(&mut self, end: End) -> &mut Option<u64> {
        if end == self.end() { &mut self.own_ping } else { &mut self.peer_ping }
    }
}

fn ask(asked: &mut bool, kind: FrameKind) -> Result<(), ProtocolError> {
    if mem::replace(asked, true) { Err(ProtocolError::AskedTwice(kind)) } else { Ok(()) }
}

fn answer(asked: &mut bool, kind: FrameKind) -> Result<(), ProtocolError> {
    if mem::replace(asked, false) { Ok(()) } else { Err(ProtocolError::Unasked(kind)) }
}
