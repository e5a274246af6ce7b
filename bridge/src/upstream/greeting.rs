//! What is said before a connection serves: which versions the broker speaks, and the login.

use std::time::Duration;

use ottla_core::protocol::api_key::ApiKey;
use ottla_core::protocol::api_versions::{ApiVersionsRequest, ApiVersionsResponse, NodeVersions};
use ottla_core::protocol::frame::FrameReader;
use ottla_core::protocol::header::{begin_request, finish_request, parse_response_header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::connection::{ByteStream, MAX_RESPONSE};
use super::dial::DialError;

/// The name under which the bridge speaks to brokers.
pub(super) const CLIENT_ID: &str = "ottla-bridge";
const SOFTWARE: ApiVersionsRequest<'static> =
    ApiVersionsRequest { software_name: CLIENT_ID, software_version: env!("CARGO_PKG_VERSION") };

/// Learns what the broker speaks.
pub(super) async fn greet(
    stream: &mut dyn ByteStream,
    patience: Duration,
) -> Result<NodeVersions, DialError> {
    match timeout(patience, ask_versions(stream)).await {
        Ok(versions) => versions,
        Err(_) => Err(refused("it does not answer")),
    }
}

async fn ask_versions(stream: &mut dyn ByteStream) -> Result<NodeVersions, DialError> {
    let mut version = 3;
    loop {
        let key = ApiKey::ApiVersions;
        let body = call(stream, key, version, |out| SOFTWARE.encode(out, version)).await?;
        let answer = ApiVersionsResponse::parse(&body, version).map_err(refused)?;
        if answer.error.is_none() {
            return Ok(answer.versions);
        }
        if version == 0 {
            return Err(refused(answer.error));
        }
        version = 0;
    }
}

/// One request and its answer's body, with nothing else under way.
pub(super) async fn call(
    stream: &mut dyn ByteStream,
    key: ApiKey,
    version: i16,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>, DialError> {
    let mut frame = Vec::new();
    let start = begin_request(&mut frame, key, version, 1, CLIENT_ID);
    write(&mut frame);
    finish_request(&mut frame, start, 0);
    stream.write_all(&frame).await.map_err(refused)?;
    let mut frames = FrameReader::new(MAX_RESPONSE);
    loop {
        let count = stream.read(frames.spare(4096)).await.map_err(refused)?;
        if count == 0 {
            return Err(refused("it closed the connection; check the security protocol"));
        }
        frames.commit(count);
        if let Some(frame) = frames.next_frame().map_err(refused)? {
            let header_version = key.response_header_version(version);
            let (_, body) = parse_response_header(frame, header_version).map_err(refused)?;
            return Ok(body.to_vec());
        }
    }
}

pub(super) fn refused(why: impl std::fmt::Display) -> DialError {
    DialError::Refused(format!("the broker refused: {why}"))
}
