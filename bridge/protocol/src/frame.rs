//! Frames as values (§4): written into a caller's buffer, read from a message that they borrow
//! from.

use alloc::vec::Vec;
use core::fmt;

use crate::code::{OpenRefusal, StreamEnd};
use crate::error::{DecodeError, EncodeError, Field};
use crate::hello::Hello;
use crate::kind::{FrameHeader, FrameKind, StreamId};
use crate::lease::{Lease, LeaseAnswer, LeaseRequest};
use crate::limits;
use crate::list::private::Item;
use crate::welcome::Welcome;
use crate::wire::{Reader, Writer};

/// Whether this can be a bridge: what only that reads and writes costs a page some bytes.
pub(crate) const BRIDGE: bool = cfg!(feature = "bridge");

/// On the wire, a node that is none in particular.
const ANY_NODE: u32 = u32::MAX;

/// A frame. Its `Debug` shows no token, no ticket and no bytes of a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Who the client is and what it wants.
    Hello(Hello<'a>),
    /// What the client gets.
    Welcome(Welcome<'a>),
    /// Asks for a stream to a node.
    Open {
        /// A stream that is idle.
        stream: StreamId,
        /// A node's id in the bridge's metadata; `None` is any.
        node: Option<u32>,
        /// The credit that the client gives, in bytes; also the stream's window in this direction.
        window: u32,
    },
    /// The stream is there.
    Opened {
        /// The stream.
        stream: StreamId,
        /// The credit that the bridge gives, in bytes; also the window in this direction.
        window: u32,
    },
    /// The stream is not there.
    Refused {
        /// The stream, idle again.
        stream: StreamId,
        /// Why.
        reason: OpenRefusal,
        /// When it is worth trying again, in milliseconds; 0 says nothing about that.
        retry_after_ms: u32,
    },
    /// Bytes of a stream.
    Data {
        /// The stream.
        stream: StreamId,
        /// 1 to [`limits::DATA`] bytes; where one request ends and another begins does not matter.
        bytes: &'a [u8],
    },
    /// More may be sent on a stream.
    Credit {
        /// The stream.
        stream: StreamId,
        /// How many bytes more.
        bytes: u32,
    },
    /// Nothing follows on a stream.
    Close {
        /// The stream; idle when both ends have said so.
        stream: StreamId,
        /// Why.
        end: StreamEnd,
    },
    /// Asks for a lease, or to renew, resume or end one.
    Lease(LeaseRequest<'a>),
    /// Answers a LEASE.
    Leased(LeaseAnswer<'a>),
    /// A lease as it stands now, unasked: its epoch has moved, or its ticket is a fresh one.
    Ticket(Lease<'a>),
    /// A fresh token of the same subject.
    Auth {
        /// The token.
        token: &'a str,
    },
    /// The token is good.
    AuthOk {
        /// For how long, in milliseconds.
        ttl_ms: u32,
    },
    /// The bridge is going to close.
    Drain {
        /// When at the latest, in milliseconds from now.
        deadline_ms: u32,
        /// How long to wait then before connecting again; each session has its own.
        reconnect_after_ms: u32,
    },
    /// Asks for a sign of life.
    Ping(u64),
    /// Gives it, with the same number.
    Pong(u64),
}

impl<'a> Frame<'a> {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Hello(_) => FrameKind::Hello,
            Self::Welcome(_) => FrameKind::Welcome,
            Self::Open { .. } => FrameKind::Open,
            Self::Opened { .. } => FrameKind::Opened,
            Self::Refused { .. } => FrameKind::Refused,
            Self::Data { .. } => FrameKind::Data,
            Self::Credit { .. } => FrameKind::Credit,
            Self::Close { .. } => FrameKind::Close,
            Self::Lease(_) => FrameKind::Lease,
            Self::Leased(_) => FrameKind::Leased,
            Self::Ticket(_) => FrameKind::Ticket,
            Self::Auth { .. } => FrameKind::Auth,
            Self::AuthOk { .. } => FrameKind::AuthOk,
            Self::Drain { .. } => FrameKind::Drain,
            Self::Ping(_) => FrameKind::Ping,
            Self::Pong(_) => FrameKind::Pong,
        }
    }

    /// Its stream; `None` is the control stream.
    #[must_use]
    pub fn stream(&self) -> Option<StreamId> {
        match *self {
            Self::Open { stream, .. }
            | Self::Opened { stream, .. }
            | Self::Refused { stream, .. }
            | Self::Data { stream, .. }
            | Self::Credit { stream, .. }
            | Self::Close { stream, .. } => Some(stream),
            _ => None,
        }
    }

    /// Appends the frame, header included.
    ///
    /// # Errors
    /// If a field is out of bounds; `out` is then as before.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        out.extend_from_slice(&[0; limits::HEADER]);
        let mut writer = Writer::new(out);
        self.write_payload(&mut writer);
        let written = writer.finish();
        let (kind, length) = (self.kind(), out.len() - start - limits::HEADER);
        let fits = kind.payload_sizes().contains(&length);
        let checked =
            written.and(if fits { Ok(()) } else { Err(EncodeError::Length { kind, length }) });
        if checked.is_err() {
            out.truncate(start);
            return checked;
        }
        let header = FrameHeader { kind, stream: self.stream(), length }.bytes();
        out[start..start + limits::HEADER].copy_from_slice(&header);
        Ok(())
    }

    fn write_payload(&self, writer: &mut Writer<'_>) {
        match *self {
            Self::Hello(hello) => hello.write(writer),
            Self::Welcome(welcome) if BRIDGE => welcome.write(writer),
            Self::Open { node, window, .. } => {
                match node {
                    None => writer.raw(&ANY_NODE.to_be_bytes()),
                    Some(node) => writer.u32(Field::Node, node),
                }
                writer.u32(Field::Window, window);
            }
            Self::Opened { window, .. } if BRIDGE => writer.u32(Field::Window, window),
            Self::Refused { reason, retry_after_ms, .. } if BRIDGE => {
                writer.raw(&[reason as u8]);
                writer.u32(Field::Time, retry_after_ms);
            }
            Self::Data { bytes, .. } => writer.raw(bytes),
            Self::Credit { bytes, .. } => writer.u32(Field::Credit, bytes),
            Self::Close { end, .. } => writer.raw(&[end as u8]),
            Self::Lease(request) => request.write(writer),
            Self::Leased(answer) if BRIDGE => answer.write(writer),
            Self::Ticket(lease) if BRIDGE => lease.write(writer),
            Self::Auth { token } => writer.bytes16(Field::Token, token.as_bytes()),
            Self::AuthOk { ttl_ms } if BRIDGE => writer.u32(Field::Time, ttl_ms),
            Self::Drain { deadline_ms, reconnect_after_ms } if BRIDGE => {
                writer.u32(Field::Time, deadline_ms);
                writer.u32(Field::Time, reconnect_after_ms);
            }
            Self::Ping(data) | Self::Pong(data) => writer.raw(&data.to_be_bytes()),
            // Without its payload it has not the size that it must have.
            _ => {}
        }
    }

    /// Reads the payload that follows a header.
    ///
    /// # Errors
    /// If it is not what the header says, or a field is out of bounds.
    pub fn decode(header: FrameHeader, payload: &'a [u8]) -> Result<Self, DecodeError> {
        let kind = header.kind;
        if payload.len() != header.length {
            return Err(DecodeError::Length { kind, length: payload.len() });
        }
        let mut reader = Reader::new(payload);
        let frame = match header.stream {
            Some(stream) => Self::read_of_stream(kind, stream, &mut reader),
            None => Self::read_control(kind, &mut reader),
        };
        let stream = header.stream.map_or(0, StreamId::get);
        let frame = frame.ok_or(DecodeError::Stream { kind, stream })?;
        reader.finish(kind)?;
        Ok(frame)
    }

    fn read_of_stream(kind: FrameKind, stream: StreamId, reader: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            FrameKind::Open if BRIDGE => {
                Self::Open { stream, node: node(reader), window: reader.u32(Field::Window) }
            }
            FrameKind::Opened => Self::Opened { stream, window: reader.u32(Field::Window) },
            FrameKind::Refused => {
                let reason = reader.code(OpenRefusal::from_byte, OpenRefusal::Unreachable);
                Self::Refused { stream, reason, retry_after_ms: reader.u32(Field::Time) }
            }
            FrameKind::Data => Self::Data { stream, bytes: reader.all() },
            FrameKind::Credit => Self::Credit { stream, bytes: reader.u32(Field::Credit) },
            FrameKind::Close => {
                Self::Close { stream, end: reader.code(StreamEnd::from_byte, StreamEnd::Malformed) }
            }
            _ => return None,
        })
    }

    fn read_control(kind: FrameKind, reader: &mut Reader<'a>) -> Option<Self> {
        Some(match kind {
            FrameKind::Hello if BRIDGE => Self::Hello(Hello::read(reader)),
            FrameKind::Welcome => Self::Welcome(Welcome::read(reader)),
            FrameKind::Lease if BRIDGE => Self::Lease(LeaseRequest::read(reader)),
            FrameKind::Leased => Self::Leased(LeaseAnswer::read(reader)),
            FrameKind::Ticket => Self::Ticket(Lease::read(reader)),
            FrameKind::Auth if BRIDGE => Self::Auth { token: reader.text16(Field::Token) },
            FrameKind::AuthOk => Self::AuthOk { ttl_ms: reader.u32(Field::Time) },
            FrameKind::Drain => {
                let deadline_ms = reader.u32(Field::Time);
                Self::Drain { deadline_ms, reconnect_after_ms: reader.u32(Field::Time) }
            }
            FrameKind::Ping => Self::Ping(u64::from_be_bytes(reader.array(Field::PingData))),
            FrameKind::Pong => Self::Pong(u64::from_be_bytes(reader.array(Field::PingData))),
            _ => return None,
        })
    }
}

fn node(reader: &mut Reader<'_>) -> Option<u32> {
    let mut any = *reader;
    if any.array(Field::Node) == ANY_NODE.to_be_bytes() {
        *reader = any;
        return None;
    }
    Some(reader.u32(Field::Node))
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind())?;
        if let Some(stream) = self.stream() {
            write!(f, " on {}", stream.get())?;
        }
        match *self {
            Self::Hello(hello) => write!(f, " {hello:?}"),
            Self::Welcome(welcome) => write!(f, " {welcome:?}"),
            Self::Open { node, window, .. } => write!(f, " to {node:?}, window {window}"),
            Self::Opened { window, .. } => write!(f, " window {window}"),
            Self::Refused { reason, retry_after_ms, .. } => {
                write!(f, " {reason:?}, again after {retry_after_ms} ms")
            }
            Self::Data { bytes, .. } => write!(f, " {} bytes", bytes.len()),
            Self::Credit { bytes, .. } => write!(f, " {bytes}"),
            Self::Close { end, .. } => write!(f, " {end:?}"),
            Self::Lease(request) => write!(f, " {request:?}"),
            Self::Leased(answer) => write!(f, " {answer:?}"),
            Self::Ticket(lease) => write!(f, " {lease:?}"),
            Self::Auth { .. } => Ok(()),
            Self::AuthOk { ttl_ms } => write!(f, " for {ttl_ms} ms"),
            Self::Drain { deadline_ms, reconnect_after_ms } => {
                write!(f, " within {deadline_ms} ms, back after {reconnect_after_ms} ms")
            }
            Self::Ping(data) | Self::Pong(data) => write!(f, " {data}"),
        }
    }
}
