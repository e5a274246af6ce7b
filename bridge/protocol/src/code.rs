//! Numbers that say why something ended or was refused (§7).

use core::fmt;

/// Declares an enum of one-byte codes with their texts.
macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$code_doc:meta])* $code:ident = $byte:literal: $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$code_doc])* $code = $byte,)* }

        impl $name {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The code with this number.
            #[must_use]
            pub fn from_byte(byte: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| *code as u8 == byte)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$code => $text,)* })
            }
        }
    };
}

codes! {
    /// Why a stream was not opened.
    OpenRefusal {
        /// The session was told of no such node.
        UnknownNode = 1: "unknown node, ask for metadata again",
        /// The session has as many streams as it may have.
        TooManyStreams = 2: "too many streams, close one first",
        /// The broker does not answer the bridge.
        Unreachable = 3: "the broker is unreachable, try again later",
        /// The bridge is going to close.
        Draining = 4: "the bridge is draining, connect again",
        /// The bridge has no memory or connections to spare.
        Overloaded = 5: "the bridge is overloaded, try again later",
    }
}

codes! {
    /// Why a stream ended.
    StreamEnd {
        /// Whoever opened it needs it no more.
        Done = 0: "done",
        /// The broker has gone; what is unanswered may or may not be in the log.
        BrokerLost = 1: "the connection to the broker was lost",
        /// The bytes are no Kafka request or response of at most the agreed size.
        Malformed = 2: "malformed Kafka bytes",
        /// An API or version that the WELCOME does not list.
        Forbidden = 3: "an API or version that the bridge does not offer",
        /// A request was begun and not finished, or a response not read, in time.
        TimedOut = 4: "timed out",
        /// The bridge is going to close.
        Draining = 5: "the bridge is draining",
    }
}

codes! {
    /// Why there is no lease.
    LeaseRefusal {
        /// The ticket is not the bridge's, not this subject's, or damaged.
        BadTicket = 1: "the ticket is not valid here",
        /// The ticket's time is up: whether its batches are in the log must stay unknown.
        Expired = 2: "the ticket has expired",
        /// A later session holds the lease.
        TakenOver = 3: "the lease was taken over by a later session",
        /// The subject or the bridge has no producer id to spare.
        Exhausted = 4: "no producer id to spare, try again later",
        /// The token grants no lease.
        NotGranted = 5: "the token grants no lease",
        /// The session does not hold the producer id that it names.
        NotHeld = 6: "the session holds no such lease",
    }
}

/// The close code of the WebSocket (RFC 6455 §7.4), which tells the client how to go on.
///
/// A script may only send 1000 and 3000–4999, so clients add 3000 to the RFC's numbers;
/// [`from_u16`](Self::from_u16) reads both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u16)]
pub enum CloseCode {
    /// The client needs the session no more.
    Done = 1000,
    /// The bridge has drained, or the session has lived its time: connect again.
    GoingAway = 1001,
    /// A frame that is none, or at the wrong time. Not worth trying again.
    Protocol = 1002,
    /// A text message. Not worth trying again.
    Text = 1003,
    /// A message or frame above its limit. Not worth trying again.
    TooLarge = 1009,
    /// The bridge failed: connect again with back-off.
    Internal = 1011,
    /// The bridge is full: connect again with back-off.
    Overloaded = 1013,
    /// No token, one that is not valid, or not valid any more: get a fresh one, then connect.
    Unauthenticated = 4401,
    /// The token does not allow it, or a batch bore an identity that the session does not hold.
    Forbidden = 4403,
    /// HELLO, the rest of a message or a PONG did not come in time: connect again.
    TimedOut = 4408,
    /// A later session resumed a lease of this one: do not resume it again by yourself.
    TakenOver = 4409,
    /// Too many frames, bytes or sessions for one subject: connect again with back-off.
    RateLimited = 4429,
}

impl CloseCode {
    /// All codes.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::GoingAway,
        Self::Protocol,
        Self::Text,
        Self::TooLarge,
        Self::Internal,
        Self::Overloaded,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::TimedOut,
        Self::TakenOver,
        Self::RateLimited,
    ];

    /// The code with this number; also the numbers that scripts send.
    #[must_use]
    pub fn from_u16(number: u16) -> Option<Self> {
        match number {
            4000..=4013 => Self::from_u16(number - 3000),
            _ => Self::ALL.into_iter().find(|code| *code as u16 == number),
        }
    }

    /// The number that a client sends.
    #[must_use]
    pub fn from_client(self) -> u16 {
        match self {
            Self::Done => 1000,
            other if other as u16 >= 4000 => other as u16,
            other => other as u16 + 3000,
        }
    }

    /// Whether the client should connect again by itself. After
    /// [`Unauthenticated`](Self::Unauthenticated) it needs a fresh token first.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        use CloseCode::{GoingAway, Internal, Overloaded, RateLimited, TimedOut, Unauthenticated};
        matches!(self, GoingAway | Internal | Overloaded | RateLimited | TimedOut | Unauthenticated)
    }
}
