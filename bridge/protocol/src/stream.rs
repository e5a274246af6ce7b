//! The life of one stream, as one end sees it (§8.2).

use crate::credit::{ReceiveWindow, SendCredit};
use crate::error::{CreditError, ProtocolError};
use crate::frame::{BRIDGE, Frame};
use crate::kind::StreamId;
use crate::session::Verdict;

/// Where a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StreamState {
    /// Not in use.
    #[default]
    Idle,
    /// OPEN was sent or received, its answer was not.
    Opening {
        /// The window that the client gave.
        window: u32,
    },
    /// Bytes may flow.
    Open {
        /// What this end may send.
        send: SendCredit,
        /// What the peer may send.
        receive: ReceiveWindow,
    },
    /// This end sent CLOSE; what the peer sent before it knew is dropped.
    Closing {
        /// What the peer may still send.
        receive: ReceiveWindow,
    },
    /// The peer sent CLOSE; this end still has to.
    PeerClosed,
}

/// A [`StreamState`] without what it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StreamName {
    /// [`StreamState::Idle`].
    Idle,
    /// [`StreamState::Opening`].
    Opening,
    /// [`StreamState::Open`].
    Open,
    /// [`StreamState::Closing`].
    Closing,
    /// [`StreamState::PeerClosed`].
    PeerClosed,
}

impl StreamState {
    /// Which state it is.
    #[must_use]
    pub fn name(&self) -> StreamName {
        match self {
            Self::Idle => StreamName::Idle,
            Self::Opening { .. } => StreamName::Opening,
            Self::Open { .. } => StreamName::Open,
            Self::Closing { .. } => StreamName::Closing,
            Self::PeerClosed => StreamName::PeerClosed,
        }
    }

    /// Bytes that may be sent now.
    #[must_use]
    pub fn sendable(&self) -> usize {
        match self {
            Self::Open { send, .. } => send.available() as usize,
            _ => 0,
        }
    }

    /// The state after this end has sent `frame`.
    pub(crate) fn after_sending(
        self,
        id: StreamId,
        frame: &Frame<'_>,
    ) -> Result<Self, ProtocolError> {
        let credit = |error| ProtocolError::Credit(id, error);
        Ok(match (self, frame) {
            (Self::Idle, Frame::Open { window, .. }) => Self::Opening { window: *window },
            (Self::Opening { window: given }, Frame::Opened { window, .. }) if BRIDGE => {
                let (send, receive) = (SendCredit::new(given), ReceiveWindow::new(*window));
                Self::Open { send, receive }
            }
            (Self::Opening { .. }, Frame::Refused { .. }) if BRIDGE => Self::Idle,
            (Self::Open { mut send, receive }, Frame::Data { bytes, .. }) => {
                send.spend(bytes.len()).map_err(credit)?;
                Self::Open { send, receive }
            }
            (Self::Open { send, mut receive }, Frame::Credit { bytes, .. }) => {
                receive.grant(*bytes).map_err(credit)?;
                Self::Open { send, receive }
            }
            (Self::Open { receive, .. }, Frame::Close { .. }) => Self::Closing { receive },
            (Self::PeerClosed, Frame::Close { .. }) => Self::Idle,
            _ => return Err(self.refusal(id, frame)),
        })
    }

    /// The state after `frame` has arrived, and whether it is to be acted upon.
    pub(crate) fn after_receiving(
        self,
        id: StreamId,
        frame: &Frame<'_>,
    ) -> Result<(Self, Verdict), ProtocolError> {
        let credit = |error: CreditError| ProtocolError::Credit(id, error);
        let state = match (self, frame) {
            (Self::Idle, Frame::Open { window, .. }) if BRIDGE => Self::Opening { window: *window },
            (Self::Opening { window: given }, Frame::Opened { window, .. }) => {
                let (send, receive) = (SendCredit::new(*window), ReceiveWindow::new(given));
                Self::Open { send, receive }
            }
            (Self::Opening { .. }, Frame::Refused { .. }) => Self::Idle,
            (Self::Open { send, mut receive }, Frame::Data { bytes, .. }) => {
                receive.receive(bytes.len()).map_err(credit)?;
                Self::Open { send, receive }
            }
            (Self::Open { mut send, receive }, Frame::Credit { bytes, .. }) => {
                send.add(*bytes).map_err(credit)?;
                Self::Open { send, receive }
            }
            (Self::Open { .. }, Frame::Close { .. }) => Self::PeerClosed,
            (Self::Closing { mut receive }, Frame::Data { bytes, .. }) => {
                receive.receive(bytes.len()).map_err(credit)?;
                return Ok((Self::Closing { receive }, Verdict::Drop));
            }
            (Self::Closing { .. }, Frame::Credit { .. }) => return Ok((self, Verdict::Drop)),
            (Self::Closing { .. }, Frame::Close { .. }) => Self::Idle,
            _ => return Err(self.refusal(id, frame)),
        };
        Ok((state, Verdict::Act))
    }

    fn refusal(&self, id: StreamId, frame: &Frame<'_>) -> ProtocolError {
        ProtocolError::WrongStreamState(frame.kind(), id, self.name())
    }
}
