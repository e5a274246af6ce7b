//! One blocking connection to a broker: a request out, its response in.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use ottla::{BlockingConnection, BlockingError};

use crate::failure::Failure;

/// A connected broker.
#[derive(Debug)]
pub(crate) struct Connection {
    broker: BlockingConnection,
    correlation_id: i32,
}

impl Connection {
    /// Over what was connected, if it was.
    pub(crate) fn new(broker: Result<BlockingConnection, BlockingError>) -> Result<Self, Failure> {
        let broker = broker.map_err(|error| Failure::new(error.to_string()))?;
        Ok(Self { broker, correlation_id: 0 })
    }

    /// Sends `request` in `version` and waits for the response.
    pub(crate) fn call<R>(&mut self, request: &R, version: i16) -> Result<R::Response, Failure>
    where
        R: Request,
    {
        self.correlation_id += 1;
        let frame = encode(request, version, self.correlation_id)
            .map_err(|why| Failure::new(format!("cannot encode a request: {why}")))?;
        let response = self.broker.exchange(&frame);
        let response = response.map_err(|error| Failure::new(error.to_string()))?;
        decode::<R>(&mut response.into(), version, self.correlation_id).map_err(|why| {
            Failure::new(format!("the broker does not answer as a Kafka broker does: {why}"))
        })
    }
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
