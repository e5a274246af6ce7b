//! The one state machine behind all handles of a transport.

use alloc::string::String;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use ottla_bridge_protocol::{End, Frame, Packer, Session, StreamEnd, StreamId};
use ottla_core::rng::Rng;
use ottla_core::time::Instant;

use crate::error::WsError;
use crate::lease::Lent;
use crate::life::Life;
use crate::pipe::Pipe;
use crate::socket::Socket;

/// What may wait for a stream: more than a batch, so that the next is there when one has left.
const QUEUE: usize = 256 * 1024;

/// What the bridge may send on a stream before it is read. Responses to Produce are short.
const WINDOW: u32 = 64 * 1024;

/// No message is sent while more than this waits in the WebSocket.
const BUFFERED: usize = 512 * 1024;

/// How often a WebSocket is asked whether its bytes have left: it doesn't tell.
const LOOK: Duration = Duration::from_millis(4);

/// What a client says about itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its name in the bridge's log, at most 64 bytes.
    pub client_name: String,
    /// Its version there.
    pub client_version: String,
    /// Whether it needs a producer id, as idempotent producers do.
    pub wants_lease: bool,
}

/// What the bridge asks of the producers of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The largest request, without its size: the most for `max.request.size`.
    pub request_bytes: u32,
    /// The least for `linger.ms`.
    pub min_linger: Duration,
    /// The most for `batch.max.records`.
    pub batch_records: u32,
}

/// How a transport is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Status {
    /// There is no session, but there will be, unless this goes on.
    Connecting {
        /// Why there is none yet, if anything went wrong.
        last_error: Option<WsError>,
    },
    /// There is a session.
    Open(Terms),
    /// There is none and will be none.
    Failed(WsError),
}

pub(crate) struct Bridge<S> {
    pub(crate) socket: S,
    pub(crate) options: Options,
    pub(crate) life: Life,
    pub(crate) session: Session,
    pub(crate) packer: Packer,
    pub(crate) pipes: Vec<Pipe>,
    pub(crate) lent: Lent,
    pub(crate) terms: Option<Terms>,
    pub(crate) rng: Rng,
    pub(crate) waker: Option<Waker>,
    /// Of the HELLO that comes next.
    pub(crate) token: String,
    next_pipe: u32,
    /// Some stream had no room; it may have when a message has left.
    is_full: bool,
    message: Vec<u8>,
}

impl<S: Socket> Bridge<S> {
    pub(crate) fn new(socket: S, options: Options, seed: u64) -> Self {
        Self {
            socket,
            options,
            life: Life::default(),
            session: Session::new(End::Client),
            packer: Packer::new(QUEUE),
            pipes: Vec::new(),
            lent: Lent::default(),
            terms: None,
            rng: Rng::new(seed),
            waker: None,
            token: String::new(),
            next_pipe: 0,
            is_full: false,
            message: Vec::new(),
        }
    }

    /// The core wants a stream; it comes when there is a session.
    pub(crate) fn add_pipe(&mut self, node: Option<u32>) -> u32 {
        self.next_pipe += 1;
        let mut pipe = Pipe::new(self.next_pipe, node);
        pipe.ended = self.life.failure().cloned();
        self.pipes.push(pipe);
        self.open_streams();
        self.next_pipe
    }

    /// The core has no more use for it.
    pub(crate) fn drop_pipe(&mut self, id: u32) {
        let Some(at) = self.pipes.iter().position(|pipe| pipe.id == id) else { return };
        let pipe = self.pipes.swap_remove(at);
        if let Some(stream) = pipe.stream.filter(|_| pipe.is_open) {
            self.packer.reset(stream, StreamEnd::Done);
        }
    }

    /// Whether the bridge has opened the stream.
    pub(crate) fn poll_open(&mut self, id: u32, cx: &Context<'_>) -> Poll<Result<(), WsError>> {
        let Some(pipe) = self.pipes.iter().find(|pipe| pipe.id == id) else {
            return Poll::Pending;
        };
        if pipe.is_open {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = &pipe.ended {
            return Poll::Ready(Err(error.clone()));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_read(
        &mut self,
        id: u32,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, WsError>> {
        let Some(pipe) = self.pipes.iter_mut().find(|pipe| pipe.id == id) else {
            return Poll::Pending;
        };
        let count = pipe.take(buffer);
        if count > 0 {
            if let Some(stream) = pipe.stream {
                self.give_credit(stream, count);
            }
            return Poll::Ready(Ok(count));
        }
        if let Some(error) = &pipe.ended {
            return Poll::Ready(Err(error.clone()));
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn poll_write(
        &mut self,
        id: u32,
        cx: &Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, WsError>> {
        let draining = self.life.is_draining();
        let Some(pipe) = self.pipes.iter_mut().find(|pipe| pipe.id == id) else {
            return Poll::Pending;
        };
        if let Some(error) = &pipe.ended {
            return Poll::Ready(Err(error.clone()));
        }
        let mut written = 0;
        if let Some(stream) = pipe.stream.filter(|_| pipe.is_open) {
            for slice in slices {
                let most = if draining { pipe.rest_of_request(slice.len()) } else { slice.len() };
                let taken = self.packer.queue(&self.session, stream, &slice[..most]);
                pipe.wrote(&slice[..taken]);
                written += taken;
                if taken < slice.len() {
                    break;
                }
            }
        }
        if written > 0 {
            return Poll::Ready(Ok(written));
        }
        self.is_full = true;
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Opens the streams that wait for it, as many as the session allows.
    pub(crate) fn open_streams(&mut self) {
        // Without a lease no batch is taken, and those of an earlier one must not come.
        if self.options.wants_lease && self.lent.ticket().is_none() {
            return;
        }
        let Some(limits) = self.session.limits() else { return };
        let window = WINDOW.min(limits.window_bytes);
        for pipe in &mut self.pipes {
            if pipe.stream.is_some() || pipe.ended.is_some() {
                continue;
            }
            let Some(stream) = self.session.idle_stream() else { return };
            let open = Frame::Open { stream, node: pipe.node, window };
            if self.packer.control(&mut self.session, &open).is_err() {
                return;
            }
            pipe.stream = Some(stream);
        }
    }

    /// Sends messages until the WebSocket has enough or nothing may be sent.
    pub(crate) fn flush(&mut self) {
        let mut sent = false;
        while self.life.is_connected() && self.socket.buffered() < BUFFERED {
            self.message.clear();
            if !self.packer.pack(&mut self.session, &mut self.message) {
                break;
            }
            self.socket.send(&self.message);
            sent = true;
        }
        if sent && core::mem::take(&mut self.is_full) {
            self.wake();
        }
    }

    /// When to look whether the WebSocket takes more.
    pub(crate) fn flush_due(&self, now: Instant) -> Option<Instant> {
        (self.life.is_connected() && self.socket.buffered() >= BUFFERED).then_some(now + LOOK)
    }

    /// Every stream ends with the WebSocket. The core opens new ones when it wants them.
    pub(crate) fn end_pipes(&mut self, error: &WsError) {
        for pipe in &mut self.pipes {
            // One that has no stream yet waits for the next session, unless there will be none.
            if pipe.stream.take().is_some() || self.life.failure().is_some() {
                pipe.is_open = false;
                pipe.ended.get_or_insert_with(|| error.clone());
            }
        }
        self.session = Session::new(End::Client);
        self.packer = Packer::new(QUEUE);
        self.wake();
    }

    pub(crate) fn pipe_of(&mut self, stream: StreamId) -> Option<&mut Pipe> {
        self.pipes.iter_mut().find(|pipe| pipe.stream == Some(stream))
    }

    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Bytes were read; the bridge may send as many again once that is worth a frame.
    fn give_credit(&mut self, stream: StreamId, count: usize) {
        if let Some(bytes) = self.session.consume(stream, count as u32) {
            // It fails only if a hostile bridge makes too much wait; then there is no more credit.
            let _ = self.packer.control(&mut self.session, &Frame::Credit { stream, bytes });
        }
    }
}
