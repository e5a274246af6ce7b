//! Makes messages of what waits: control frames first, then the streams in turn (§2.2).

use alloc::vec::Vec;
use core::{fmt, mem};

use crate::code::StreamEnd;
use crate::error::{EncodeError, ProtocolError};
use crate::frame::Frame;
use crate::kind::StreamId;
use crate::limits;
use crate::session::Session;
use crate::stream::StreamState;

/// Why a frame was not queued. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueError {
    /// A field is out of bounds.
    Encode(EncodeError),
    /// The session does not allow it now.
    Protocol(ProtocolError),
    /// What waits would not fit into a message: the peer does not read.
    Full,
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("a frame that can't be sent");
        }
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Full => f.write_str("too many control frames wait, the peer does not read"),
        }
    }
}

impl core::error::Error for QueueError {}

/// What waits to be sent in a session.
///
/// Streams get their turns in frames of at most [`limits::DATA`] bytes, so a large request on one
/// holds up another by at most a frame for each stream.
#[derive(Debug)]
pub struct Packer {
    /// Whole frames.
    control: Vec<u8>,
    queues: [Queue; limits::STREAMS as usize],
    /// The most bytes that wait for a stream.
    queue_max: usize,
    /// Where the next round begins.
    turn: usize,
}

/// What waits for one stream.
#[derive(Debug, Default)]
struct Queue {
    /// From `start` on not yet sent.
    bytes: Vec<u8>,
    start: usize,
    /// CLOSE follows when all is sent.
    end: Option<StreamEnd>,
}

impl Packer {
    /// A packer that keeps at most `queue_max` bytes for each stream.
    #[must_use]
    pub fn new(queue_max: usize) -> Self {
        let queues = core::array::from_fn(|_| Queue::default());
        Self { control: Vec::new(), queues, queue_max, turn: 0 }
    }

    /// Queues a frame that is not DATA; it goes before all bytes of streams. Use
    /// [`close`](Self::close) for a CLOSE that is to come after them.
    ///
    /// # Errors
    /// If the session does not allow it, a field is out of bounds, or too much waits.
    pub fn control(&mut self, session: &mut Session, frame: &Frame<'_>) -> Result<(), QueueError> {
        let before = self.control.len();
        frame.encode(&mut self.control).map_err(QueueError::Encode)?;
        let queued = if self.control.len() > limits::MESSAGE {
            Err(QueueError::Full)
        } else {
            session.sent(frame).map_err(QueueError::Protocol)
        };
        if queued.is_err() {
            self.control.truncate(before);
            return queued;
        }
        // A stream that begins has nothing left of the one before.
        if let Frame::Open { stream, .. } | Frame::Opened { stream, .. } = frame {
            self.queues[stream.index()] = Queue::default();
        }
        Ok(())
    }

    /// Queues bytes of an open stream, as many as there is room for, and says how many. None of a
    /// stream that is not open or is about to close.
    pub fn queue(&mut self, session: &Session, stream: StreamId, bytes: &[u8]) -> usize {
        let queue = &mut self.queues[stream.index()];
        if !matches!(session.stream(stream), StreamState::Open { .. }) || queue.end.is_some() {
            return 0;
        }
        let room = self.queue_max.saturating_sub(queue.waiting().len());
        let taken = &bytes[..bytes.len().min(room)];
        queue.push(taken);
        taken.len()
    }

    /// Bytes that wait for a stream.
    #[must_use]
    pub fn queued(&self, stream: StreamId) -> usize {
        self.queues[stream.index()].waiting().len()
    }

    /// Ends a stream behind what waits for it. If the peer has closed it, what waits is dropped.
    pub fn close(&mut self, stream: StreamId, end: StreamEnd) {
        self.queues[stream.index()].end.get_or_insert(end);
    }

    /// Ends a stream at once; what waits for it is dropped.
    pub fn reset(&mut self, stream: StreamId, end: StreamEnd) {
        self.queues[stream.index()] = Queue { end: Some(end), ..Queue::default() };
    }

    /// Appends a message to `out`, which is empty: all control frames, then frames of the streams
    /// until there are [`limits::PACK`] bytes or nothing may be sent. Returns whether there is one.
    pub fn pack(&mut self, session: &mut Session, out: &mut Vec<u8>) -> bool {
        out.append(&mut mem::take(&mut self.control));
        let mut idle = 0;
        while idle < self.queues.len() && out.len() < limits::PACK {
            let turn = self.turn;
            self.turn = (turn + 1) % self.queues.len();
            let stream = StreamId::new(turn as u8 + 1);
            let sent = stream.is_some_and(|stream| self.take_turn(session, stream, out));
            idle = if sent { 0 } else { idle + 1 };
        }
        !out.is_empty()
    }

    /// Writes one frame of a stream, if there is one to be sent.
    fn take_turn(&mut self, session: &mut Session, stream: StreamId, out: &mut Vec<u8>) -> bool {
        let queue = &mut self.queues[stream.index()];
        match session.stream(stream) {
            StreamState::Opening { .. } => return false,
            StreamState::Open { .. } => {}
            StreamState::PeerClosed => queue.clear(),
            StreamState::Idle | StreamState::Closing { .. } => {
                *queue = Queue::default();
                return false;
            }
        }
        let waiting = queue.waiting();
        let size = waiting.len().min(limits::DATA).min(session.stream(stream).sendable());
        let frame = match queue.end {
            _ if size > 0 => Frame::Data { stream, bytes: &waiting[..size] },
            Some(end) if waiting.is_empty() => Frame::Close { stream, end },
            _ => return false,
        };
        let written = session.sent(&frame).is_ok() && frame.encode(out).is_ok();
        queue.advance(size);
        written
    }
}

impl Queue {
    fn waiting(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        if self.start >= self.bytes.len() {
            self.clear();
        }
    }

    /// Gives its memory back too: most sessions are idle most of the time.
    fn clear(&mut self) {
        self.bytes = Vec::new();
        self.start = 0;
    }
}
