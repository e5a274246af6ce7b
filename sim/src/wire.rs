//! A producer and its brokers on one thread and in virtual time, joined by memory in place of a
//! network: thousands of runs in seconds, each the same every time.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::time::Clock;
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_core::{Driver, Producer, producer};

use crate::cluster::{Cluster, ClusterConfig, Reply};
use crate::simulation::{Simulated, VirtualClock};

/// Polls without an end in sight are a hang, virtual time or not.
const STEPS_MAX: u32 = 100_000;

/// What stands at the other end of all connections.
pub trait Server {
    /// Answers a request frame, its size not included, by bytes at the end of `out`; `Break` ends
    /// the connection behind them. `now` is since 1970.
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()>;
}

/// All its nodes; the first one is the bootstrap server too.
impl Server for Cluster {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        match self.handle(node.0.max(1), Bytes::copy_from_slice(request), now) {
            Reply::Send { frame, .. } => out.extend_from_slice(&frame),
            Reply::Nothing => {}
            Reply::Close => return ControlFlow::Break(()),
            Reply::Later { .. } => panic!("no node here waits for another"),
        }
        ControlFlow::Continue(())
    }
}

/// A producer, what drives it, and its server.
pub struct World<S: Server> {
    /// The producer's handle.
    pub producer: Producer<Simulated>,
    driver: Driver<Simulated, Memory<S>>,
    clock: VirtualClock,
    server: Rc<RefCell<S>>,
    turn: Rc<Turn>,
    /// The driver, and whoever waits for the producer.
    woken: [Arc<Woken>; 2],
}

/// Whether somebody is to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Woken {
    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Answers arrive one turn after their requests, so that requests can be sent one after the other
/// without waiting.
#[derive(Default)]
struct Turn {
    number: Cell<u64>,
    /// Something arrives with the next turn.
    more: Cell<bool>,
}

impl<S: Server> fmt::Debug for World<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// A cluster with these topics and their numbers of partitions.
///
/// # Panics
/// If a topic can't be.
#[must_use]
pub fn cluster(nodes: i32, topics: &[(&str, i32)]) -> Cluster {
    let mut cluster = Cluster::in_memory(ClusterConfig::default(), nodes);
    let start = VirtualClock::default().since_unix_epoch();
    for (topic, partitions) in topics {
        cluster.create_topic(topic, *partitions, start).expect("a topic that can be");
    }
    cluster
}

impl<S: Server> World<S> {
    /// A producer whose connections all lead to `server`.
    ///
    /// # Panics
    /// If the configuration contradicts itself.
    pub fn new(config: ProducerConfig, server: S) -> Self {
        let clock = VirtualClock::default();
        let server = Rc::new(RefCell::new(server));
        let turn = Rc::<Turn>::default();
        let transport = Memory { server: server.clone(), clock: clock.clone(), turn: turn.clone() };
        let (producer, driver) =
            producer(config, clock.clone(), 7, transport).expect("a valid configuration");
        Self { producer, driver, clock, server, turn, woken: <[Arc<Woken>; 2]>::default() }
    }

    /// The server, to look at or to change.
    #[must_use]
    pub fn server(&self) -> std::cell::RefMut<'_, S> {
        self.server.borrow_mut()
    }

    /// Begins a turn and does all that can be done in it.
    pub fn poll(&mut self) -> Poll<()> {
        self.turn.number.update(|number| number + 1);
        self.turn.more.set(false);
        self.woken[0].take();
        self.driver.poll(&mut Context::from_waker(&Waker::from(self.woken[0].clone())))
    }

    /// As [`poll`](Self::poll), if there is something to do.
    pub fn poll_if_woken(&mut self) {
        if self.turn.more.get() || self.woken[0].is() {
            let _ = self.poll();
        }
    }

    /// Lets the world go on until `future` is done; `None` if it isn't within `limit`.
    pub fn run<F: Future>(&mut self, future: F, limit: Duration) -> Option<F::Output> {
        let mut future = pin!(future);
        let end = self.clock.now() + limit;
        let waker = Waker::from(self.woken[1].clone());
        waker.wake_by_ref();
        for _ in 0..STEPS_MAX {
            if self.woken[1].take()
                && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Some(output);
            }
            let _ = self.poll();
            if self.turn.more.get() || self.woken.iter().any(|woken| woken.is()) {
                continue;
            }
            let next = self.driver.next_wake().filter(|next| *next <= end)?;
            self.clock.advance_to(next);
        }
        None
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        let never = std::future::pending::<()>();
        let _ = self.run(never, time);
        self.clock.advance_to(end);
        let _ = self.poll();
    }
}

/// Opens connections to the server.
struct Memory<S> {
    server: Rc<RefCell<S>>,
    clock: VirtualClock,
    turn: Rc<Turn>,
}

impl<S: Server> Transport for Memory<S> {
    type Connection = Pipe<S>;

    fn connect(&mut self, node: NodeId, _: Option<&BrokerAddress>) -> Result<Pipe<S>, Infallible> {
        Ok(Pipe {
            node,
            server: self.server.clone(),
            clock: self.clock.clone(),
            turn: self.turn.clone(),
            requests: Vec::new(),
            responses: Vec::new(),
            read: 0,
            answered_in: 0,
            closed: false,
        })
    }
}

struct Pipe<S> {
    node: NodeId,
    server: Rc<RefCell<S>>,
    clock: VirtualClock,
    turn: Rc<Turn>,
    requests: Vec<u8>,
    responses: Vec<u8>,
    /// How many bytes of `responses` were read.
    read: usize,
    /// The turn of the last answer.
    answered_in: u64,
    closed: bool,
}

impl<S: Server> Pipe<S> {
    fn answer_whole_frames(&mut self) {
        let mut answered = 0;
        while !self.closed
            && let Some((size, rest)) = self.requests[answered..].split_first_chunk()
            && let Some(frame) = rest.get(..u32::from_be_bytes(*size) as usize)
        {
            let now = self.clock.since_unix_epoch();
            let mut server = self.server.borrow_mut();
            self.closed = server.answer(self.node, frame, now, &mut self.responses).is_break();
            answered += size.len() + frame.len();
            self.answered_in = self.turn.number.get();
            self.turn.more.set(true);
        }
        self.requests.drain(..answered);
    }
}

impl<S: Server> Connection for Pipe<S> {
    type Error = Infallible;

    fn is_readable(&self) -> bool {
        self.closed || self.read < self.responses.len()
    }

    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Infallible>> {
        let unread = &self.responses[self.read..];
        let nothing = unread.is_empty() && !self.closed;
        if nothing || self.answered_in == self.turn.number.get() {
            return Poll::Pending;
        }
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        self.read += count;
        if self.read == self.responses.len() {
            self.responses.clear();
            self.read = 0;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        &mut self,
        _: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, Infallible>> {
        for slice in slices {
            self.requests.extend_from_slice(slice);
        }
        self.answer_whole_frames();
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }
}
