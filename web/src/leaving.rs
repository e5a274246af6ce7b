//! What leaves with the page.

use alloc::vec::Vec;

use ottla_bridge_protocol::{Frame, Hello, List, put_stream};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::bindings::Engine;
use crate::channel::Link;

/// What a body has beside its HELLO and its requests: frames' heads.
const FRAMES: usize = 64;

#[wasm_bindgen]
impl Engine {
    /// The body of a one-shot request with what has no answer, of at most so many bytes, while the
    /// page is being left; empty if there is nothing.
    pub fn last_words(
        &mut self,
        link: &Link,
        token: &str,
        most: usize,
        only_stored: bool,
    ) -> Vec<u8> {
        let leases = link.transport().leases();
        let tickets: Vec<&[u8]> = leases.iter().map(|lease| lease.ticket.as_slice()).collect();
        let hello = Hello {
            token,
            client_name: "ottla-js",
            tickets: List::new(&tickets),
            ..Hello::default()
        };
        let mut body = Vec::new();
        let begun = Frame::Hello(hello).encode(&mut body);
        let room = most.saturating_sub(body.len() + FRAMES);
        let requests = self.inner.unanswered(room, only_stored);
        if requests.is_empty() || begun.is_err() || put_stream(&requests, &mut body).is_err() {
            body.clear();
        }
        body
    }
}

#[wasm_bindgen]
impl Link {
    /// Ends the session for good, and its lease with it: every batch has its outcome.
    pub fn finish(&self) {
        if let Some(lease) = self.transport().leases().last() {
            self.transport().release(lease.producer_id);
        }
        self.close();
    }
}
