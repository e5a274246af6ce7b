//! WebSockets without a library, for what no library would send.

use std::time::Duration;

use ottla_bridge::Running;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::Greeting;

const UPGRADE: &str = "GET /v1/session HTTP/1.1\r\nHost: bridge\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ottla.v1\r\n\r\n";

/// A WebSocket without a library.
pub(crate) async fn raw_socket(bridge: &Running) -> TcpStream {
    upgraded(TcpStream::connect(bridge.address()).await.unwrap()).await
}

async fn upgraded(mut stream: TcpStream) -> TcpStream {
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A masked frame, the mask being zeros.
pub(crate) fn frame(flags: u8, declared: u64, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![flags, 0x80 | 127];
    frame.extend(declared.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The code of the close frame that comes, behind whatever else.
pub(crate) async fn close_code(stream: &mut TcpStream) -> Option<u16> {
    let mut bytes = Vec::new();
    drop(timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.ok()?);
    let at = bytes.windows(2).rposition(|it| it == [0x88, 2])?;
    Some(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]))
}

/// A raw socket whose session has begun.
pub(crate) async fn greeted(bridge: &Running) -> TcpStream {
    greeted_over(TcpStream::connect(bridge.address()).await.unwrap()).await
}

/// The same over a connection that is there.
pub(crate) async fn greeted_over(stream: TcpStream) -> TcpStream {
    let mut socket = upgraded(stream).await;
    let hello = Greeting { wants_lease: false, ..Greeting::default() }.frame();
    socket.write_all(&frame(0x82, hello.len() as u64, &hello)).await.unwrap();
    socket
}
