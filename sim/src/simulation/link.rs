//! A connection between the producer and a broker, seen from both ends.

use std::collections::VecDeque;
use std::task::Waker;

use super::pipe::Pipe;
use super::watch::{Begun, FrameSplitter};

/// A connection's number.
pub(crate) type LinkId = usize;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LinkState {
    /// The client waits for the other side.
    Connecting,
    Open,
    /// Nobody takes connections there.
    Refused,
    /// Something on the way ended it.
    Reset,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Link {
    /// The broker at the other end; `None` where nobody lives.
    pub(crate) node: Option<i32>,
    pub(crate) state: LinkState,
    /// From the client.
    pub(crate) up: Pipe,
    /// To the client.
    pub(crate) down: Pipe,
    /// The client has dropped its end.
    pub(crate) client_gone: bool,
    /// The broker has closed its end.
    pub(crate) broker_gone: bool,
    /// Cut in the middle: what is sent from now on goes nowhere.
    pub(crate) severed: bool,
    /// Bytes that went nowhere.
    pub(crate) swallowed: usize,
    /// What the broker has read and not yet understood.
    pub(crate) inbox: FrameSplitter,
    /// The broker is at a request of this connection: like Kafka, it does one at a time.
    pub(crate) busy: bool,
    /// The version of the Produce request that the broker is at.
    pub(crate) produce_version: Option<i16>,
    /// The request that waits in the cluster.
    pub(crate) waiting: Option<u64>,
    /// Requests that the broker has begun.
    pub(crate) served: u64,
    /// What the client has written, as an observer sees it.
    pub(crate) outbox: FrameSplitter,
    pub(crate) begun: VecDeque<Begun>,
    pub(crate) begun_count: u64,
    /// Bytes that the client has read.
    pub(crate) received: u64,
    /// A client that has read so far has seen nonsense and must hang up.
    pub(crate) nonsense_at: Option<u64>,
    pub(crate) reader: Option<Waker>,
    pub(crate) writer: Option<Waker>,
}

impl Link {
    pub(crate) fn new(node: Option<i32>) -> Self {
        Self {
            node,
            state: LinkState::Connecting,
            up: Pipe::default(),
            down: Pipe::default(),
            client_gone: false,
            broker_gone: false,
            severed: false,
            swallowed: 0,
            inbox: FrameSplitter::default(),
            busy: false,
            produce_version: None,
            waiting: None,
            served: 0,
            outbox: FrameSplitter::default(),
            begun: VecDeque::new(),
            begun_count: 0,
            received: 0,
            nonsense_at: None,
            reader: None,
            writer: None,
        }
    }

    /// Whether both sides believe in it.
    pub(crate) fn is_open(&self) -> bool {
        self.state == LinkState::Open && !self.client_gone && !self.broker_gone && !self.severed
    }

    /// Whether nothing is on its way to the broker, or in its hands.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_empty = self.up.in_transit() == 0 && self.up.arrived() == 0;
        self.broker_gone || (is_empty && self.inbox.bytes.is_empty() && !self.busy)
    }

    /// Tells the client that there may be something to read or room to write.
    pub(crate) fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    /// The broker's process is gone, and what it had read with it.
    pub(crate) fn die(&mut self) {
        self.up.cut(0);
        self.inbox.bytes.clear();
        self.broker_gone = true;
    }

    /// Forgets the requests whose answers the client has read.
    pub(crate) fn settle(&mut self) {
        let received = self.received;
        self.begun.retain(|request| request.answered_at.is_none_or(|at| at > received));
    }
}
