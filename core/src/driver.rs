//! The loop body that joins the state machines to a network: moves bytes, opens and closes
//! connections, and sleeps when there is nothing to do. The only code that knows both sides.

#[cfg(feature = "store")]
mod store;

use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::mem;
use core::task::{Context, Poll};

use crate::accumulator::buffer_pool::{BufferPool, reserve};
use crate::config::{ConfigError, ProducerConfig};
use crate::interceptor::Interceptors;
use crate::producer::Producer;
use crate::protocol::api_key::BROKERS;
use crate::sender::{Sender, Wish};
use crate::shared::Shared;
use crate::sync::{Arc, Platform};
use crate::time::{Clock, Instant};
use crate::transport::{Connection, NodeId, Transport};

/// Makes a producer and the driver that does its work. `seed` decides everything that is random.
///
/// # Errors
/// Where the configuration contradicts itself.
pub fn producer<X: Platform, T: Transport>(
    config: ProducerConfig,
    clock: X::Clock,
    seed: u64,
    transport: T,
) -> Result<(Producer<X>, Driver<X, T>), ConfigError> {
    producer_with(config, Interceptors::default(), clock, seed, transport)
}

/// As [`producer`], with interceptors.
///
/// # Errors
/// Where the configuration contradicts itself.
pub fn producer_with<X: Platform, T: Transport>(
    config: ProducerConfig,
    interceptors: Interceptors,
    clock: X::Clock,
    seed: u64,
    transport: T,
) -> Result<(Producer<X>, Driver<X, T>), ConfigError> {
    config.validate()?;
    if BROKERS && config.security.protocol.uses_tls() && !transport.is_encrypted() {
        return Err(ConfigError::Invalid {
            key: "security.protocol".into(),
            problem: "this program's transport has no TLS; the crate ottla has it with the Cargo \
                      feature `tls`"
                .into(),
        });
    }
    let pool = BufferPool::new(config.buffer_memory, config.batch_size, fixed_memory(&config)?);
    let shared = Arc::new(Shared::new(config, clock, interceptors, seed, pool));
    let sender = Sender::new(shared.clone());
    let (connections, writing) = (Vec::new(), Vec::new());
    let driver = Driver { shared: shared.clone(), sender, transport, connections, writing };
    Ok((Producer { shared }, driver))
}

/// The buffers that are there from the start, if all are.
fn fixed_memory(config: &ProducerConfig) -> Result<Vec<Vec<u8>>, ConfigError> {
    if !config.is_preallocated() {
        return Ok(Vec::new());
    }
    reserve(config.buffer_memory, config.batch_size).map_err(|_| ConfigError::Invalid {
        key: "buffer.memory".into(),
        problem: "there is not so much, and buffer.memory.preallocate takes it at once".into(),
    })
}

/// Does a producer's work, one [`poll`](Self::poll) at a time, on any executor or none.
///
/// Dropping it closes the producer by force.
#[must_use = "a producer does nothing unless its driver is polled"]
pub struct Driver<X: Platform, T: Transport> {
    shared: Arc<Shared<X>>,
    sender: Sender<X>,
    transport: T,
    /// Few; each time all of them are asked whether they have news.
    connections: Vec<(NodeId, T::Connection)>,
    /// To which of them something is to be written.
    writing: Vec<NodeId>,
}

impl<X: Platform, T: Transport> fmt::Debug for Driver<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

impl<X: Platform, T: Transport> Driver<X, T> {
    /// Does everything that can be done now. `Ready` once the producer is closed and all is done.
    ///
    /// Poll again when `cx`'s waker was woken, and at [`next_wake`](Self::next_wake) at the latest.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.shared.clock.now();
            self.sender.follow_session(self.transport.session(), now);
            let running = self.sender.advance(now);
            self.sender.begin_logins(cx, now);
            self.fulfil_wishes(now);
            if !running {
                return Poll::Ready(());
            }
            if self.exchange(cx, now) {
                continue;
            }
            if self.sender.sleep(cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// When to poll again even if nobody wakes the task.
    pub fn next_wake(&self) -> Option<Instant> {
        self.sender.next_wake()
    }

    /// The driver as a future, for an executor whose `sleep_until` wakes the given context then.
    pub fn run<'a>(
        mut self,
        mut sleep_until: impl FnMut(Instant, &mut Context<'_>) + 'a,
    ) -> impl Future<Output = ()> + 'a
    where
        T: 'a,
    {
        poll_fn(move |cx| {
            let poll = self.poll(cx);
            if poll.is_pending()
                && let Some(at) = self.next_wake()
            {
                sleep_until(at, cx);
            }
            poll
        })
    }

    /// Produce requests with everything that has no answer, for a program that may end now and has
    /// a way on which a request outlives it: each with its size before it, `most` bytes together.
    /// What lingers is sealed. If the program lives on, it sends all of that itself, with the
    /// sequences that it has here, so that the broker takes it once. Only with idempotence. Nothing
    /// that is yet to be stored with `only_stored`: for records that somebody else sends again,
    /// under other sequences, if they are not found in the store.
    pub fn unanswered(&mut self, most: usize, only_stored: bool) -> Vec<u8> {
        self.sender.unanswered_requests(most, only_stored, self.shared.clock.now())
    }

    /// The transport.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    fn fulfil_wishes(&mut self, now: Instant) {
        while let Some(wish) = self.sender.next_wish() {
            match wish {
                Wish::Disconnect(node) => {
                    self.connections.retain(|(id, _)| *id != node);
                }
                Wish::Connect(node, address) => {
                    match self.transport.connect(node, address.as_ref()) {
                        Ok(connection) => {
                            self.connections.push((node, connection));
                        }
                        Err(error) => self.sender.handle_broken(node, &error, now),
                    }
                }
            }
        }
    }

    /// Moves bytes on all connections until none goes on. Returns whether anything happened.
    fn exchange(&mut self, cx: &mut Context<'_>, now: Instant) -> bool {
        let mut connections = mem::take(&mut self.connections);
        self.sender.list_output(&mut self.writing);
        let mut moved = false;
        connections.retain_mut(|(node, connection)| {
            if self.writing.binary_search(node).is_err() && !connection.is_readable() {
                return true;
            }
            let mut pipe = Pipe { sender: &mut self.sender, node: *node, now };
            let outcome = pipe.open(connection, cx).and_then(|opened| {
                let wrote = pipe.write(connection, cx)?;
                let read = pipe.read(connection, cx)?;
                Ok(opened || wrote || read)
            });
            match outcome {
                Ok(active) => {
                    moved |= active;
                    true
                }
                Err(why) => {
                    moved = true;
                    match why {
                        Broken::Error(error) if T::Connection::is_distrust(&error) => {
                            self.sender.distrust(*node, &error, now);
                        }
                        Broken::Error(error) => self.sender.handle_broken(*node, &error, now),
                        Broken::Closed => {
                            let why = "the broker closed the connection";
                            self.sender.handle_broken(*node, &why, now);
                        }
                    }
                    false
                }
            }
        });
        self.connections = connections;
        moved
    }
}

enum Broken<E> {
    Error(E),
    Closed,
}

/// One connection and the sender's side of it.
struct Pipe<'a, X: Platform> {
    sender: &'a mut Sender<X>,
    node: NodeId,
    now: Instant,
}

impl<X: Platform> Pipe<'_, X> {
    /// Where no handshake tells that the connection is there, it says so itself.
    fn open<C: Connection>(
        &mut self,
        connection: &mut C,
        cx: &mut Context<'_>,
    ) -> Result<bool, Broken<C::Error>> {
        if BROKERS || !self.sender.is_opening(self.node) {
            return Ok(false);
        }
        match connection.poll_open(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(Broken::Error(error)),
            Poll::Ready(Ok(())) => {
                self.sender.handle_opened(self.node, self.now);
                Ok(true)
            }
        }
    }

    fn write<C: Connection>(
        &mut self,
        connection: &mut C,
        cx: &mut Context<'_>,
    ) -> Result<bool, Broken<C::Error>> {
        let mut moved = false;
        loop {
            let mut slices = Vec::new();
            self.sender.transmit(self.node, &mut slices);
            if slices.is_empty() {
                return Ok(moved);
            }
            match connection.poll_write_vectored(cx, &slices) {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Err(error)) => return Err(Broken::Error(error)),
                Poll::Ready(Ok(0)) => return Err(Broken::Closed),
                Poll::Ready(Ok(count)) => {
                    moved = true;
                    self.sender.handle_written(self.node, count, self.now);
                }
            }
        }
    }

    /// Reads once: whoever has more to say is asked again after the others had their turn.
    fn read<C: Connection>(
        &mut self,
        connection: &mut C,
        cx: &mut Context<'_>,
    ) -> Result<bool, Broken<C::Error>> {
        let Some(buffer) = self.sender.read_buffer(self.node) else { return Ok(false) };
        match connection.poll_read(cx, buffer) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(Broken::Error(error)),
            Poll::Ready(Ok(0)) => Err(Broken::Closed),
            Poll::Ready(Ok(count)) => {
                self.sender.handle_read(self.node, count, self.now);
                Ok(true)
            }
        }
    }
}
