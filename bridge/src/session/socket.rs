//! The WebSocket beneath a session, and the byte stream beneath that.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use ottla_bridge_protocol::{CloseCode, limits};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as WsCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Closed;
use super::progress::{Progress, Watched};

pub(super) type Sink = futures_util::stream::SplitSink<Socket, Message>;
pub(super) type Stream = futures_util::stream::SplitStream<Socket>;
type Socket = WebSocketStream<Watched<TokioIo<Upgraded>>>;

/// What a socket reads at a time: an idle session costs little.
const READ_BYTES: usize = 8 << 10;
/// How long a close frame may take to leave.
const CLOSING: Duration = Duration::from_secs(1);

/// Begins to speak WebSocket over an upgraded connection. Messages above the protocol's limit are
/// refused before they are buffered.
pub(super) async fn open(upgraded: Upgraded) -> (Sink, Stream, Progress) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * limits::MESSAGE)
        .max_message_size(Some(limits::MESSAGE))
        .max_frame_size(Some(limits::MESSAGE));
    let (watched, progress) = Watched::new(TokioIo::new(upgraded));
    let socket = WebSocketStream::from_raw_socket(watched, Role::Server, Some(config)).await;
    let (sink, stream) = socket.split();
    (sink, stream, progress)
}

/// What the client sent, as far as a session cares.
pub(super) enum Received {
    Message(Bytes),
    /// A message has begun.
    Begun,
    /// WebSocket's own pings and pongs.
    Nothing,
    /// The client has closed, or its connection has gone.
    Gone,
}

/// The next thing that comes; unless `watched`, also that a message begins.
pub(super) async fn next(
    stream: &mut Stream,
    progress: &Progress,
    watched: bool,
) -> Result<Received, Closed> {
    poll_fn(|cx| match stream.poll_next_unpin(cx) {
        Poll::Ready(message) => Poll::Ready(judge(message)),
        Poll::Pending if !watched && progress.is_amid_message() => Poll::Ready(Ok(Received::Begun)),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Judges what came.
pub(super) fn judge(message: Option<Result<Message, Error>>) -> Result<Received, Closed> {
    match message {
        Some(Ok(Message::Binary(bytes))) => Ok(Received::Message(bytes)),
        Some(Ok(Message::Text(_))) => Err(Closed::new(CloseCode::Text, "a text message")),
        Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(Received::Nothing),
        Some(Ok(Message::Close(_))) | None => Ok(Received::Gone),
        Some(Err(Error::Capacity(_))) => {
            Err(Closed::new(CloseCode::TooLarge, "a message above the limit"))
        }
        Some(Err(Error::Protocol(_) | Error::Utf8(_))) => {
            Err(Closed::new(CloseCode::Protocol, "no WebSocket"))
        }
        Some(Err(_)) => Ok(Received::Gone),
    }
}

/// Says goodbye, if the client still reads.
pub(super) async fn close(sink: &mut Sink, code: CloseCode) {
    let frame = CloseFrame { code: WsCode::from(code as u16), reason: "".into() };
    // Either the client hears it or it has gone; both end the session.
    drop(timeout(CLOSING, sink.send(Message::Close(Some(frame)))).await);
}
