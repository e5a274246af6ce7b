//! What each frame of the bridge's means.

use core::time::Duration;

use ottla_bridge_protocol::{
    Frame, LeaseAnswer, LeaseRefusal, LeaseRequest, StreamEnd, StreamId, Unpacker, Verdict, Welcome,
};
use ottla_core::time::Instant;

use crate::bridge::{Bridge, Terms};
use crate::error::WsError;
use crate::socket::Socket;

/// When a refused lease is asked for again, if the bridge doesn't say.
const ASK_AGAIN: Duration = Duration::from_secs(1);

impl<S: Socket> Bridge<S> {
    /// A message of the bridge's.
    pub(crate) fn received(&mut self, message: &[u8], now: Instant) {
        if !self.life.is_connected() {
            return;
        }
        self.life.heard(now);
        match self.read(message, now) {
            Ok(()) => {
                self.open_streams();
                self.flush();
            }
            Err(error) => self.give_up(error, now),
        }
        self.wake();
    }

    fn read(&mut self, message: &[u8], now: Instant) -> Result<(), WsError> {
        let mut frames = Unpacker::new(message).map_err(broken)?;
        while let Some(frame) = frames.next_frame().map_err(broken)? {
            let verdict = self.session.received(&frame).map_err(broken)?;
            if verdict == Verdict::Act {
                self.act(&frame, now)?;
            }
            // A frame may have ended the session for good.
            if !self.life.is_connected() {
                break;
            }
        }
        Ok(())
    }

    fn act(&mut self, frame: &Frame<'_>, now: Instant) -> Result<(), WsError> {
        match *frame {
            Frame::Welcome(welcome) => self.welcome(&welcome, now),
            Frame::Opened { stream, .. } => self.opened_stream(stream),
            Frame::Refused { stream, reason, .. } => {
                self.end_stream(stream, WsError::Refused(reason));
            }
            Frame::Data { stream, bytes } => {
                if let Some(pipe) = self.pipe_of(stream) {
                    pipe.receive(bytes);
                }
            }
            Frame::Close { stream, end } => {
                self.packer.close(stream, StreamEnd::Done);
                self.end_stream(stream, WsError::Ended(end));
            }
            Frame::Leased(answer) => {
                // The end of a lease that nobody needs any more is no news, whatever the answer.
                if !core::mem::take(&mut self.life.releasing) {
                    self.leased(&answer, now);
                }
                self.release_next();
            }
            Frame::Ticket(lease) => self.lent.renew(&lease),
            Frame::AuthOk { ttl_ms } => self.life.token_lasts(millis(ttl_ms), now),
            Frame::Drain { reconnect_after_ms, .. } => self.life.drain(millis(reconnect_after_ms)),
            Frame::Ping(number) => {
                let pong = Frame::Pong(number);
                self.packer.control(&mut self.session, &pong).map_err(broken)?;
            }
            Frame::Pong(_) => self.life.ponged(),
            // Credit is the session's own; the others are none of the bridge's.
            _ => {}
        }
        Ok(())
    }

    fn welcome(&mut self, welcome: &Welcome<'_>, now: Instant) {
        self.terms = Some(Terms {
            request_bytes: welcome.limits.request_bytes,
            min_linger: millis(welcome.min_linger_ms),
            batch_records: welcome.limits.batch_records,
        });
        let (interval, ttl) = (millis(welcome.ping_interval_ms), millis(welcome.token_ttl_ms));
        self.life.welcomed(interval, ttl, now);
        self.resumed(welcome, now);
    }

    /// What became of the HELLO's tickets, those of earlier programs first, and of the wish for a
    /// lease.
    fn resumed(&mut self, welcome: &Welcome<'_>, now: Instant) {
        let former = self.lent.former_ids();
        let (mut answers, has_own) = (welcome.leases.iter(), self.lent.ticket().is_some());
        for producer_id in former {
            match answers.next() {
                Some(LeaseAnswer::Granted(lease)) => self.lent.renew(&lease),
                _ => self.lent.lose_former(producer_id),
            }
        }
        for answer in answers {
            match answer {
                LeaseAnswer::Granted(lease) if has_own => self.lent.renew(&lease),
                _ => self.leased(&answer, now),
            }
        }
    }

    fn opened_stream(&mut self, stream: StreamId) {
        match self.pipe_of(stream) {
            Some(pipe) => pipe.is_open = true,
            // The core has changed its mind in the meantime.
            None => self.packer.reset(stream, StreamEnd::Done),
        }
    }

    fn end_stream(&mut self, stream: StreamId, error: WsError) {
        if let Some(pipe) = self.pipe_of(stream) {
            pipe.stream = None;
            pipe.is_open = false;
            pipe.ended = Some(error);
        }
    }

    fn leased(&mut self, answer: &LeaseAnswer<'_>, now: Instant) {
        match *answer {
            LeaseAnswer::Granted(lease) => self.lent.set(&lease),
            LeaseAnswer::Released => {}
            LeaseAnswer::Refused { reason, retry_after_ms } => match reason {
                LeaseRefusal::Exhausted => {
                    let after =
                        if retry_after_ms == 0 { ASK_AGAIN } else { millis(retry_after_ms) };
                    self.life.ask_lease_at(now + after);
                }
                LeaseRefusal::NotGranted => self.fail(WsError::NoLease(reason)),
                LeaseRefusal::BadTicket
                | LeaseRefusal::Expired
                | LeaseRefusal::TakenOver
                | LeaseRefusal::NotHeld => {
                    self.lent.forget_ticket();
                    self.life.ask_lease_at(now);
                }
            },
        }
    }

    /// Ends a lease of which every batch has its outcome.
    pub(crate) fn release(&mut self, producer_id: i64) {
        self.lent.forget_former(producer_id);
        self.lent.to_release.push(producer_id);
        self.release_next();
        self.flush();
    }

    /// One question about leases at a time.
    fn release_next(&mut self) {
        let Some(producer_id) = self.lent.to_release.pop() else { return };
        let release = Frame::Lease(LeaseRequest::Release { producer_id });
        match self.packer.control(&mut self.session, &release) {
            Ok(()) => self.life.releasing = true,
            Err(_) => self.lent.to_release.push(producer_id),
        }
    }

    /// Asks for a lease.
    pub(crate) fn ask_lease(&mut self) {
        let _ = self.packer.control(&mut self.session, &Frame::Lease(LeaseRequest::New));
    }
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

fn broken(error: impl core::fmt::Display) -> WsError {
    WsError::protocol(&error)
}
