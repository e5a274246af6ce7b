//! What a client's frames do.

use ottla_bridge_protocol::{
    CloseCode, Frame, OpenRefusal, Phase, StreamEnd, StreamId, StreamState, Unpacker, Verdict,
};
use tokio::time::Instant;

use super::stream::Stream;
use super::timers::{LOOK, ms_until, token_end};
use super::{Closed, Event, Session};

/// When a refused OPEN is worth trying again, in ms.
const TRY_AGAIN_MS: u32 = 250;

impl Session {
    /// Acts upon a message, frame by frame.
    pub(super) fn on_message(&mut self, message: &[u8]) -> Result<(), Closed> {
        let bad = |code, why| Closed::new(code, why);
        let mut frames = Unpacker::new(message)
            .map_err(|error| bad(error.close_code(), "a message that is none"))?;
        loop {
            let frame = frames.next_frame().map_err(|error| {
                tracing::debug!(session = %self.id, %error, "no frame");
                bad(error.close_code(), "a frame that is none")
            })?;
            let Some(frame) = frame else { return Ok(()) };
            self.charge_frame()?;
            let verdict = self.protocol.received(&frame).map_err(|error| {
                tracing::debug!(session = %self.id, %error, "a frame at the wrong time");
                bad(CloseCode::Protocol, "a frame at the wrong time")
            })?;
            match verdict {
                Verdict::Act => self.on_frame(&frame)?,
                Verdict::Drop => {}
            }
        }
    }

    fn on_frame(&mut self, frame: &Frame<'_>) -> Result<(), Closed> {
        match *frame {
            Frame::Open { stream, node, .. } => self.on_open(stream, node),
            Frame::Data { stream, bytes } => self.on_data(stream, bytes),
            Frame::Close { stream, .. } => {
                self.on_close(stream);
                Ok(())
            }
            Frame::Lease(request) => self.on_lease(request),
            Frame::Auth { token } => self.on_auth(token),
            Frame::Ping(number) => self.say(&Frame::Pong(number)),
            Frame::Pong(_) => {
                self.timers.pong = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn on_open(&mut self, id: StreamId, node: Option<u32>) -> Result<(), Closed> {
        if self.protocol.phase() == Phase::Draining {
            return self.refuse_open(id, OpenRefusal::Draining);
        }
        self.generation += 1;
        let generation = self.generation;
        let Some(node) = node else { return self.on_opened(id, generation, Ok(None)) };
        if node >= self.bridge.cluster.nodes() {
            self.audit("T13", "OPEN to a node that there is not");
            return self.refuse_open(id, OpenRefusal::UnknownNode);
        }
        let (bridge, events, number) = (self.bridge.clone(), self.events.clone(), self.id.number());
        tokio::spawn(async move {
            let broker = match bridge.cluster.connect(node, number).await {
                Some(Ok(connection)) => Ok(Some(connection)),
                Some(Err(_)) => Err(OpenRefusal::Unreachable),
                None => Err(OpenRefusal::UnknownNode),
            };
            // The session may have ended.
            drop(events.send(Event::Opened { stream: id, generation, broker }));
        });
        Ok(())
    }

    fn refuse_open(&mut self, stream: StreamId, reason: OpenRefusal) -> Result<(), Closed> {
        self.say(&Frame::Refused { stream, reason, retry_after_ms: TRY_AGAIN_MS })
    }

    /// A broker was reached, or not.
    pub(super) fn on_opened(
        &mut self,
        id: StreamId,
        generation: u32,
        broker: Result<Option<std::sync::Arc<crate::upstream::Connection>>, OpenRefusal>,
    ) -> Result<(), Closed> {
        let connection = match broker {
            Err(reason) => return self.refuse_open(id, reason),
            Ok(connection) => connection,
        };
        let broker = connection.map(|connection| {
            let events = self.events.clone();
            let watch = connection.watch(move || {
                // The session may have ended.
                drop(events.send(Event::BrokerLost { stream: id, generation }));
            });
            (connection, watch)
        });
        self.streams.insert(id, Stream::new(generation, broker));
        let window = self.config.limits.window_bytes;
        self.say(&Frame::Opened { stream: id, window })
    }

    fn on_data(&mut self, id: StreamId, bytes: &[u8]) -> Result<(), Closed> {
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        stream.receive(bytes, Instant::now());
        self.charge_bytes(bytes.len());
        self.take_requests(id)?;
        if self.streams.get(&id).is_some_and(Stream::is_amid_request) {
            self.timers.look_within(LOOK);
        }
        Ok(())
    }

    /// The client has closed a stream, or answered the bridge's CLOSE.
    fn on_close(&mut self, id: StreamId) {
        self.timers.closing.remove(&id);
        self.streams.remove(&id);
        if *self.protocol.stream(id) == StreamState::PeerClosed {
            self.packer.close(id, StreamEnd::Done);
        }
    }

    fn on_auth(&mut self, token: &str) -> Result<(), Closed> {
        let checked = self.bridge.auth().check(token, self.peer.origin.as_deref());
        let grant = match checked {
            Ok(grant) if grant.subject == self.grant.subject => grant,
            Ok(_) => {
                self.audit("T2", "AUTH with another subject's token");
                return Err(Closed::new(CloseCode::Unauthenticated, "another subject's token"));
            }
            Err(denial) => {
                self.audit("T1", denial.0);
                return Err(Closed::new(CloseCode::Unauthenticated, denial.0));
            }
        };
        self.grant = grant;
        self.timers.token = token_end(&self.grant, Instant::now());
        self.say(&Frame::AuthOk { ttl_ms: ms_until(self.timers.token) })
    }
}
