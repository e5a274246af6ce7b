//! A client of `ottla.v1`.

use std::collections::HashMap;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use ottla_bridge_protocol::{
    End, Frame, Hello, LeaseAnswer, LeaseRefusal, LeaseRequest, List, OpenRefusal, Session,
    StreamEnd, StreamId, Unpacker,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::kafka::Identity;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The credit that the client gives to each stream.
const WINDOW: u32 = 64 << 10;

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnedLease {
    pub(crate) identity: Identity,
    pub(crate) ttl_ms: u32,
    pub(crate) ticket: Vec<u8>,
}

/// How a question about a lease was answered.
pub(crate) type Leased = Result<Option<OwnedLease>, LeaseRefusal>;

/// What the bridge said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Opened(StreamId),
    Refused(StreamId, OpenRefusal),
    Data(StreamId),
    Credit(StreamId, u32),
    Close(StreamId, StreamEnd),
    Leased(Leased),
    Ticket(OwnedLease),
    AuthOk,
    Drain,
    Ping(u64),
    Pong(u64),
    /// The WebSocket was closed with this code; 1006: without one.
    Gone(u16),
}

/// What a client says first.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) token: String,
    pub(crate) origin: Option<String>,
    pub(crate) wants_lease: bool,
    pub(crate) tickets: Vec<Vec<u8>>,
    pub(crate) topics: Vec<String>,
    /// Whether HELLO comes with the upgrade.
    pub(crate) early: bool,
}

impl Default for Greeting {
    fn default() -> Self {
        Self {
            token: String::new(),
            origin: None,
            wants_lease: true,
            tickets: Vec::new(),
            topics: Vec::new(),
            early: false,
        }
    }
}

impl Greeting {
    pub(crate) fn token(token: &str) -> Self {
        let origin = Some("https://shop.example".to_owned());
        Self { token: token.to_owned(), origin, ..Self::default() }
    }

    /// The HELLO frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let tickets: Vec<&[u8]> = self.tickets.iter().map(Vec::as_slice).collect();
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        let hello = Hello {
            wants_lease: self.wants_lease,
            token: &self.token,
            client_name: "test",
            client_version: "1",
            tickets: List::new(&tickets),
            topics: List::new(&topics),
        };
        let mut frame = Vec::new();
        Frame::Hello(hello).encode(&mut frame).unwrap();
        frame
    }
}

/// A WebSocket to a bridge, below the protocol.
pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Opens one; the error is the status that the bridge answered.
pub(crate) async fn upgrade(
    address: std::net::SocketAddr,
    protocols: &str,
    origin: Option<&str>,
) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/v1/session").into_client_request().unwrap();
    let headers = request.headers_mut();
    if !protocols.is_empty() {
        headers.insert("Sec-WebSocket-Protocol", HeaderValue::from_str(protocols).unwrap());
    }
    if let Some(origin) = origin {
        headers.insert("Origin", HeaderValue::from_bytes(origin.as_bytes()).unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let config = WebSocketConfig::default().max_message_size(Some(4 << 20));
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "ottla.v1");
            assert!(!response.headers().contains_key("Sec-WebSocket-Extensions"));
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("no upgrade: {error}"),
    }
}

/// A session, from the client's side.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) protocol: Session,
    /// Frames that came and were not asked for yet.
    pending: std::collections::VecDeque<Said>,
    /// Bytes of streams.
    received: HashMap<StreamId, Vec<u8>>,
    pub(crate) leases: Vec<Leased>,
    pub(crate) metadata: Vec<u8>,
    pub(crate) session_ttl_ms: u32,
    /// Streams whose OPEN went past the state table.
    opening: Vec<StreamId>,
}

impl Client {
    /// Connects and greets; the error is the code with which the bridge closes, or its HTTP status.
    pub(crate) async fn connect(
        address: std::net::SocketAddr,
        greeting: &Greeting,
    ) -> Result<Self, u16> {
        let frame = greeting.frame();
        let mut protocols = "ottla.v1".to_owned();
        if greeting.early {
            protocols += ", ottla.hello.";
            protocols += &Base64UrlUnpadded::encode_string(&frame[5..]);
        }
        let socket = upgrade(address, &protocols, greeting.origin.as_deref()).await?;
        let mut client = Self::ungreeted(socket);
        let hello = Unpacker::new(&frame).unwrap().next_frame().unwrap().unwrap();
        client.protocol.sent(&hello).unwrap();
        if !greeting.early {
            client.raw(frame.clone()).await;
        }
        match client.next_message().await {
            Ok(message) => client.read(&message),
            Err(code) => return Err(code),
        }
        Ok(client)
    }

    /// A client that has not said HELLO.
    pub(crate) fn ungreeted(socket: Socket) -> Self {
        Self {
            socket,
            protocol: Session::new(End::Client),
            pending: Default::default(),
            received: HashMap::new(),
            leases: Vec::new(),
            metadata: Vec::new(),
            session_ttl_ms: 0,
            opening: Vec::new(),
        }
    }

    /// A page without a token that wants a lease.
    pub(crate) async fn open(address: std::net::SocketAddr) -> Self {
        Self::connect(address, &Greeting::default()).await.unwrap()
    }

    /// The identity of the first lease.
    pub(crate) fn identity(&self) -> Identity {
        self.lease().identity
    }

    pub(crate) fn lease(&self) -> OwnedLease {
        self.leases[0].clone().unwrap().unwrap()
    }

    /// Sends bytes as a message.
    pub(crate) async fn raw(&mut self, message: Vec<u8>) {
        // The bridge may have closed; the next read tells.
        drop(self.socket.send(Message::Binary(message.into())).await);
    }

    /// Sends a frame, in order or not.
    pub(crate) async fn say(&mut self, frame: &Frame<'_>) {
        // Some tests say what they may not.
        let _ = self.protocol.sent(frame);
        let mut message = Vec::new();
        frame.encode(&mut message).unwrap();
        self.raw(message).await;
    }

    async fn next_message(&mut self) -> Result<Bytes, u16> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("the bridge says nothing") {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
                Some(Ok(Message::Close(Some(frame)))) => return Err(frame.code.into()),
                Some(Ok(Message::Close(None))) | None => return Err(1006),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Err(1006),
            }
        }
    }

    fn read(&mut self, message: &[u8]) {
        let mut frames = Unpacker::new(message).unwrap();
        while let Some(frame) = frames.next_frame().unwrap() {
            let past = frame.stream().is_some_and(|stream| self.opening.contains(&stream));
            if !past {
                let _ = self.protocol.received(&frame).unwrap();
            }
            let said = match frame {
                Frame::Welcome(welcome) => {
                    self.leases = welcome.leases.iter().map(|answer| leased(&answer)).collect();
                    self.metadata = welcome.metadata.body.to_vec();
                    self.session_ttl_ms = welcome.session_ttl_ms;
                    continue;
                }
                Frame::Data { stream, bytes } => {
                    self.received.entry(stream).or_default().extend(bytes);
                    Said::Data(stream)
                }
                Frame::Opened { stream, .. } => Said::Opened(stream),
                Frame::Refused { stream, reason, .. } => Said::Refused(stream, reason),
                Frame::Credit { stream, bytes } => Said::Credit(stream, bytes),
                Frame::Close { stream, end } => Said::Close(stream, end),
                Frame::Leased(answer) => Said::Leased(leased(&answer)),
                Frame::Ticket(lease) => Said::Ticket(owned(&lease)),
                Frame::AuthOk { .. } => Said::AuthOk,
                Frame::Drain { .. } => Said::Drain,
                Frame::Ping(number) => Said::Ping(number),
                Frame::Pong(number) => Said::Pong(number),
                other => panic!("the bridge said {other:?}"),
            };
            self.pending.push_back(said);
        }
    }

    /// What the bridge says next; PINGs are answered on the way.
    pub(crate) async fn next(&mut self) -> Said {
        loop {
            if let Some(said) = self.pending.pop_front() {
                if let Said::Ping(number) = said {
                    self.say(&Frame::Pong(number)).await;
                    continue;
                }
                return said;
            }
            match self.next_message().await {
                Ok(message) => self.read(&message),
                Err(code) => return Said::Gone(code),
            }
        }
    }

    /// The code with which the bridge closes, whatever it says before.
    pub(crate) async fn gone(&mut self) -> u16 {
        loop {
            if let Said::Gone(code) = self.next().await {
                return code;
            }
        }
    }

    /// The code with which the bridge closes, if it does so in time.
    pub(crate) async fn gone_within(&mut self, time: Duration) -> Option<u16> {
        timeout(time, self.gone()).await.ok()
    }

    /// Opens a stream, unless the bridge closes meanwhile.
    pub(crate) async fn open_stream_if_open(&mut self, node: Option<u32>) -> Option<StreamId> {
        let stream = self.protocol.idle_stream().unwrap();
        let window = self.window();
        self.say(&Frame::Open { stream, node, window }).await;
        loop {
            match self.next().await {
                Said::Opened(_) => return Some(stream),
                Said::Gone(_) => return None,
                _ => {}
            }
        }
    }

    /// Sends bytes of a stream at once, as far as one frame has them.
    pub(crate) async fn raw_data(&mut self, stream: StreamId, bytes: &[u8]) {
        self.say(&Frame::Data { stream, bytes }).await;
    }

    /// Sends a batch although the session may be about to end.
    pub(crate) async fn raw_produce(&mut self, batch: Bytes) {
        let stream = StreamId::FIRST;
        let request = super::kafka::produce(&[("clicks", 0, batch)]);
        self.say(&Frame::Data { stream, bytes: &request }).await;
    }

    /// Believes that an OPEN was sent before DRAIN came.
    pub(crate) fn expect_opening(&mut self, stream: StreamId) {
        self.opening.push(stream);
    }

    /// The credit that it gives to a stream.
    fn window(&self) -> u32 {
        self.protocol.limits().map_or(WINDOW, |limits| limits.window_bytes.min(WINDOW))
    }

    /// Opens a stream.
    pub(crate) async fn open_stream(&mut self, node: Option<u32>) -> Result<StreamId, OpenRefusal> {
        let stream = self.protocol.idle_stream().unwrap();
        let window = self.window();
        self.say(&Frame::Open { stream, node, window }).await;
        loop {
            match self.next().await {
                Said::Opened(id) if id == stream => return Ok(stream),
                Said::Refused(id, reason) if id == stream => return Err(reason),
                Said::Gone(code) => panic!("closed with {code}"),
                _ => {}
            }
        }
    }

    /// Sends bytes of a stream, as credit comes.
    pub(crate) async fn write(&mut self, stream: StreamId, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let sendable = self.protocol.stream(stream).sendable();
            let size = sendable.min(bytes.len()).min(16 << 10);
            if size == 0 {
                match self.next().await {
                    Said::Gone(code) => panic!("closed with {code}"),
                    Said::Close(..) => return,
                    _ => continue,
                }
            }
            let (now, later) = bytes.split_at(size);
            self.say(&Frame::Data { stream, bytes: now }).await;
            bytes = later;
        }
    }

    /// The next whole response on a stream, without its size, or how the stream ended.
    pub(crate) async fn response(&mut self, stream: StreamId) -> Result<Vec<u8>, StreamEnd> {
        loop {
            let received = self.received.entry(stream).or_default();
            if let Some(size) = received.first_chunk() {
                let size = u32::from_be_bytes(*size) as usize;
                if received.len() >= 4 + size {
                    let frame = received[4..4 + size].to_vec();
                    received.drain(..4 + size);
                    if let Some(bytes) = self.protocol.consume(stream, 4 + size as u32) {
                        self.say(&Frame::Credit { stream, bytes }).await;
                    }
                    return Ok(frame);
                }
                let held = received.len() as u32;
                if let Some(bytes) = self.protocol.consume(stream, held) {
                    self.say(&Frame::Credit { stream, bytes }).await;
                }
            }
            match self.next().await {
                Said::Close(id, end) if id == stream => {
                    self.say(&Frame::Close { stream, end: StreamEnd::Done }).await;
                    return Err(end);
                }
                Said::Gone(code) => panic!("closed with {code}"),
                _ => {}
            }
        }
    }

    /// A request and its response.
    pub(crate) async fn ask(
        &mut self,
        stream: StreamId,
        request: &[u8],
    ) -> Result<Vec<u8>, StreamEnd> {
        self.write(stream, request).await;
        self.response(stream).await
    }

    /// Asks about a lease.
    pub(crate) async fn ask_lease(&mut self, request: LeaseRequest<'_>) -> Leased {
        self.say(&Frame::Lease(request)).await;
        loop {
            match self.next().await {
                Said::Leased(answer) => return answer,
                Said::Gone(code) => panic!("closed with {code}"),
                _ => {}
            }
        }
    }

    /// Leaves as a well-behaved client does.
    pub(crate) async fn leave(mut self) {
        drop(self.socket.close(None).await);
        while let Ok(Some(Ok(_))) = timeout(PATIENCE, self.socket.next()).await {}
    }
}

fn owned(lease: &ottla_bridge_protocol::Lease<'_>) -> OwnedLease {
    OwnedLease {
        identity: Identity { producer_id: lease.producer_id, epoch: lease.epoch },
        ttl_ms: lease.ttl_ms,
        ticket: lease.ticket.to_vec(),
    }
}

pub(crate) fn leased(answer: &LeaseAnswer<'_>) -> Leased {
    match answer {
        LeaseAnswer::Granted(lease) => Ok(Some(owned(lease))),
        LeaseAnswer::Released => Ok(None),
        LeaseAnswer::Refused { reason, .. } => Err(*reason),
    }
}
