//! What every frame begins with: type, stream, length (§2).

use crate::error::DecodeError;
use crate::limits;

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The producer in a page, a worker, a process.
    Client,
    /// The bridge.
    Bridge,
}

impl End {
    /// The other end.
    #[must_use]
    pub fn peer(self) -> Self {
        match self {
            Self::Client => Self::Bridge,
            Self::Bridge => Self::Client,
        }
    }
}

/// The type of a frame, with its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// Who the client is and what it wants; its first frame.
    Hello = 0x01,
    /// What the client gets; the bridge's first frame.
    Welcome = 0x02,
    /// Asks for a stream to a node.
    Open = 0x03,
    /// The stream is there.
    Opened = 0x04,
    /// The stream is not there.
    Refused = 0x05,
    /// Bytes of a stream.
    Data = 0x06,
    /// More may be sent on a stream.
    Credit = 0x07,
    /// Nothing follows on a stream.
    Close = 0x08,
    /// Asks for a lease, or to renew, resume or end one.
    Lease = 0x09,
    /// Answers a LEASE.
    Leased = 0x0a,
    /// A lease as it stands now, unasked.
    Ticket = 0x0b,
    /// A fresh token.
    Auth = 0x0c,
    /// The token is good.
    AuthOk = 0x0d,
    /// The bridge is going to close.
    Drain = 0x0e,
    /// Asks for a sign of life.
    Ping = 0x0f,
    /// Gives it.
    Pong = 0x10,
}

impl FrameKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Hello,
        Self::Welcome,
        Self::Open,
        Self::Opened,
        Self::Refused,
        Self::Data,
        Self::Credit,
        Self::Close,
        Self::Lease,
        Self::Leased,
        Self::Ticket,
        Self::Auth,
        Self::AuthOk,
        Self::Drain,
        Self::Ping,
        Self::Pong,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }

    /// The only end that sends it; `None` if both do.
    #[must_use]
    pub fn sender(self) -> Option<End> {
        match self {
            Self::Hello | Self::Open | Self::Lease | Self::Auth => Some(End::Client),
            Self::Welcome | Self::Opened | Self::Refused | Self::Leased => Some(End::Bridge),
            Self::Ticket | Self::AuthOk | Self::Drain => Some(End::Bridge),
            Self::Data | Self::Credit | Self::Close | Self::Ping | Self::Pong => None,
        }
    }

    /// Whether it belongs to a stream; the others have stream 0.
    #[must_use]
    pub fn has_stream(self) -> bool {
        use FrameKind::{Close, Credit, Data, Open, Opened, Refused};
        matches!(self, Open | Opened | Refused | Data | Credit | Close)
    }

    /// The sizes that its payload may have, in bytes.
    #[must_use]
    pub fn payload_sizes(self) -> core::ops::RangeInclusive<usize> {
        match self {
            Self::Hello => 8..=limits::HELLO,
            Self::Welcome => 61..=limits::WELCOME,
            Self::Open | Self::Drain | Self::Ping | Self::Pong => 8..=8,
            Self::Opened | Self::Credit | Self::AuthOk => 4..=4,
            Self::Refused => 5..=5,
            Self::Data => 1..=limits::DATA,
            Self::Close => 1..=1,
            Self::Lease => 1..=2 + limits::TICKET,
            Self::Leased => 1..=16 + limits::TICKET,
            Self::Ticket => 16..=15 + limits::TICKET,
            Self::Auth => 3..=2 + limits::TOKEN,
        }
    }
}

/// A stream: 1 to [`limits::STREAMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u8);

impl StreamId {
    /// The stream of a one-shot request.
    pub const FIRST: Self = Self(1);

    /// `None` for 0, which is the control stream, and above [`limits::STREAMS`].
    #[must_use]
    pub const fn new(id: u8) -> Option<Self> {
        if id >= 1 && id <= limits::STREAMS { Some(Self(id)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Its place in an array of all streams.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0) - 1
    }
}

/// The first five bytes of a frame, checked: nothing larger than its kind allows is ever awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The frame's type.
    pub kind: FrameKind,
    /// Its stream; `None` is the control stream.
    pub stream: Option<StreamId>,
    /// Bytes that follow.
    pub length: usize,
}

impl FrameHeader {
    /// Reads a header.
    ///
    /// # Errors
    /// If the type is unknown, or stream or length are none that the type may have.
    pub fn decode(bytes: [u8; limits::HEADER]) -> Result<Self, DecodeError> {
        let [byte, stream, length @ ..] = bytes;
        let kind = FrameKind::from_byte(byte).ok_or(DecodeError::UnknownType { byte })?;
        let id = StreamId::new(stream);
        if id.is_some() != kind.has_stream() || (id.is_none() && stream != 0) {
            return Err(DecodeError::Stream { kind, stream });
        }
        let [high, middle, low] = length;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if !kind.payload_sizes().contains(&length) {
            return Err(DecodeError::Length { kind, length });
        }
        Ok(Self { kind, stream: id, length })
    }

    /// The header's bytes. The length is one that `kind` may have, so it fits.
    pub(crate) fn bytes(self) -> [u8; limits::HEADER] {
        let [_, high, middle, low] = (self.length as u32).to_be_bytes();
        [self.kind as u8, self.stream.map_or(0, StreamId::get), high, middle, low]
    }
}
