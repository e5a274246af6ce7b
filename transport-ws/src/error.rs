//! Why a stream ended, or the whole session.

use alloc::rc::Rc;
use alloc::string::ToString;
use core::fmt;

use embedded_io::ErrorKind;
use ottla_bridge_protocol::{CloseCode, LeaseRefusal, OpenRefusal, StreamEnd};

/// Why there is no stream to a node, or not any more.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WsError {
    /// The WebSocket could not be opened, or ended; the bridge's code where there was one.
    Closed {
        /// The WebSocket's close code (§7.4).
        code: Option<u16>,
        /// What the bridge or the runtime said.
        reason: Rc<str>,
    },
    /// The bridge did not answer in time.
    Silent(&'static str),
    /// The bridge sent something that the protocol does not have.
    Protocol(Rc<str>),
    /// The bridge doesn't open a stream to the node.
    Refused(OpenRefusal),
    /// The bridge ended the stream.
    Ended(StreamEnd),
    /// The bridge lends no producer id.
    NoLease(LeaseRefusal),
    /// The program closed the transport.
    Done,
}

impl WsError {
    pub(crate) fn protocol(why: &impl fmt::Display) -> Self {
        let texts = cfg!(feature = "texts");
        Self::Protocol(if texts { why.to_string().into() } else { Rc::default() })
    }

    /// Whether connecting again can't help: the bridge refuses who this is, or what it does.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Closed { code: Some(code), .. } => matches!(
                CloseCode::from_u16(*code),
                Some(
                    CloseCode::Protocol
                        | CloseCode::Text
                        | CloseCode::TooLarge
                        | CloseCode::Forbidden
                        | CloseCode::TakenOver
                )
            ),
            Self::NoLease(reason) => *reason == LeaseRefusal::NotGranted,
            Self::Done => true,
            _ => false,
        }
    }

    /// What someone said or did not say, where that is part of it.
    #[must_use]
    pub fn detail(&self) -> &str {
        match self {
            Self::Closed { reason, .. } => reason,
            Self::Silent(what) => what,
            Self::Protocol(why) => why,
            _ => "",
        }
    }

    /// A name in capitals.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed { code: Some(code), .. } => match CloseCode::from_u16(*code) {
                Some(CloseCode::Unauthenticated) => "UNAUTHENTICATED",
                Some(CloseCode::Forbidden) => "FORBIDDEN",
                Some(CloseCode::TakenOver) => "TAKEN_OVER",
                Some(CloseCode::Overloaded | CloseCode::RateLimited) => "OVERLOADED",
                Some(CloseCode::Protocol | CloseCode::Text | CloseCode::TooLarge) => "PROTOCOL",
                _ => "UNREACHABLE",
            },
            Self::Protocol(_) => "PROTOCOL",
            Self::NoLease(_) => "NO_LEASE",
            Self::Done => "CLOSED",
            _ => "UNREACHABLE",
        }
    }
}

impl fmt::Display for WsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { code, reason } => {
                f.write_str("the connection to the bridge ended")?;
                if let Some(code) = code {
                    write!(f, " with code {code}")?;
                }
                if !reason.is_empty() {
                    write!(f, ": {reason}")?;
                }
                Ok(())
            }
            Self::Silent(what) => write!(f, "the bridge is silent: no {what} in time"),
            Self::Protocol(why) => write!(f, "the bridge broke the protocol: {why}"),
            Self::Refused(reason) => write!(f, "the bridge opened no stream: {reason}"),
            Self::Ended(end) => write!(f, "the bridge ended the stream: {end}"),
            Self::NoLease(reason) => write!(f, "the bridge lends no producer id: {reason}"),
            Self::Done => f.write_str("closed"),
        }
    }
}

impl core::error::Error for WsError {}

impl embedded_io::Error for WsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Silent(_) => ErrorKind::TimedOut,
            Self::Protocol(_) => ErrorKind::InvalidData,
            Self::Refused(_) => ErrorKind::ConnectionRefused,
            Self::Closed { .. } | Self::Ended(_) => ErrorKind::ConnectionReset,
            _ => ErrorKind::Other,
        }
    }
}
