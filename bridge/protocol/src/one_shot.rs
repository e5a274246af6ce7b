//! `POST /v1/produce`: a request and a reply without a session (§9).

use alloc::vec::Vec;

use crate::error::{EncodeError, ProtocolError};
use crate::frame::Frame;
use crate::kind::{End, StreamId};
use crate::limits;
use crate::session::Phase;

/// Checks the order of the frames in one body: HELLO, then DATA; in a reply WELCOME, then DATA,
/// then perhaps CLOSE. All of the stream's frames have [`StreamId::FIRST`].
#[derive(Clone, Copy, Debug)]
pub struct OneShot {
    sender: End,
    begun: bool,
    closed: bool,
}

impl OneShot {
    /// The body of a request, which the client sends, or of a reply, which the bridge sends.
    #[must_use]
    pub fn new(sender: End) -> Self {
        Self { sender, begun: false, closed: false }
    }

    /// Counts the next frame of the body.
    ///
    /// # Errors
    /// If it has no place there.
    pub fn accept(&mut self, frame: &Frame<'_>) -> Result<(), ProtocolError> {
        let kind = frame.kind();
        if kind.sender().is_some_and(|sender| sender != self.sender) {
            return Err(ProtocolError::WrongEnd(kind));
        }
        let (begun, closed) = (self.begun, self.closed);
        let fits = match frame {
            Frame::Hello(_) | Frame::Welcome(_) => !begun,
            Frame::Data { stream, .. } => begun && !closed && *stream == StreamId::FIRST,
            Frame::Close { stream, .. } => {
                begun && !closed && *stream == StreamId::FIRST && self.sender == End::Bridge
            }
            _ => false,
        };
        if !fits {
            let phase = if begun { Phase::Open } else { Phase::Start };
            return Err(ProtocolError::WrongPhase(kind, phase));
        }
        self.begun = true;
        self.closed = matches!(frame, Frame::Close { .. });
        Ok(())
    }
}

/// Appends the bytes of a body's stream, Kafka requests or responses with their sizes, in as many
/// DATA frames as they need.
///
/// # Errors
/// Those of [`Frame::encode`], which no bytes cause.
pub fn put_stream(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut pieces = bytes.chunks(limits::DATA);
    pieces.try_for_each(|bytes| Frame::Data { stream: StreamId::FIRST, bytes }.encode(out))
}
