//! One request as the broker sees it, and the way back to bytes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind, ResponseHeader, ResponseKind};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::shape;

/// What a node does about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Sends these bytes, size prefix included, after the delay.
    Send {
        /// A whole response frame.
        frame: Bytes,
        /// How long to wait before sending it.
        delay: Duration,
    },
    /// Sends nothing: the request wanted no answer, or a fault swallowed it.
    Nothing,
    /// Ends the connection, as brokers do on requests they can't read.
    Close,
    /// Can't say yet. Ask [`Cluster::resume`](super::Cluster::resume) with the token when the
    /// cluster has changed, and at the latest at `at`.
    Later {
        /// Names the waiting request.
        token: u64,
        /// Since the Unix epoch.
        at: Duration,
    },
}

/// What becomes of the answer of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Sent,
    Lost,
    ConnectionClosed,
}

/// A request's circumstances: what its handler must know besides the body.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) node: i32,
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) client_id: String,
    pub(crate) throttle: Duration,
    pub(crate) delay: Duration,
    pub(crate) answer: Answer,
}

impl Call {
    /// Reads the four bytes that every request starts with, whatever its version.
    pub(crate) fn peek(frame: &[u8]) -> Option<(ApiKey, i16)> {
        let mut start = frame.get(..4)?;
        let api = ApiKey::try_from(start.get_i16()).ok()?;
        Some((api, start.get_i16()))
    }

    /// Reads a request; `None` if it isn't one.
    pub(crate) fn decode(node: i32, mut frame: Bytes) -> Option<(Self, RequestKind)> {
        let (api, version) = Self::peek(&frame)?;
        let header_version = api.request_header_version(version);
        let header = RequestHeader::decode(&mut frame, header_version).ok()?;
        if !shape::fits(api, version, &frame) {
            return None;
        }
        let request = RequestKind::decode(api, &mut frame, version).ok()?;
        let call = Self {
            node,
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.as_deref().unwrap_or("").to_owned(),
            throttle: Duration::ZERO,
            delay: Duration::ZERO,
            answer: Answer::Sent,
        };
        Some((call, request))
    }

    /// The milliseconds that the answer's `throttle_time_ms` says.
    pub(crate) fn throttle_ms(&self) -> i32 {
        i32::try_from(self.throttle.as_millis()).unwrap_or(i32::MAX)
    }

    /// Turns a response into what the connection is to do.
    pub(crate) fn reply(&self, response: &ResponseKind) -> Reply {
        match self.answer {
            Answer::Lost => Reply::Nothing,
            Answer::ConnectionClosed => Reply::Close,
            Answer::Sent => encode(self, response)
                .map_or(Reply::Close, |frame| Reply::Send { frame, delay: self.delay }),
        }
    }
}

/// A frame with its size prefix; `None` if a field doesn't exist in the version, a mistake of ours.
fn encode(call: &Call, response: &ResponseKind) -> Option<Bytes> {
    let mut body = BytesMut::new();
    let header_version = call.api.response_header_version(call.version);
    let header = ResponseHeader::default().with_correlation_id(call.correlation_id);
    header.encode(&mut body, header_version).ok()?;
    let encoded = response.encode(&mut body, call.version);
    debug_assert!(encoded.is_ok(), "{:?} v{}: {encoded:?}", call.api, call.version);
    encoded.ok()?;
    let mut frame = BytesMut::with_capacity(body.len() + 4);
    frame.extend_from_slice(&u32::try_from(body.len()).ok()?.to_be_bytes());
    frame.extend_from_slice(&body);
    Some(frame.freeze())
}
