//! A WebSocket to a bridge, which JavaScript opens, under the transport's state machine.

use alloc::string::String;

use ottla_core::time::Clock;
use ottla_core::{Acks, ConfigError, ProducerConfig};
use ottla_transport_ws::{Options, Socket, Status, WsError, WsTransport};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::bindings::seed;
use crate::failure::{Failure, Remedy};
use crate::platform::WebClock;

/// What a Produce request has beside its batches, at most, as far as one batch is concerned.
const REQUEST_HEAD: usize = 1024;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's side. It never calls back before it has returned.
    #[derive(Debug)]
    pub type Channel;

    /// Begins to open a WebSocket; `opened` or `closed` follows.
    #[wasm_bindgen(method)]
    fn open(this: &Channel);

    /// Copies and sends a message.
    #[wasm_bindgen(method)]
    fn send(this: &Channel, message: &[u8]);

    /// `bufferedAmount`.
    #[wasm_bindgen(method)]
    fn buffered(this: &Channel) -> f64;

    /// Closes the WebSocket; nothing of it follows.
    #[wasm_bindgen(method)]
    fn close(this: &Channel, code: u16);

    /// `set_token` or `no_token` follows.
    #[wasm_bindgen(method)]
    fn want_token(this: &Channel);
}

/// [`Channel`] as the transport's socket.
#[derive(Debug)]
pub(crate) struct ChannelSocket(Channel);

impl Socket for ChannelSocket {
    fn open(&mut self) {
        self.0.open();
    }

    fn send(&mut self, message: &[u8]) {
        self.0.send(message);
    }

    fn buffered(&self) -> usize {
        self.0.buffered() as usize
    }

    fn close(&mut self, code: u16) {
        self.0.close(code);
    }

    fn want_token(&mut self) {
        self.0.want_token();
    }
}

/// The session with a bridge. It outlives WebSockets, and serves one engine.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Link {
    transport: WsTransport<ChannelSocket>,
}

#[wasm_bindgen]
impl Link {
    /// A session over the WebSockets of `channel`, of a client with this name for the bridge's log.
    #[wasm_bindgen(constructor)]
    pub fn new(channel: Channel, client_name: String, seed_high: u32, seed_low: u32) -> Self {
        let client_version = env!("CARGO_PKG_VERSION").into();
        let options = Options { client_name, client_version, wants_lease: true };
        let socket = ChannelSocket(channel);
        Self { transport: WsTransport::new(socket, options, seed(seed_high, seed_low)) }
    }

    /// Does what time has come for, while there is no engine that does; returns in how many
    /// milliseconds to call again at the latest, or −1.
    pub fn poll(&self) -> f64 {
        let now = WebClock.now();
        self.transport.advance(now);
        let wake = self.transport.next_wake(now);
        wake.map_or(-1.0, |at| at.since(now).as_secs_f64() * 1000.0)
    }

    /// The token that was wanted; empty where the bridge needs none.
    pub fn set_token(&self, token: &str) {
        self.transport.set_token(token, WebClock.now());
    }

    /// There is no token for now.
    pub fn no_token(&self, why: &str) {
        self.transport.no_token(why, WebClock.now());
    }

    /// The WebSocket is open.
    pub fn opened(&self) {
        self.transport.opened(WebClock.now());
    }

    /// A message has come.
    pub fn received(&self, message: &[u8]) {
        self.transport.received(message, WebClock.now());
    }

    /// The WebSocket has ended, or could not be opened.
    pub fn closed(&self, code: u16, reason: &str) {
        self.transport.closed(Some(code), reason, WebClock.now());
    }

    /// Whether there is a session now.
    pub fn is_open(&self) -> bool {
        matches!(self.transport.status(), Status::Open(_))
    }

    /// Whether there will be none any more.
    pub fn has_failed(&self) -> bool {
        matches!(self.transport.status(), Status::Failed(_))
    }

    /// Why there is no session, in the form of the engine's errors.
    pub fn error(&self) -> Option<String> {
        let (error, remedy) = match self.transport.status() {
            Status::Failed(error) => (error, Remedy::None),
            Status::Connecting { last_error } => (last_error?, Remedy::Again),
            Status::Open(_) => return None,
        };
        let text = Failure::text(&error, WsError::detail);
        Some(Failure { code: error.name(), remedy, written: "no", text }.lines())
    }

    /// Closes the WebSocket, for as long as the page is frozen.
    pub fn suspend(&self) {
        self.transport.suspend(WebClock.now());
    }

    /// Opens it again.
    pub fn wake_up(&self) {
        self.transport.wake_up(WebClock.now());
    }

    /// Ends the session for good.
    pub fn close(&self) {
        self.transport.close();
    }
}

impl Link {
    pub(crate) fn transport(&self) -> WsTransport<ChannelSocket> {
        self.transport.clone()
    }

    /// The configuration within what the bridge allows.
    pub(crate) fn limit(&self, mut config: ProducerConfig) -> Result<ProducerConfig, ConfigError> {
        if config.acks != Acks::All || !config.enable_idempotence {
            let (key, problem) = ("acks", "a bridge takes idempotent batches with acks=all only");
            return Err(ConfigError::Invalid { key: key.into(), problem: problem.into() });
        }
        // No broker has this name: the bridge knows nodes by their numbers.
        #[cfg(feature = "full")]
        config.bootstrap_servers.push(ottla_core::BrokerAddress::new("bridge", 1));
        if let Status::Open(terms) = self.transport.status() {
            let most = (terms.request_bytes as usize).saturating_sub(REQUEST_HEAD);
            config.max_request_size = config.max_request_size.min(most);
            config.linger = config.linger.max(terms.min_linger);
            let records = config.batch_max_records.unwrap_or(u32::MAX).min(terms.batch_records);
            config.batch_max_records = Some(records);
        }
        Ok(config)
    }
}
