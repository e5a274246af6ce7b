//! One direction of a connection: bytes that take their time, in order.

use std::collections::VecDeque;

use ottla_core::time::Instant;

/// Bytes on their way and bytes that are there.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    transit: VecDeque<(Instant, Vec<u8>)>,
    in_transit: usize,
    arrived: VecDeque<u8>,
    last_arrival: Instant,
    stalled_until: Instant,
    sent: u64,
}

impl Pipe {
    /// Sends bytes that arrive at `at` or, if others are still before them, later. Returns when.
    pub(crate) fn send(&mut self, at: Instant, bytes: Vec<u8>) -> Instant {
        let at = at.max(self.last_arrival);
        self.last_arrival = at;
        self.in_transit += bytes.len();
        self.sent += bytes.len() as u64;
        self.transit.push_back((at, bytes));
        at.max(self.stalled_until)
    }

    /// Lets what is due arrive.
    pub(crate) fn advance(&mut self, now: Instant) {
        while self.stalled_until <= now
            && self.transit.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, bytes)) = self.transit.pop_front()
        {
            self.in_transit -= bytes.len();
            self.arrived.extend(bytes);
        }
    }

    /// When the next bytes arrive.
    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.transit.front().map(|(at, _)| (*at).max(self.stalled_until))
    }

    /// Nothing arrives before `until`.
    pub(crate) fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Loses what is on its way but for the first `kept` bytes.
    pub(crate) fn cut(&mut self, mut kept: usize) {
        for (_, bytes) in &mut self.transit {
            bytes.truncate(kept);
            kept -= bytes.len();
        }
        self.transit.retain(|(_, bytes)| !bytes.is_empty());
        self.in_transit = self.transit.iter().map(|(_, bytes)| bytes.len()).sum();
    }

    /// Bytes on their way.
    pub(crate) fn in_transit(&self) -> usize {
        self.in_transit
    }

    /// All bytes ever sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes that are there.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived.len()
    }

    /// Takes bytes that are there; as many as both sides have.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.arrived.len());
        for (to, from) in buffer.iter_mut().zip(self.arrived.drain(..count)) {
            *to = from;
        }
        count
    }

    /// Takes all bytes that are there.
    pub(crate) fn read_all(&mut self, into: &mut Vec<u8>) {
        into.extend(self.arrived.drain(..));
    }
}
