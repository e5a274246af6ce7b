//! A native producer over a bridge: the core over `transport-ws`, with a WebSocket of tungstenite's
//! on a thread of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use futures_lite::future::block_on;
use futures_util::{SinkExt, StreamExt};
use ottla_core::time::{Clock, Instant};
use ottla_core::{DeliveryError, Driver, Producer, ProducerConfig, Record, RecordMetadata};
use ottla_transport_std::{Native, NativeClock};
use ottla_transport_ws::{Options, Socket, WsTransport};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// What becomes of a record.
pub type BridgedDelivery = ottla_core::Delivery<Native>;

/// A WebSocket's end without a code (RFC 6455 §7.1.5).
const ABNORMAL: u16 = 1006;

/// A producer over a bridge that asks nobody who he is.
pub struct Bridged {
    producer: Producer<Native>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Bridged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridged").finish_non_exhaustive()
    }
}

impl Bridged {
    /// Starts one with these settings of Kafka's. It connects by itself, again and again.
    ///
    /// # Panics
    /// If a setting is wrong.
    #[must_use]
    pub fn start(bridge: SocketAddr, settings: &[(&str, &str)], seed: u64) -> Self {
        // The core needs an address, the transport has its own.
        let settings = [("bootstrap.servers", "bridge:1")].iter().chain(settings).copied();
        let config = ProducerConfig::from_properties(settings).expect("good settings");
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new().name("bridged".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("the system gives a poller");
            runtime.block_on(async {
                let (producer, mut work) = Work::new(bridge, config, seed);
                sender.send(producer).expect("somebody started this");
                poll_fn(|cx| work.poll(cx)).await;
            });
        });
        let thread = thread.expect("the system gives a thread");
        let producer = receiver.recv().expect("good settings");
        Self { producer, thread: Some(thread) }
    }

    /// The core's handle.
    #[must_use]
    pub fn producer(&self) -> &Producer<Native> {
        &self.producer
    }

    /// Sends a record, waiting for metadata and memory.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn send(&self, topic: &str, record: Record<'_>) -> BridgedDelivery {
        block_on(self.producer.send(topic, record)).expect("the record is accepted")
    }

    /// Waits for a record's outcome, which comes within `delivery.timeout.ms`.
    ///
    /// # Errors
    /// The record's.
    pub fn outcome(delivery: BridgedDelivery) -> Result<RecordMetadata, DeliveryError> {
        block_on(delivery)
    }

    /// Waits until everything has its outcome.
    pub fn flush(&self) {
        block_on(self.producer.flush());
    }
}

impl Drop for Bridged {
    fn drop(&mut self) {
        block_on(self.producer.close(Duration::ZERO));
        if let Some(thread) = self.thread.take() {
            // Its panic was printed.
            drop(thread.join());
        }
    }
}

/// What the transport wants of its WebSocket.
#[derive(Default)]
struct Wishes {
    open: bool,
    close: bool,
    token: bool,
    messages: VecDeque<Bytes>,
    /// Bytes that were sent and have not left.
    buffered: usize,
}

struct Wishing(Rc<RefCell<Wishes>>);

impl Socket for Wishing {
    fn open(&mut self) {
        self.0.borrow_mut().open = true;
    }

    fn send(&mut self, message: &[u8]) {
        let mut wishes = self.0.borrow_mut();
        wishes.buffered += message.len();
        wishes.messages.push_back(Bytes::copy_from_slice(message));
    }

    fn buffered(&self) -> usize {
        self.0.borrow().buffered
    }

    fn close(&mut self, _: u16) {
        self.0.borrow_mut().close = true;
    }

    fn want_token(&mut self) {
        self.0.borrow_mut().token = true;
    }
}

type WebSocket = WebSocketStream<TcpStream>;

enum Line {
    Down,
    Opening(Pin<Box<dyn Future<Output = Result<WebSocket, Error>>>>),
    Up(Box<WebSocket>),
}

/// What the thread does.
struct Work {
    bridge: SocketAddr,
    driver: Driver<Native, WsTransport<Wishing>>,
    transport: WsTransport<Wishing>,
    wishes: Rc<RefCell<Wishes>>,
    line: Line,
    sleep: Pin<Box<Sleep>>,
}

impl Work {
    fn new(bridge: SocketAddr, config: ProducerConfig, seed: u64) -> (Producer<Native>, Self) {
        let wishes = Rc::new(RefCell::new(Wishes::default()));
        let options =
            Options { client_name: "native".into(), client_version: "1".into(), wants_lease: true };
        let transport = WsTransport::new(Wishing(wishes.clone()), options, seed);
        let (producer, driver) =
            ottla_core::producer(config, NativeClock, seed, transport.clone()).expect("settings");
        let sleep = Box::pin(sleep(Duration::ZERO));
        (producer, Self { bridge, driver, transport, wishes, line: Line::Down, sleep })
    }

    /// Ready when the producer is closed.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let closed = self.driver.poll(cx).is_ready();
            if closed {
                self.transport.close();
            }
            self.transport.advance(NativeClock.now());
            let moved = self.obey() | self.turn(cx);
            if closed {
                return Poll::Ready(());
            }
            if !moved && self.rest(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Sleeps until something is due.
    fn rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = NativeClock.now();
        let due = [self.driver.next_wake(), self.transport.next_wake(now)];
        let Some(due): Option<Instant> = due.into_iter().flatten().min() else {
            return Poll::Pending;
        };
        self.sleep.as_mut().reset(tokio::time::Instant::now() + due.since(now));
        self.sleep.as_mut().poll(cx)
    }

    /// Does what the transport wants. Returns whether it wanted anything.
    fn obey(&mut self) -> bool {
        let mut wishes = self.wishes.borrow_mut();
        if std::mem::take(&mut wishes.close) {
            wishes.messages.clear();
            wishes.buffered = 0;
            self.line = Line::Down;
        }
        let (open, token) = (std::mem::take(&mut wishes.open), std::mem::take(&mut wishes.token));
        drop(wishes);
        if open {
            self.line = Line::Opening(Box::pin(connect(self.bridge)));
        }
        if token {
            self.transport.set_token("", NativeClock.now());
        }
        open || token
    }

    /// Moves bytes. Returns whether anything happened.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        match &mut self.line {
            Line::Down => false,
            Line::Opening(opening) => match opening.as_mut().poll(cx) {
                Poll::Pending => false,
                Poll::Ready(Ok(socket)) => {
                    self.line = Line::Up(Box::new(socket));
                    self.transport.opened(NativeClock.now());
                    true
                }
                Poll::Ready(Err(error)) => self.lose(ABNORMAL, &error.to_string()),
            },
            Line::Up(socket) => {
                if let Err(error) = write(socket, &self.wishes, cx) {
                    return self.lose(ABNORMAL, &error.to_string());
                }
                match socket.poll_next_unpin(cx) {
                    Poll::Pending => false,
                    Poll::Ready(Some(Ok(Message::Binary(message)))) => {
                        self.transport.received(&message, NativeClock.now());
                        true
                    }
                    Poll::Ready(Some(Ok(Message::Close(Some(frame))))) => {
                        self.lose(frame.code.into(), "")
                    }
                    Poll::Ready(Some(Ok(_))) => true,
                    Poll::Ready(Some(Err(error))) => self.lose(ABNORMAL, &error.to_string()),
                    Poll::Ready(None) => self.lose(ABNORMAL, ""),
                }
            }
        }
    }

    fn lose(&mut self, code: u16, why: &str) -> bool {
        self.line = Line::Down;
        {
            let mut wishes = self.wishes.borrow_mut();
            wishes.messages.clear();
            wishes.buffered = 0;
        }
        self.transport.closed(Some(code), why, NativeClock.now());
        true
    }
}

async fn connect(bridge: SocketAddr) -> Result<WebSocket, Error> {
    let stream = TcpStream::connect(bridge).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{bridge}/v1/session").into_client_request()?;
    let protocol = HeaderValue::from_static("ottla.v1");
    request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    let config = WebSocketConfig::default().write_buffer_size(0);
    Ok(client_async_with_config(request, stream, Some(config)).await?.0)
}

fn write(
    socket: &mut WebSocket,
    wishes: &RefCell<Wishes>,
    cx: &mut Context<'_>,
) -> Result<(), Error> {
    let mut wishes = wishes.borrow_mut();
    while !wishes.messages.is_empty() {
        match socket.poll_ready_unpin(cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(ready) => ready?,
        }
        if let Some(message) = wishes.messages.pop_front() {
            socket.start_send_unpin(Message::Binary(message))?;
        }
    }
    if wishes.buffered > 0
        && let Poll::Ready(flushed) = socket.poll_flush_unpin(cx)
    {
        flushed?;
        wishes.buffered = 0;
    }
    Ok(())
}
