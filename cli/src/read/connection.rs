//! One blocking connection to a broker: a request out, its response in.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};

use crate::client::reason;
use crate::failure::Failure;

/// Longer than any broker holds a response back on purpose.
const TIMEOUT: Duration = Duration::from_secs(10);
/// No response here is meant to be larger; what claims to be is something else than Kafka.
const RESPONSE_MAX: u32 = 100 * 1024 * 1024;

/// A connected broker.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    address: String,
    correlation_id: i32,
}

impl Connection {
    /// Connects to `address` (`host:port`), trying all that its name resolves to.
    pub(crate) fn open(address: &str) -> Result<Self, Failure> {
        let failed = |error: &io::Error| {
            Failure::new(format!("cannot connect to {address}: {}", reason(error)))
        };
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in address.to_socket_addrs().map_err(|error| failed(&error))? {
            match TcpStream::connect_timeout(&address, TIMEOUT).and_then(configure) {
                Ok(stream) => {
                    return Ok(Self { stream, address: address.to_string(), correlation_id: 0 });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(&last))
    }

    /// Sends `request` in `version` and waits for the response.
    pub(crate) fn call<R>(&mut self, request: &R, version: i16) -> Result<R::Response, Failure>
    where
        R: Request,
    {
        self.correlation_id += 1;
        let frame = encode(request, version, self.correlation_id)
            .map_err(|why| Failure::new(format!("cannot encode a request: {why}")))?;
        let mut response = self.exchange(&frame).map_err(|error| self.broken(&error))?;
        decode::<R>(&mut response, version, self.correlation_id).map_err(|why| {
            Failure::new(format!("{} does not answer as a Kafka broker does: {why}", self.address))
        })
    }

    fn exchange(&mut self, frame: &[u8]) -> io::Result<Bytes> {
        self.stream.write_all(frame)?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size)?;
        let size = u32::from_be_bytes(size);
        if size > RESPONSE_MAX {
            let message = format!("it announces a response of {size} bytes; is it a Kafka broker?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        // Grows with what comes, not with what was announced.
        let mut response = Vec::new();
        let read = (&self.stream).take(u64::from(size)).read_to_end(&mut response)?;
        if read < size as usize {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(response.into())
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let words = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                "it closed the connection; is it a Kafka broker?".into()
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("no answer within {} s; is it a Kafka broker?", TIMEOUT.as_secs())
            }
            _ => reason(error),
        };
        Failure::new(format!("{}: {words}", self.address))
    }
}

fn configure(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn encode<R: Request>(request: &R, version: i16, correlation_id: i32) -> Result<BytesMut, String> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("ottla-read")));
    let mut frame = BytesMut::from(&[0; 4][..]);
    header.encode(&mut frame, R::header_version(version)).map_err(|error| error.to_string())?;
    request.encode(&mut frame, version).map_err(|error| error.to_string())?;
    let size = u32::try_from(frame.len() - 4).map_err(|error| error.to_string())?;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame)
}

fn decode<R: Request>(
    response: &mut Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, String> {
    let header = ResponseHeader::decode(response, R::Response::header_version(version))
        .map_err(|error| error.to_string())?;
    if header.correlation_id != correlation_id {
        return Err("the response is to another request".into());
    }
    let body = R::Response::decode(response, version).map_err(|error| error.to_string())?;
    if response.has_remaining() { Err("bytes follow the response".into()) } else { Ok(body) }
}
