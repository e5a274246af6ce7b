//! What JavaScript calls where there is TCP: a producer that speaks to brokers itself.

use alloc::string::String;

use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::bindings::{Engine, configuration, seed};
use crate::broker_settings;
use crate::secrets::Secrets;
use crate::sockets::{SocketError, SocketTransport, Sockets};
use crate::wire::Wire;

#[wasm_bindgen]
impl Engine {
    /// A producer that speaks to brokers over `sockets`, with logins for which `secrets` fetches
    /// what they need. `properties` are lines of `key=value`; the rest as
    /// [`over_bridge`](Self::over_bridge).
    ///
    /// # Errors
    /// The first property that can't be, in words.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "JavaScript has no structs to pass")]
    pub fn new(
        properties: &str,
        client_id: String,
        settings: &[u32],
        seed_high: u32,
        seed_low: u32,
        sockets: Sockets,
        secrets: Option<Secrets>,
    ) -> Result<Self, JsError> {
        let mut config = configuration(client_id, settings);
        broker_settings::read(&mut config, properties).map_err(|why| JsError::new(&why))?;
        if let Some(secrets) = secrets {
            secrets.serve(&mut config.security.sasl);
        }
        let transport = SocketTransport::new(sockets, config.security.protocol.uses_tls());
        Self::start(config, seed(seed_high, seed_low), Wire::Sockets(transport))
    }

    /// Nobody waits for the records of `slot` any more: those that wait are not sent. Pages count
    /// the bytes that it would take.
    pub fn abort(&mut self, slot: u32) {
        self.inner.abort(slot);
    }

    /// A socket was opened, or has room again.
    pub fn socket_writable(&mut self, id: u32) {
        if let Wire::Sockets(sockets) = self.inner.transport() {
            sockets.writable(id);
        }
    }

    /// A socket has bytes.
    pub fn socket_received(&mut self, id: u32, bytes: &[u8]) {
        if let Wire::Sockets(sockets) = self.inner.transport() {
            sockets.received(id, bytes);
        }
    }

    /// A socket has ended; `distrust` where trying again can't help, as with a certificate.
    pub fn socket_ended(&mut self, id: u32, message: String, distrust: bool) {
        if let Wire::Sockets(sockets) = self.inner.transport() {
            sockets.ended(id, SocketError::new(message, distrust));
        }
    }
}
