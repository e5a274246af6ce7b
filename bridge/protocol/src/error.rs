//! What can be wrong with bytes, with a frame to be written, with the order of frames.

use core::fmt;
use core::ops::RangeInclusive;

use crate::code::CloseCode;
use crate::kind::{FrameKind, StreamId};
use crate::limits;
use crate::session::Phase;
use crate::stream::StreamName;

/// A part of a payload, with its bounds: the same table serves who writes and who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// Version of the protocol.
    Version,
    /// What a HELLO asks for.
    Flags,
    /// A HELLO's token; none where the client has none.
    HelloToken,
    /// A fresh token.
    Token,
    /// The client's name.
    ClientName,
    /// The client's version.
    ClientVersion,
    /// The number of tickets.
    Tickets,
    /// A ticket.
    Ticket,
    /// The number of topics.
    Topics,
    /// A topic's name.
    Topic,
    /// A session's id.
    Session,
    /// A point in time, or how long something lasts or is to be waited for.
    Time,
    /// How often a PING comes.
    PingInterval,
    /// The least linger that the bridge wants.
    MinLinger,
    /// The largest Kafka request.
    RequestSize,
    /// How many streams there may be.
    StreamCount,
    /// Bytes that may be on their way.
    Window,
    /// How many records a batch may have.
    BatchRecords,
    /// The number of API version ranges.
    Apis,
    /// The key of an API.
    ApiKey,
    /// A version of an API.
    ApiVersion,
    /// A Metadata response.
    Metadata,
    /// The number of answers about leases.
    Leases,
    /// What a LEASE asks for.
    LeaseRequest,
    /// How a LEASE was answered.
    LeaseAnswer,
    /// A producer id.
    ProducerId,
    /// A producer epoch.
    Epoch,
    /// A node, or none for any.
    Node,
    /// Bytes that may be sent in addition.
    Credit,
    /// Why something ended or was refused.
    Code,
    /// The bytes that a PONG returns.
    PingData,
}

impl Field {
    /// What a number, a count or a length in bytes may be.
    #[must_use]
    pub fn bounds(self) -> RangeInclusive<u32> {
        const I16: u32 = i16::MAX as u32;
        match self {
            Self::Version => 1..=1,
            Self::Flags => 0..=1,
            Self::HelloToken => 0..=limits::TOKEN as u32,
            Self::Token => 1..=limits::TOKEN as u32,
            Self::ClientName | Self::ClientVersion => 0..=limits::CLIENT_TEXT as u32,
            Self::Tickets => 0..=limits::TICKETS as u32,
            Self::Ticket => 1..=limits::TICKET as u32,
            Self::Topics => 0..=limits::TOPICS as u32,
            Self::Topic => 1..=limits::TOPIC as u32,
            Self::PingInterval => 1000..=3_600_000,
            Self::MinLinger => 0..=60_000,
            Self::RequestSize => 1024..=limits::REQUEST,
            Self::StreamCount => 1..=limits::STREAMS as u32,
            Self::Window | Self::Credit => 1..=limits::WINDOW,
            Self::BatchRecords => 1..=i32::MAX as u32,
            Self::Apis => 0..=limits::APIS as u32,
            Self::ApiKey | Self::ApiVersion | Self::Epoch => 0..=I16,
            Self::Metadata => 0..=limits::WELCOME as u32,
            Self::Leases => 0..=limits::TICKETS as u32 + 1,
            Self::LeaseRequest => 0..=3,
            Self::LeaseAnswer => 0..=2,
            Self::Node => 0..=i32::MAX as u32,
            // Those without bounds of their own, and codes, whose enum knows them.
            Self::Session | Self::Time | Self::ProducerId | Self::Code | Self::PingData => {
                0..=u32::MAX
            }
        }
    }
}

/// What is wrong with a part of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The payload ends before it does.
    Truncated,
    /// Its value, count or length in bytes is out of bounds.
    OutOfBounds {
        /// What it is; a larger one than 2³²−1 is shown as that.
        value: u32,
    },
    /// It is no UTF-8.
    Utf8,
    /// No number that means something.
    UnknownCode {
        /// What it is.
        value: u8,
    },
}

fn write_problem(f: &mut fmt::Formatter<'_>, field: Field, problem: Problem) -> fmt::Result {
    match problem {
        Problem::Truncated => write!(f, "the payload ends within {field:?}"),
        Problem::OutOfBounds { value } => {
            let bounds = field.bounds();
            write!(f, "{field:?} is {value}, not {} to {}", bounds.start(), bounds.end())
        }
        Problem::Utf8 => write!(f, "{field:?} is not UTF-8"),
        Problem::UnknownCode { value } => write!(f, "{field:?} is {value}, which has no meaning"),
    }
}

/// Bytes that are no message of this protocol. Close the WebSocket with
/// [`close_code`](Self::close_code): nothing after them can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A message of no bytes or of more than [`limits::MESSAGE`].
    MessageSize {
        /// Its bytes.
        size: usize,
    },
    /// A message that ends within a frame.
    Truncated {
        /// Bytes that the frame still needs, as far as known.
        missing: usize,
    },
    /// A type that the protocol does not have.
    UnknownType {
        /// Its number.
        byte: u8,
    },
    /// A stream for a frame that has none, none for one that needs it, or one above the limit.
    Stream {
        /// The frame's type.
        kind: FrameKind,
        /// Its stream.
        stream: u8,
    },
    /// A payload smaller or larger than its type may have.
    Length {
        /// The frame's type.
        kind: FrameKind,
        /// The payload's bytes.
        length: usize,
    },
    /// Bytes after a payload's last field.
    TrailingBytes {
        /// The frame's type.
        kind: FrameKind,
        /// How many.
        count: usize,
    },
    /// A field that cannot be.
    Field {
        /// Which one.
        field: Field,
        /// What is wrong.
        problem: Problem,
    },
}

impl DecodeError {
    /// The code to close with.
    #[must_use]
    pub fn close_code(&self) -> CloseCode {
        match *self {
            Self::MessageSize { size } if size > 0 => CloseCode::TooLarge,
            Self::Length { kind, length } if length > *kind.payload_sizes().end() => {
                CloseCode::TooLarge
            }
            _ => CloseCode::Protocol,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("malformed frame");
        }
        match *self {
            Self::MessageSize { size } => {
                write!(f, "a message of {size} bytes, not 1 to {}", limits::MESSAGE)
            }
            Self::Truncated { missing } => {
                write!(f, "the message ends within a frame, {missing} bytes are missing")
            }
            Self::UnknownType { byte } => write!(f, "unknown frame type {byte:#04x}"),
            Self::Stream { kind, stream } => write!(f, "{kind:?} on stream {stream}"),
            Self::Length { kind, length } => write!(f, "{kind:?} with {length} bytes"),
            Self::TrailingBytes { kind, count } => {
                write!(f, "{kind:?} has {count} bytes after its last field")
            }
            Self::Field { field, problem } => write_problem(f, field, problem),
        }
    }
}

impl core::error::Error for DecodeError {}

/// A frame that may not be written, because the peer would refuse it. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// A field is out of bounds.
    Field {
        /// Which one.
        field: Field,
        /// What is wrong.
        problem: Problem,
    },
    /// All fields are allowed, but together they are too large, or there are no bytes of DATA.
    Length {
        /// The frame's type.
        kind: FrameKind,
        /// The payload's bytes.
        length: usize,
    },
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("a frame that can't be sent");
        }
        match *self {
            Self::Field { field, problem } => write_problem(f, field, problem),
            Self::Length { kind, length } => {
                let sizes = kind.payload_sizes();
                write!(f, "{kind:?} with {length} bytes, not {} to {}", sizes.start(), sizes.end())
            }
        }
    }
}

impl core::error::Error for EncodeError {}

/// Credit that does not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreditError {
    /// More bytes than there was credit for.
    Exceeded {
        /// The bytes.
        bytes: u32,
        /// What was allowed.
        credit: u32,
    },
    /// More credit than the stream's window.
    Overflow {
        /// What is added.
        bytes: u32,
        /// What there is.
        credit: u32,
        /// What there may be.
        window: u32,
    },
}

impl fmt::Display for CreditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("credit exceeded");
        }
        match *self {
            Self::Exceeded { bytes, credit } => write!(f, "{bytes} bytes with credit for {credit}"),
            Self::Overflow { bytes, credit, window } => {
                write!(f, "credit of {bytes} added to {credit}, the window is {window}")
            }
        }
    }
}

impl core::error::Error for CreditError {}

/// A frame at the wrong time. One that was received means: close with [`CloseCode::Protocol`]. One
/// to be sent is a mistake of the program, and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The sender's end never sends this type.
    WrongEnd(FrameKind),
    /// Not in this phase of the session.
    WrongPhase(FrameKind, Phase),
    /// Not in this state of the stream.
    WrongStreamState(FrameKind, StreamId, StreamName),
    /// A stream beyond what the WELCOME allows.
    TooManyStreams(StreamId),
    /// A window beyond what the WELCOME allows.
    Window(StreamId, u32),
    /// The stream's credit does not add up.
    Credit(StreamId, CreditError),
    /// The same question again before its answer.
    AskedTwice(FrameKind),
    /// An answer to no question, or to another one.
    Unasked(FrameKind),
    /// A WELCOME that does not answer each ticket, and the wish for a lease, once.
    LeaseAnswers {
        /// Answers expected.
        expected: usize,
        /// Answers given.
        given: usize,
    },
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if cfg!(not(feature = "texts")) {
            return f.write_str("frame out of order");
        }
        match *self {
            Self::WrongEnd(kind) => write!(f, "this end does not send {kind:?}"),
            Self::WrongPhase(kind, phase) => write!(f, "{kind:?} while the session is {phase:?}"),
            Self::WrongStreamState(kind, stream, state) => {
                write!(f, "{kind:?} while stream {} is {state:?}", stream.get())
            }
            Self::TooManyStreams(stream) => {
                write!(f, "stream {} is more than the session may have", stream.get())
            }
            Self::Window(stream, window) => {
                write!(f, "stream {}: a window of {window} is too large", stream.get())
            }
            Self::Credit(stream, error) => write!(f, "stream {}: {error}", stream.get()),
            Self::AskedTwice(kind) => write!(f, "{kind:?} before the last one was answered"),
            Self::Unasked(kind) => write!(f, "{kind:?} answers nothing that was asked"),
            Self::LeaseAnswers { expected, given } => {
                write!(f, "{given} answers about leases, {expected} were asked for")
            }
        }
    }
}

impl core::error::Error for ProtocolError {}
