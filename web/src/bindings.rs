//! What JavaScript calls.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ottla_core::{ConfigError, ProducerConfig};
use wasm_bindgen::JsError;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::channel::Link;
use crate::failure::Failure;
use crate::platform::{Web, WebClock};
use crate::wire::Wire;
use crate::{metrics, settings};

/// A producer. Call [`poll`](Self::poll) after everything else, and then read the rows.
#[derive(Debug)]
#[wasm_bindgen]
pub struct Engine {
    pub(crate) inner: crate::Engine<Web, Wire>,
    staged: Vec<u8>,
    /// Batches that are being stored, by their numbers.
    #[cfg(feature = "store")]
    pub(crate) storing: Vec<(u32, ottla_core::StoreTicket)>,
    #[cfg(feature = "store")]
    pub(crate) next_number: u32,
    /// For the next [`send_offsets`](Self::send_offsets).
    #[cfg(feature = "full")]
    pub(crate) offsets: Vec<crate::transactions::Offset>,
}

#[wasm_bindgen]
impl Engine {
    /// A producer over a bridge to which there is a session. `settings` are pairs of a key's place
    /// in `web/js/settings.js` and its value; the two halves of the seed are random.
    ///
    /// # Errors
    /// The first setting that can't be, or that the bridge doesn't do, in words.
    pub fn over_bridge(
        client_id: String,
        settings: &[u32],
        seed_high: u32,
        seed_low: u32,
        link: &Link,
    ) -> Result<Self, JsError> {
        let config = configuration(client_id, settings);
        let config = link.limit(config).map_err(|error| describe(&error))?;
        // JavaScript hands over what earlier pages left with these in mind.
        while link.transport().take_lost_lease().is_some() {}
        Self::start(config, seed(seed_high, seed_low), link.transport().into())
    }

    pub(crate) fn start(config: ProducerConfig, seed: u64, wire: Wire) -> Result<Self, JsError> {
        let inner =
            crate::Engine::new(config, WebClock, seed, wire).map_err(|error| describe(&error))?;
        Ok(Self {
            inner,
            staged: Vec::new(),
            #[cfg(feature = "store")]
            storing: Vec::new(),
            #[cfg(feature = "store")]
            next_number: 0,
            #[cfg(feature = "full")]
            offsets: Vec::new(),
        })
    }

    /// The number of a topic.
    pub fn topic(&mut self, name: &str) -> u32 {
        self.inner.topic(name)
    }

    /// Makes room for so many bytes of records, and says where. What was staged stays.
    pub fn reserve(&mut self, bytes: usize) -> *const u8 {
        if self.staged.len() < bytes {
            self.staged.resize(bytes, 0);
        }
        self.staged.as_ptr()
    }

    /// Takes what is staged.
    pub fn submit(&mut self, bytes: usize) {
        self.inner.submit(self.staged.get(..bytes).unwrap_or_default());
    }

    /// Does what can be done; returns in how many milliseconds to call again at the latest, or −1.
    pub fn poll(&mut self) -> f64 {
        self.inner.poll().map_or(-1.0, |wait| wait.as_secs_f64() * 1000.0)
    }

    /// Where the rows of outcomes are.
    pub fn rows(&mut self) -> *const u8 {
        self.inner.results().rows().as_ptr()
    }

    /// Bytes of rows.
    pub fn rows_size(&mut self) -> usize {
        self.inner.results().rows().len()
    }

    /// The error of this number, in [lines](crate::Failure::lines).
    pub fn error(&mut self, number: u32) -> Option<String> {
        Some(self.inner.results().error(number)?.lines())
    }

    /// The rows have been read.
    pub fn clear(&mut self) {
        self.inner.results().clear();
    }

    /// A row tells `slot` when all that was submitted has its outcome.
    pub fn flush(&mut self, slot: u32) {
        self.inner.flush(slot);
    }

    /// A row tells `slot` when the producer has ended; by force after so many milliseconds.
    pub fn close(&mut self, slot: u32, timeout_ms: f64) {
        self.inner.close(slot, Duration::from_millis(timeout_ms as u64));
    }

    /// Every metric's value, in the order of `web/js/metrics.js`.
    pub fn metrics(&self) -> Vec<f64> {
        metrics::values(&self.inner.metrics())
    }
}

pub(crate) fn configuration(client_id: String, settings: &[u32]) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    config.client_id = client_id;
    settings::apply(&mut config, settings);
    config
}

pub(crate) fn seed(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn describe(error: &ConfigError) -> JsError {
    let mut words = String::from("invalid configuration ");
    if let ConfigError::Invalid { key, .. } = error {
        words.push_str(key);
    }
    JsError::new(&Failure::text(error, |_| &words))
}
