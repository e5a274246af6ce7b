//! One stream's bytes, between the core and the session.

use alloc::vec::Vec;

use ottla_bridge_protocol::StreamId;

use crate::error::WsError;
use crate::requests::Messages;

/// A connection that the core has, whether there is a stream for it yet or not.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) id: u32,
    /// `None` is any node.
    pub(crate) node: Option<u32>,
    pub(crate) stream: Option<StreamId>,
    /// The bridge has opened the stream.
    pub(crate) is_open: bool,
    pub(crate) ended: Option<WsError>,
    /// What has arrived, from `read` on not yet taken; at most the stream's window.
    inbound: Vec<u8>,
    read: usize,
    requests: Messages,
    responses: Messages,
}

impl Pipe {
    pub(crate) fn new(id: u32, node: Option<u32>) -> Self {
        Self {
            id,
            node,
            stream: None,
            is_open: false,
            ended: None,
            inbound: Vec::new(),
            read: 0,
            requests: Messages::default(),
            responses: Messages::default(),
        }
    }

    /// Bytes have arrived.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.responses.feed(bytes);
        self.inbound.extend_from_slice(bytes);
    }

    /// Takes what has arrived, as much as fits.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let unread = self.inbound.get(self.read..).unwrap_or_default();
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        self.read += count;
        if self.read == self.inbound.len() {
            self.inbound.clear();
            self.read = 0;
        }
        count
    }

    /// Bytes were accepted for the stream.
    pub(crate) fn wrote(&mut self, bytes: &[u8]) {
        self.requests.feed(bytes);
    }

    /// How much of `bytes` may still be written while the bridge drains.
    pub(crate) fn rest_of_request(&self, bytes: usize) -> usize {
        self.requests.rest_of_message(bytes)
    }

    /// Whether a request has begun that has no answer.
    pub(crate) fn is_busy(&self) -> bool {
        self.ended.is_none()
            && (self.requests.has_begun() || self.requests.complete() > self.responses.complete())
    }
}
