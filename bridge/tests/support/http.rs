//! HTTP as bytes, so that nothing is put right on the way.

use std::net::SocketAddr;
use std::time::Duration;

use ottla_bridge_protocol::{End, Frame, OneShot, StreamEnd, StreamId, Unpacker, put_stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Greeting, Leased, leased};

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0: the connection was closed without one.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Sends bytes and reads until the other end closes.
pub(crate) async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The other end may have seen enough before the end.
    drop(stream.write_all(request).await);
    read_answer(&mut stream).await
}

pub(crate) async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    drop(timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("no end in time"));
    let at = bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let body = bytes.split_off(at);
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body }
}

/// A `GET`.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n");
    exchange(address, request.as_bytes()).await
}

/// A one-shot request's body.
pub(crate) fn one_shot_body(greeting: &Greeting, requests: &[u8]) -> Vec<u8> {
    let mut body = greeting.frame();
    put_stream(requests, &mut body).unwrap();
    body
}

/// Sends it, with more headers.
pub(crate) async fn post(address: SocketAddr, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "POST /v1/produce HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n"
    );
    exchange(address, &[head.as_bytes(), body].concat()).await
}

/// A good reply's leases, responses and end.
pub(crate) struct Reply {
    pub(crate) leases: Vec<Leased>,
    pub(crate) metadata: usize,
    pub(crate) responses: Vec<Vec<u8>>,
    pub(crate) end: Option<StreamEnd>,
}

impl Answer {
    pub(crate) fn reply(&self) -> Reply {
        assert_eq!(self.status, 200, "{}", self.head);
        assert!(self.head.contains("content-type: application/vnd.ottla.v1\r\n"), "{}", self.head);
        let mut frames = Unpacker::new(&self.body).unwrap();
        let mut order = OneShot::new(End::Bridge);
        let (mut bytes, mut end) = (Vec::new(), None);
        let (mut leases, mut metadata) = (Vec::new(), 0);
        while let Some(frame) = frames.next_frame().unwrap() {
            order.accept(&frame).unwrap();
            match frame {
                Frame::Welcome(welcome) => {
                    leases = welcome.leases.iter().map(|answer| leased(&answer)).collect();
                    metadata = welcome.metadata.body.len();
                }
                Frame::Data { stream, bytes: more } => {
                    assert_eq!(stream, StreamId::FIRST);
                    bytes.extend(more);
                }
                Frame::Close { end: why, .. } => end = Some(why),
                other => panic!("{other:?}"),
            }
        }
        let mut responses = Vec::new();
        while let Some((size, rest)) = bytes.split_first_chunk() {
            let size = u32::from_be_bytes(*size) as usize;
            responses.push(rest[..size].to_vec());
            bytes = rest[size..].to_vec();
        }
        Reply { leases, metadata, responses, end }
    }
}
