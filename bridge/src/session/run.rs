//! The loop of a session: frames, events and times come in, messages go out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use ottla_bridge_protocol::{CloseCode, Frame, Hello, StreamEnd, StreamId, Unpacker};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Duration, Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::progress::Progress;
use super::socket::{self, Received, Sink};
use super::timers::LOOK;
use super::{Closed, Event, Peer, Session};
use crate::admission::Full;
use crate::audit::Who;
use crate::auth::Grant;
use crate::bridge::Bridge;
use crate::id::{SessionId, random_below};

/// After a drain clients come back within so many ms.
const RECONNECT_WITHIN_MS: u64 = 5000;

/// Serves a session from the upgrade to its end. `hello` came with the upgrade, its token checked.
pub(crate) async fn serve(
    bridge: Arc<Bridge>,
    upgraded: Upgraded,
    peer: Peer,
    hello: Option<(Vec<u8>, Grant)>,
) {
    let (mut sink, mut stream, progress) = socket::open(upgraded).await;
    let id = SessionId::random();
    let greeted = match hello {
        Some((hello, grant)) => greet(&bridge, id, &peer, &hello, grant).await,
        None => {
            let patience = Duration::from_millis(bridge.config().times.hello_ms);
            match timeout(patience, first_message(&mut stream)).await {
                Ok(Ok(message)) => meet(&bridge, id, &peer, &message).await,
                Ok(Err(closed)) => Err(closed),
                Err(_) => Err(Closed::new(CloseCode::TimedOut, "no HELLO in time")),
            }
        }
    };
    let closed = match greeted {
        Ok((session, events)) => run(session, events, &mut sink, &mut stream, &progress).await,
        Err(closed) => closed,
    };
    bridge.metrics.session_ended(closed.code as u16);
    tracing::info!(session = %id, code = closed.code as u16, reason = closed.why, "session ended");
    socket::close(&mut sink, closed.code).await;
}

/// The message that a HELLO must be.
async fn first_message(stream: &mut socket::Stream) -> Result<Bytes, Closed> {
    loop {
        match socket::judge(stream.next().await)? {
            Received::Message(bytes) => return Ok(bytes),
            Received::Nothing | Received::Begun => {}
            Received::Gone => return Err(Closed::new(CloseCode::Done, "gone before HELLO")),
        }
    }
}

/// On the heap, for the futures that hand it on would each have room for it.
type Greeted = Result<(Box<Session>, UnboundedReceiver<Event>), Closed>;

/// Begins with a HELLO that came as a frame; it is all that its message may have.
async fn meet(bridge: &Arc<Bridge>, id: SessionId, peer: &Peer, message: &[u8]) -> Greeted {
    let bad = |why| Closed::new(CloseCode::Protocol, why);
    let mut frames = Unpacker::new(message).map_err(|e| Closed::new(e.close_code(), "no HELLO"))?;
    let first = frames.next_frame().map_err(|e| Closed::new(e.close_code(), "no HELLO"))?;
    let Some(Frame::Hello(hello)) = first else { return Err(bad("no HELLO")) };
    if !matches!(frames.next_frame(), Ok(None)) {
        return Err(bad("something behind HELLO"));
    }
    let grant = match bridge.auth().check(hello.token, peer.origin.as_deref()) {
        Ok(grant) => grant,
        Err(denial) => {
            bridge.deny(&Who { ip: peer.ip, subject: None, session: Some(id) }, "T1", denial.0);
            return Err(Closed::new(CloseCode::Unauthenticated, denial.0));
        }
    };
    begin(bridge, id, peer, &hello, grant).await
}

/// Begins with a HELLO that came with the upgrade.
async fn greet(
    bridge: &Arc<Bridge>,
    id: SessionId,
    peer: &Peer,
    payload: &[u8],
    grant: Grant,
) -> Greeted {
    let hello = Hello::decode(payload).map_err(|e| Closed::new(e.close_code(), "no HELLO"))?;
    begin(bridge, id, peer, &hello, grant).await
}

async fn begin(
    bridge: &Arc<Bridge>,
    id: SessionId,
    peer: &Peer,
    hello: &Hello<'_>,
    grant: Grant,
) -> Greeted {
    let (sender, events) = mpsc::unbounded_channel();
    let limits = bridge.config().limits.clone();
    let admitted = bridge.admission.session(&grant.subject, &limits).map_err(|full| {
        let who = Who { ip: peer.ip, subject: Some(&grant.subject), session: Some(id) };
        bridge.deny(&who, "T20", "too many sessions");
        match full {
            Full::Subject => Closed::new(CloseCode::RateLimited, "too many sessions of a subject"),
            Full::All => Closed::new(CloseCode::Overloaded, "too many sessions"),
        }
    })?;
    let session = Session::new(bridge.clone(), id, peer.clone(), grant, admitted, sender.clone());
    let mut session = Box::new(session);
    bridge.enter(id, sender);
    // It may have been revoked just before it could be told.
    session.stay()?;
    bridge.metrics.sessions_begun.inc();
    session.greet(hello).await?;
    tracing::info!(
        session = %id,
        ip = %peer.ip,
        subject = ?session.grant.subject,
        client = ?hello.client_name,
        version = ?hello.client_version,
        "session begins"
    );
    Ok((session, events))
}

async fn run(
    mut session: Box<Session>,
    mut events: UnboundedReceiver<Event>,
    sink: &mut Sink,
    stream: &mut socket::Stream,
    progress: &Progress,
) -> Closed {
    let mut message = Vec::new();
    let mut seen = Seen { bytes: 0, at: Instant::now() };
    if session.bridge.is_draining() {
        // It began while the others were told.
        drop(session.events.send(Event::Drain));
    }
    let closed = loop {
        if let Err(closed) = session.fill(sink, &mut message).await {
            break closed;
        }
        let writing = session.timers.written.is_some();
        let next = session.timers.next();
        let handled = tokio::select! {
            event = events.recv() => match event {
                Some(event) => session.on_event(event),
                None => Ok(()),
            },
            flushed = sink.flush(), if writing => {
                session.timers.written = None;
                flushed.map_err(|_| Closed::new(CloseCode::Done, "gone"))
            }
            received = socket::next(stream, progress, session.timers.look.is_some()) => {
                session.on_received(received)
            }
            () = sleep_until(next) => session.on_time(progress, &mut seen),
        };
        if let Err(closed) = handled {
            break closed;
        }
    };
    session.last_words(sink, &mut message).await;
    closed
}

/// What was seen of a message that is under way.
pub(super) struct Seen {
    pub(super) bytes: u64,
    pub(super) at: Instant,
}

impl Session {
    fn on_received(&mut self, received: Result<Received, Closed>) -> Result<(), Closed> {
        match received? {
            Received::Message(bytes) => self.on_message(&bytes),
            Received::Begun => {
                self.timers.look_within(LOOK);
                Ok(())
            }
            Received::Nothing => self.charge_frame(),
            Received::Gone => Err(Closed::new(CloseCode::Done, "closed by the client")),
        }
    }

    fn on_event(&mut self, event: Event) -> Result<(), Closed> {
        match event {
            Event::Opened { stream, generation, broker } => {
                self.on_opened(stream, generation, broker)
            }
            Event::Answered { stream, generation, slot, bytes, body } => {
                self.held_bytes -= bytes;
                self.on_answered(stream, generation, slot, body);
                self.take_requests(stream)
            }
            Event::Ready { stream, generation, slot, answer } => {
                self.on_ready(stream, generation, slot, answer);
                self.take_requests(stream)
            }
            Event::BrokerLost { stream, generation } => {
                self.on_broker_lost(stream, generation);
                Ok(())
            }
            Event::Leased(answer) => self.on_leased(&answer),
            Event::Initialized(initialized) => {
                let (call, lease) = *initialized;
                self.on_initialized(call, &lease)?;
                self.take_requests(call.stream)
            }
            Event::TakenOver => {
                Err(Closed::new(CloseCode::TakenOver, "a later session has the lease"))
            }
            Event::Reloaded => self.stay(),
            Event::Drain => self.drain(),
        }
    }

    /// Whether the client may still be here.
    fn stay(&self) -> Result<(), Closed> {
        let origin = self.peer.origin.as_deref();
        self.bridge.auth().still_allows(&self.grant, origin).map_err(|denial| {
            self.audit("T2", denial.0);
            Closed::new(CloseCode::Unauthenticated, denial.0)
        })
    }

    /// Asks the client to come back on another connection.
    fn drain(&mut self) -> Result<(), Closed> {
        if self.timers.drained.is_some() {
            return Ok(());
        }
        let drain_ms = self.config.times.drain_ms;
        self.timers.drained = Some(Instant::now() + Duration::from_millis(drain_ms));
        let deadline_ms = u32::try_from(drain_ms).unwrap_or(u32::MAX);
        let reconnect_after_ms = random_below(RECONNECT_WITHIN_MS) as u32;
        self.say(&Frame::Drain { deadline_ms, reconnect_after_ms })
    }

    /// Puts the next message into the socket, if it has taken the one before.
    async fn fill(&mut self, sink: &mut Sink, message: &mut Vec<u8>) -> Result<(), Closed> {
        self.move_answers();
        if self.timers.written.is_some() || !self.packer.pack(&mut self.protocol, message) {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(message));
        self.bridge.metrics.bytes_out.inc_by(bytes.len() as u64);
        let patience = Duration::from_millis(self.config.times.progress_ms);
        self.timers.written = Some(Instant::now() + patience);
        // The one before was flushed, so this does not wait.
        sink.feed(Message::Binary(bytes)).await.map_err(|_| Closed::new(CloseCode::Done, "gone"))
    }

    /// Queues answers whose turn it is, and ends streams that have no more of them.
    fn move_answers(&mut self) {
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in ids {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let (mut full, waiting) = (false, stream.in_flight());
            while let Some((answer, sent)) = stream.ready() {
                *sent += self.packer.queue(&self.protocol, id, &answer[*sent..]);
                if *sent < answer.len() {
                    full = true;
                    break;
                }
                stream.pop();
            }
            if stream.in_flight() < waiting && stream.is_amid_request() {
                // There is room for one that waited for it.
                self.timers.look_within(Duration::ZERO);
            }
            let lost = stream.ending == Some(StreamEnd::BrokerLost);
            match stream.ending {
                // What a lost broker has not answered it will not answer.
                Some(end) if !full && (stream.in_flight() == 0 || lost) => {
                    self.close_stream(id, end);
                }
                _ => {}
            }
        }
    }

    /// Sends what is queued before the socket closes: an answer may be what closes it.
    async fn last_words(&mut self, sink: &mut Sink, message: &mut Vec<u8>) {
        self.timers.written = None;
        let patience = Duration::from_secs(1);
        let words = async {
            // A client that does not read hears no last words.
            if self.fill(sink, message).await.is_ok() {
                drop(sink.flush().await);
            }
        };
        drop(timeout(patience, words).await);
    }

    /// Does what is due.
    fn on_time(&mut self, progress: &Progress, seen: &mut Seen) -> Result<(), Closed> {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let timed_out = |why| Err(Closed::new(CloseCode::TimedOut, why));
        if due(self.timers.pong) {
            return timed_out("no PONG in time");
        }
        if due(self.timers.written) {
            return timed_out("what was sent is not read");
        }
        if due(self.timers.drained) {
            return Err(Closed::new(CloseCode::GoingAway, "drained"));
        }
        if due(self.timers.token) {
            return Err(Closed::new(CloseCode::Unauthenticated, "the token has ended"));
        }
        if due(self.timers.tickets) {
            self.refresh_tickets()?;
        }
        if self.timers.session <= now && self.timers.drained.is_none() {
            self.drain()?;
        }
        if self.timers.ping <= now {
            self.ping(now)?;
        }
        self.look(now, progress, seen)
    }

    fn ping(&mut self, now: Instant) -> Result<(), Closed> {
        let times = &self.config.times;
        self.timers.ping = now + Duration::from_millis(times.ping_ms.into());
        if self.timers.pong.is_none() {
            self.timers.pong = Some(now + Duration::from_millis(times.progress_ms));
            self.say(&Frame::Ping(u64::from(self.generation) << 32 | random_below(1 << 32)))?;
        }
        // A message that has begun shows at the next look.
        self.timers.look_within(LOOK);
        Ok(())
    }

    /// Looks at what has begun and does not go on: a message, a request, a stream's end.
    fn look(&mut self, now: Instant, progress: &Progress, seen: &mut Seen) -> Result<(), Closed> {
        self.timers.look = None;
        let patience = Duration::from_millis(self.config.times.progress_ms);
        if !progress.is_amid_message() || seen.bytes != progress.bytes() {
            *seen = Seen { bytes: progress.bytes(), at: now };
        } else if now - seen.at > patience {
            return Err(Closed::new(CloseCode::TimedOut, "a message does not go on"));
        }
        if self.timers.closing.values().any(|since| now - *since > patience) {
            return Err(Closed::new(CloseCode::TimedOut, "no CLOSE in time"));
        }
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for id in ids {
            self.take_requests(id)?;
            // What waits for its turn is no fault of the client's.
            let takes = self.may_take(id);
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            if takes && stream.is_amid_request() && now - stream.progress > patience {
                stream.end(StreamEnd::TimedOut);
            }
        }
        let waits = self.streams.values().any(|stream| stream.is_amid_request())
            || progress.is_amid_message()
            || !self.timers.closing.is_empty();
        if waits {
            self.timers.look_within(LOOK);
        }
        Ok(())
    }
}
