//! Cuts a message into its frames (§2).

use crate::error::DecodeError;
use crate::frame::Frame;
use crate::kind::FrameHeader;
use crate::limits;

/// The frames of one WebSocket message, or of the body of a one-shot request, each read when it is
/// asked for.
#[derive(Clone, Debug)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    /// Begins with a message. What receives it must have held it to [`limits::MESSAGE`] already.
    ///
    /// # Errors
    /// [`DecodeError::MessageSize`] if it is empty or too large.
    pub fn new(message: &'a [u8]) -> Result<Self, DecodeError> {
        match message.len() {
            1..=limits::MESSAGE => Ok(Self { rest: message }),
            size => Err(DecodeError::MessageSize { size }),
        }
    }

    /// The next frame, or `None` at the end of the message.
    ///
    /// # Errors
    /// If the bytes are no frame. Close the connection: nothing after them can be read.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'a>>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((header, rest)) = self.rest.split_first_chunk() else {
            return Err(DecodeError::Truncated { missing: limits::HEADER - self.rest.len() });
        };
        let header = FrameHeader::decode(*header)?;
        let Some((payload, rest)) = rest.split_at_checked(header.length) else {
            return Err(DecodeError::Truncated { missing: header.length - rest.len() });
        };
        self.rest = rest;
        Frame::decode(header, payload).map(Some)
    }
}
