//! Every size of the protocol (§3). Those that [`SessionLimits`](crate::SessionLimits) names may be
//! less in a session, never more.

/// Bytes of a frame before its payload.
pub const HEADER: usize = 5;

/// The largest WebSocket message, and the largest body of a one-shot request or reply.
pub const MESSAGE: usize = 1 << 20;

/// A writer fills a message up to here when that much waits.
pub const PACK: usize = 64 << 10;

/// The most bytes of a stream in one frame.
pub const DATA: usize = 16 << 10;

/// The payload of a HELLO, which comes from someone unknown.
pub const HELLO: usize = 4 << 10;

/// The payload of a WELCOME, most of which is metadata.
pub const WELCOME: usize = 512 << 10;

/// A token in a HELLO or AUTH.
pub const TOKEN: usize = 3 << 10;

/// A client's name or version.
pub const CLIENT_TEXT: usize = 64;

/// A ticket.
pub const TICKET: usize = 255;

/// Tickets in a HELLO.
pub const TICKETS: usize = 8;

/// A topic's name, as in Kafka.
pub const TOPIC: usize = 249;

/// Topics that a HELLO may name.
pub const TOPICS: usize = 32;

/// API version ranges in a WELCOME.
pub const APIS: usize = 8;

/// Streams beside the control stream; they are numbered from 1.
pub const STREAMS: u8 = 63;

/// The most credit that a stream may have at a time.
pub const WINDOW: u32 = 16 << 20;

/// The largest Kafka request or response in a stream, without its size.
pub const REQUEST: u32 = 1 << 20;
