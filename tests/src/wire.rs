//! A producer and its brokers on one thread and in virtual time, joined by memory in place of a
//! network: thousands of runs in seconds, each the same every time.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_core::{Driver, Producer, producer};

/// 2023-11-14: virtual time begins then.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// Polls without an end in sight are a hang, virtual time or not.
const STEPS_MAX: u32 = 100_000;

/// The platform of a producer that shares its thread with its brokers.
#[derive(Debug)]
pub struct OneThread;

impl Platform for OneThread {
    type Lock<T> = RefCell<T>;
    type Clock = VirtualClock;
}

/// A clock that stands still until it is moved. Clones tell the same time.
#[derive(Debug, Clone, Default)]
pub struct VirtualClock(Rc<Cell<Duration>>);

impl VirtualClock {
    /// Time since 1970.
    #[must_use]
    pub fn since_1970(&self) -> Duration {
        EPOCH + self.0.get()
    }

    fn move_to(&self, at: Instant) {
        self.0.set(self.0.get().max(Duration::from_micros(at.as_micros())));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant::ZERO + self.0.get()
    }

    fn unix_millis(&self) -> i64 {
        i64::try_from(self.since_1970().as_millis()).expect("tests end before the sun does")
    }
}

/// What stands at the other end of all connections.
pub trait Server {
    /// Answers a request frame, its size not included, by bytes at the end of `out`; `Break` ends
    /// the connection behind them.
    fn answer(&mut self, node: NodeId, request: &[u8], out: &mut Vec<u8>) -> ControlFlow<()>;
}

/// A producer, what drives it, and its server.
pub struct World<S: Server> {
    /// The producer's handle.
    pub producer: Producer<OneThread>,
    driver: Driver<OneThread, Memory<S>>,
    clock: VirtualClock,
    server: Rc<RefCell<S>>,
    turn: Rc<Turn>,
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

impl<S: Server> World<S> {
    /// A producer whose connections all lead to `server`.
    ///
    /// # Panics
    /// If the configuration contradicts itself.
    pub fn new(config: ProducerConfig, clock: VirtualClock, server: S) -> Self {
        let server = Rc::new(RefCell::new(server));
        let turn = Rc::<Turn>::default();
        let transport = Memory { server: server.clone(), turn: turn.clone() };
        let (producer, driver) =
            producer(config, clock.clone(), 7, transport).expect("a valid configuration");
        Self { producer, driver, clock, server, turn }
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
        self.driver.poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Lets the world go on until `future` is done; `None` if it isn't within `limit`.
    pub fn run<F: Future>(&mut self, future: F, limit: Duration) -> Option<F::Output> {
        let mut future = pin!(future);
        let end = self.clock.now() + limit;
        for _ in 0..STEPS_MAX {
            let cx = &mut Context::from_waker(Waker::noop());
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Some(output);
            }
            let _ = self.poll();
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Some(output);
            }
            if self.turn.more.get() {
                continue;
            }
            let next = self.driver.next_wake().filter(|next| *next <= end)?;
            self.clock.move_to(next);
        }
        None
    }
}

/// Opens connections to the server.
struct Memory<S> {
    server: Rc<RefCell<S>>,
    turn: Rc<Turn>,
}

impl<S: Server> Transport for Memory<S> {
    type Connection = Pipe<S>;

    fn connect(&mut self, node: NodeId, _: Option<&BrokerAddress>) -> Result<Pipe<S>, Infallible> {
        let (server, turn) = (self.server.clone(), self.turn.clone());
        let (requests, responses) = (Vec::new(), Vec::new());
        Ok(Pipe { node, server, turn, requests, responses, read: 0, answered_in: 0, closed: false })
    }
}

struct Pipe<S> {
    node: NodeId,
    server: Rc<RefCell<S>>,
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
            let mut server = self.server.borrow_mut();
            self.closed = server.answer(self.node, frame, &mut self.responses).is_break();
            answered += size.len() + frame.len();
            self.answered_in = self.turn.number.get();
            self.turn.more.set(true);
        }
        self.requests.drain(..answered);
    }
}

impl<S: Server> Connection for Pipe<S> {
    type Error = Infallible;

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
