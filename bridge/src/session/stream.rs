//! One stream of a session: Kafka requests come in whole or not at all, answers leave in order.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use ottla_bridge_protocol::StreamEnd;
use tokio::time::Instant;

use crate::kafka::produce::Plan;
use crate::upstream::{Connection, Watch};

/// Bytes of a request's size.
const SIZE: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Stream {
    /// Which use of the stream's number this is: late answers of an earlier one are dropped.
    pub(super) generation: u32,
    /// The broker's connection; none on a stream to any node.
    pub(super) broker: Option<(Arc<Connection>, Watch)>,
    /// What has arrived and is no whole request yet, or waits for its turn.
    inbox: BytesMut,
    /// Bytes of the inbox for which no credit was given back.
    owed: usize,
    /// When bytes came last.
    pub(super) progress: Instant,
    /// Requests that were taken, in order.
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first_slot: u64,
    /// Nothing more is taken; the stream ends when all is answered.
    pub(super) ending: Option<StreamEnd>,
}

/// A request that was taken.
#[derive(Debug)]
pub(super) enum Slot {
    /// A broker has it.
    Asked {
        /// What was asked.
        plan: Box<Plan>,
        /// The version in which it was forwarded.
        version: i16,
    },
    /// The bridge itself is about to answer.
    Pending,
    /// The answer, of which `sent` bytes are queued.
    Ready { answer: Vec<u8>, sent: usize },
}

impl Stream {
    pub(super) fn new(generation: u32, broker: Option<(Arc<Connection>, Watch)>) -> Self {
        Self {
            generation,
            broker,
            inbox: BytesMut::new(),
            owed: 0,
            progress: Instant::now(),
            slots: VecDeque::new(),
            first_slot: 0,
            ending: None,
        }
    }

    /// Takes what has arrived.
    pub(super) fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.owed += bytes.len();
        self.progress = now;
        if self.ending.is_none() {
            self.inbox.extend_from_slice(bytes);
        }
    }

    /// The next whole request without its size, where there is one of at most `max` bytes.
    ///
    /// # Errors
    /// If the size is impossible.
    pub(super) fn next_request(&mut self, max: u32) -> Result<Option<BytesMut>, StreamEnd> {
        let Some(size) = self.inbox.first_chunk::<SIZE>() else { return Ok(None) };
        let size = u32::from_be_bytes(*size);
        if size > max {
            return Err(StreamEnd::Malformed);
        }
        if self.inbox.len() - SIZE < size as usize {
            return Ok(None);
        }
        self.inbox.advance(SIZE);
        let request = self.inbox.split_to(size as usize);
        if self.inbox.is_empty() {
            // An idle stream keeps no memory.
            self.inbox = BytesMut::new();
        }
        Ok(Some(request))
    }

    /// Bytes that need no room any more, as far as credit goes: all of them unless the stream has
    /// to wait, for then the inbox holds a part of one request at most.
    pub(super) fn settle(&mut self, waits: bool) -> u32 {
        let kept = if waits { self.inbox.len().min(self.owed) } else { 0 };
        let used = self.owed - kept;
        self.owed = kept;
        used as u32
    }

    /// Whether a request has begun to arrive.
    pub(super) fn is_amid_request(&self) -> bool {
        !self.inbox.is_empty() && self.ending.is_none()
    }

    /// Takes nothing more.
    pub(super) fn end(&mut self, end: StreamEnd) {
        self.ending.get_or_insert(end);
        self.inbox = BytesMut::new();
    }

    /// How many requests wait for their answers to leave.
    pub(super) fn in_flight(&self) -> usize {
        self.slots.len()
    }

    /// Puts a request in line; returns its number.
    pub(super) fn push(&mut self, slot: Slot) -> u64 {
        self.slots.push_back(slot);
        self.first_slot + self.slots.len() as u64 - 1
    }

    /// The slot of that number.
    pub(super) fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let index = usize::try_from(number.checked_sub(self.first_slot)?).ok()?;
        self.slots.get_mut(index)
    }

    /// The answer whose turn it is, if it is there.
    pub(super) fn ready(&mut self) -> Option<(&[u8], &mut usize)> {
        match self.slots.front_mut() {
            Some(Slot::Ready { answer, sent }) => Some((answer, sent)),
            _ => None,
        }
    }

    /// The answer whose turn it was has left.
    pub(super) fn pop(&mut self) {
        if self.slots.pop_front().is_some() {
            self.first_slot += 1;
        }
    }
}
