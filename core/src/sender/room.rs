//! What there is a fixed amount of and is given out again and again: sockets, buffers to receive
//! into, and buffers for requests.

use alloc::vec;
use alloc::vec::Vec;

use super::Sender;
use crate::config::{FIXED_MEMORY, ProducerConfig};
use crate::protocol::frame::SIZE_LENGTH;
use crate::sync::Platform;

/// So many buffers for requests are kept for the next ones.
const MOST_HEADS: usize = 16;

impl<X: Platform> Sender<X> {
    /// Takes what requests and answers need, where the memory is fixed at the start.
    pub(super) fn preallocate(&mut self) {
        let config = &self.shared.config;
        if !config.is_preallocated() {
            return;
        }
        while self.heads.len() < self.heads.capacity() {
            self.heads.push(Vec::with_capacity(config.request_head()));
        }
        let connections = 0..config.max_connections.unwrap_or(0);
        self.receive_buffers = connections.map(|_| vec![0; read_size(config)]).collect();
    }

    /// Whether another connection may be opened; where `connections.max` are open, the one that has
    /// been idle for longest is closed.
    pub(super) fn make_room_for_connection(&mut self) -> bool {
        let Some(most) = self.config().max_connections.filter(|_| FIXED_MEMORY) else {
            return true;
        };
        let open = self.nodes.values().filter(|node| !node.is_down());
        if open.count() < most as usize {
            return true;
        }
        let idle = self.nodes.iter().filter(|(_, node)| node.is_idle());
        let Some(id) = idle.min_by_key(|(_, node)| node.idle_at).map(|(id, _)| *id) else {
            return false;
        };
        self.hang_up(id);
        true
    }

    /// A buffer for a request's bytes, one used before where there is one.
    pub(super) fn head_buffer(&mut self) -> Vec<u8> {
        let size = self.config().request_head();
        self.heads.pop().unwrap_or_else(|| Vec::with_capacity(size))
    }

    pub(super) fn recycle_head(&mut self, mut head: Vec<u8>) {
        if FIXED_MEMORY && self.heads.len() < self.heads.capacity() {
            head.clear();
            self.heads.push(head);
        }
    }

    /// Where the memory is fixed at the start, it is for the next connection.
    pub(super) fn recycle_receive_buffer(&mut self, buffer: Vec<u8>) {
        let missing = FIXED_MEMORY && self.receive_buffers.len() < self.receive_buffers.capacity();
        if missing && !buffer.is_empty() {
            self.receive_buffers.push(buffer);
        }
    }
}

/// How many buffers for requests are kept: as many as may be in use where connections are few.
pub(super) fn heads(config: &ProducerConfig) -> usize {
    if !FIXED_MEMORY {
        return 0;
    }
    let requests = |connections: u32| (connections as usize).saturating_mul(config.max_in_flight);
    config.max_connections.map_or(MOST_HEADS, requests).min(MOST_HEADS)
}

/// How much is read at a time, at least: on a small machine the longest answer there can be, so
/// that the buffer never grows.
pub(super) fn read_size(config: &ProducerConfig) -> usize {
    const MOST: usize = 4096;
    config.receive_max_bytes.min(MOST) + SIZE_LENGTH
}
