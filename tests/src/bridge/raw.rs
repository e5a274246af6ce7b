//! Sessions without a producer: a socket each, no thread. For thousands of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, ProduceResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;
use ottla_bridge_protocol::{
    Frame, Hello, LeaseAnswer, LeaseRequest, List, StreamId, Unpacker, Welcome,
};

use crate::kafka::{Identity, produce_frame};

const PATIENCE: Duration = Duration::from_secs(120);
/// The version of [`produce_frame`].
const PRODUCE: i16 = 9;
const WINDOW: u32 = 16 << 10;

const UPGRADE: &str = "GET /v1/session HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ottla.v1\r\n\r\n";

/// A session that has a lease, and one stream when it has produced.
#[derive(Debug)]
pub struct RawSession {
    stream: TcpStream,
    /// As whom it produces.
    pub identity: Identity,
    /// What resumes its lease.
    pub ticket: Vec<u8>,
    sequence: i32,
    has_stream: bool,
}

/// A WebSocket that has not said HELLO.
///
/// # Errors
/// The connection's, and if it is not upgraded.
pub fn upgrade(bridge: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(bridge)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    stream.write_all(UPGRADE.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101") { Ok(stream) } else { Err(io::Error::other("no upgrade")) }
}

/// A masked message of these bytes, the mask being zeros; `declared` is the size that it claims.
#[must_use]
pub fn message(declared: usize, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x82, 0x80 | 127];
    bytes.extend((declared as u64).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

impl RawSession {
    /// A session for one topic with a new lease, or with the one of a ticket.
    ///
    /// # Errors
    /// The connection's, and if there is no lease.
    pub fn greet(bridge: SocketAddr, topic: &str, ticket: Option<&[u8]>) -> io::Result<Self> {
        let mut stream = upgrade(bridge)?;
        let (topics, tickets) = ([topic], [ticket.unwrap_or_default()]);
        let tickets = if ticket.is_some() { List::new(&tickets) } else { List::new(&[]) };
        let hello = Hello {
            wants_lease: ticket.is_none(),
            client_name: "raw",
            tickets,
            topics: List::new(&topics),
            ..Hello::default()
        };
        say(&mut stream, &[Frame::Hello(hello)])?;
        let welcome = hear(&mut stream)?;
        let lease = Unpacker::new(&welcome).ok().and_then(|mut frames| match frames.next_frame() {
            Ok(Some(Frame::Welcome(welcome))) => lease(&welcome),
            _ => None,
        });
        let (identity, ticket) = lease.ok_or_else(|| io::Error::other("no lease"))?;
        Ok(Self { stream, identity, ticket, sequence: 0, has_stream: false })
    }

    /// Produces a record and returns its offset.
    ///
    /// # Errors
    /// The connection's, and if the record is refused.
    pub fn produce(&mut self, at: (&str, i32), value: &str) -> io::Result<i64> {
        let stream = StreamId::FIRST;
        if !self.has_stream {
            say(&mut self.stream, &[Frame::Open { stream, node: Some(0), window: WINDOW }])?;
        }
        let request = produce_frame(self.identity, at, self.sequence, &[value]);
        let mut answer = Vec::new();
        let mut asked = self.has_stream;
        if asked {
            say(&mut self.stream, &[Frame::Data { stream, bytes: &request }])?;
        }
        while answer.len() < 4 || answer.len() - 4 < size(&answer) {
            let message = hear(&mut self.stream)?;
            let mut frames = Unpacker::new(&message).map_err(io::Error::other)?;
            while let Some(frame) = frames.next_frame().map_err(io::Error::other)? {
                match frame {
                    Frame::Data { bytes, .. } => answer.extend_from_slice(bytes),
                    Frame::Ping(number) => say(&mut self.stream, &[Frame::Pong(number)])?,
                    Frame::Refused { .. } | Frame::Close { .. } => {
                        return Err(io::Error::other("no stream"));
                    }
                    Frame::Opened { .. } => self.has_stream = true,
                    _ => {}
                }
            }
            if self.has_stream && !asked {
                say(&mut self.stream, &[Frame::Data { stream, bytes: &request }])?;
                asked = true;
            }
        }
        let bytes = answer.len() as u32;
        say(&mut self.stream, &[Frame::Credit { stream, bytes }])?;
        self.sequence += 1;
        offset(&answer[4..])
    }

    /// Gives its lease back.
    ///
    /// # Errors
    /// The connection's.
    pub fn release(&mut self) -> io::Result<()> {
        let producer_id = self.identity.producer_id;
        say(&mut self.stream, &[Frame::Lease(LeaseRequest::Release { producer_id })])?;
        loop {
            let message = hear(&mut self.stream)?;
            let mut frames = Unpacker::new(&message).map_err(io::Error::other)?;
            while let Some(frame) = frames.next_frame().map_err(io::Error::other)? {
                if matches!(frame, Frame::Leased(_)) {
                    return Ok(());
                }
            }
        }
    }
}

fn lease(welcome: &Welcome<'_>) -> Option<(Identity, Vec<u8>)> {
    let Some(LeaseAnswer::Granted(lease)) = welcome.leases.iter().next() else { return None };
    let identity = Identity { producer_id: lease.producer_id, epoch: lease.epoch };
    Some((identity, lease.ticket.to_vec()))
}

fn size(answer: &[u8]) -> usize {
    answer.first_chunk().map_or(usize::MAX, |size| u32::from_be_bytes(*size) as usize)
}

fn offset(answer: &[u8]) -> io::Result<i64> {
    let mut bytes = Bytes::copy_from_slice(answer);
    ResponseHeader::decode(&mut bytes, ApiKey::Produce.response_header_version(PRODUCE))
        .map_err(io::Error::other)?;
    let answer = ProduceResponse::decode(&mut bytes, PRODUCE).map_err(io::Error::other)?;
    let partition = &answer.responses[0].partition_responses[0];
    match partition.error_code {
        0 => Ok(partition.base_offset),
        code => Err(io::Error::other(format!("refused with {code}"))),
    }
}

/// Sends frames as one message.
fn say(stream: &mut TcpStream, frames: &[Frame<'_>]) -> io::Result<()> {
    let mut payload = Vec::new();
    for frame in frames {
        frame.encode(&mut payload).map_err(io::Error::other)?;
    }
    stream.write_all(&message(payload.len(), &payload))
}

/// The next binary message.
fn hear(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            u16::from_be_bytes(length).into()
        }
        127 => {
            let mut length = [0; 8];
            stream.read_exact(&mut length)?;
            u64::from_be_bytes(length)
        }
        short => u64::from(short),
    };
    let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut payload)?;
    match head[0] {
        0x82 => Ok(payload),
        _ => Err(io::Error::other(format!("closed: {payload:?}"))),
    }
}
