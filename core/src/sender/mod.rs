//! What happens to batches: which may leave, on which connection, and what their answers mean.
//!
//! A plain state machine owned by the [driver](crate::Driver): bytes and time come in, bytes and
//! wishes (connect, disconnect) go out. It never waits and never asks for the time. It keeps one
//! *lane* per partition, with everything that only the sending side needs to know of it, and one
//! *node* per broker. Work is pushed: a lane is looked at when something happened to it, never in a
//! scan.
//!
//! | file | job |
//! | --- | --- |
//! | `mod.rs` | the loop body: events, timers, then whatever can be sent |
//! | `lane.rs` | one partition: what may be sent next, in which order |
//! | `schedule.rs` | lanes to nodes: linger, backoff, who is ready |
//! | `drain.rs` | ready lanes to Produce requests |
//! | `node.rs` | one broker: link, requests in flight, bytes in and out |
//! | `link.rs` | connecting, handshake, idling, losing a connection |
//! | `room.rs` | what is given out again and again: sockets, receive buffers, request heads |
//! | `login.rs` | logging in, and again before the session ends |
//! | `response.rs` | what a broker answered |
//! | `outcome.rs` | acknowledged, again, failed |
//! | `split.rs` | one batch becomes several |
//! | `store.rs` | batches that are stored before they are sent |
//! | `parting.rs` | everything without an answer, for a program that may end now |
//! | `condense.rs` | metadata longer than the receive buffer |
//! | `metadata.rs`, `cluster.rs` | when to ask for metadata, and what to do with the answer |
//! | `recreated.rs` | a topic that was deleted and created again |
//! | `identity.rs` | the producer id and its epoch |
//! | `transaction.rs` | transactions: what they mean for batches, and batches for them |
//! | `coordinator.rs` | what the transactions' state machine wants, asked of coordinators |
//! | `load.rs` | how full the queues are, for the adaptive partitioner |
//! | `expiry.rs` | delivery timeout, closing by force |

mod cluster;
mod condense;
#[cfg(feature = "transactions")]
mod coordinator;
mod drain;
mod expiry;
mod identity;
mod lane;
mod link;
mod load;
mod login;
#[cfg(feature = "legacy-formats")]
mod message_format;
mod metadata;
mod node;
mod outcome;
mod parting;
mod recreated;
mod response;
mod room;
mod schedule;
mod split;
mod store;
#[cfg(feature = "transactions")]
mod transaction;
#[cfg(not(feature = "transactions"))]
#[path = "no_transaction.rs"]
mod transaction;
mod words;

use alloc::boxed::Box;
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::mem;
use core::task::Waker;

use crate::accumulator::buffer_pool::BufferPool;
use crate::config::ProducerConfig;
use crate::metrics::Metrics;
use crate::rng::Rng;
use crate::shared::{Event, Shared};
use crate::sorted::SortedMap;
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Instant, earliest};
use crate::transport::NodeId;

pub(crate) use link::Wish;
pub(crate) use split::SPLIT;
pub use store::{StoreTicket, ToStore};

/// Whether there are those who wait with a deadline of their own.
const WAITING: bool = cfg!(feature = "waiting");

/// A partition's number in the sender.
type LaneId = u32;

/// See the [module](self).
pub(crate) struct Sender<X: Platform> {
    shared: Arc<Shared<X>>,
    /// Boxed, as a tree's smallest part has room for eleven.
    nodes: SortedMap<NodeId, Box<node::Node<X>>>,
    /// Nodes whose ready lanes, links or requests want a look.
    active: SortedMap<NodeId, ()>,
    lanes: Vec<lane::Lane<X>>,
    topics: Vec<cluster::TopicEntry<X>>,
    topic_names: SortedMap<Arc<str>, usize>,
    metadata: metadata::Metadata,
    identity: identity::IdentityState,
    store: store::StoreState,
    #[cfg(feature = "transactions")]
    transactions: transaction::Transactions,
    /// When to look at a lane again: its linger or backoff is over. Entries may be out of date.
    timers: BinaryHeap<Reverse<(Instant, LaneId)>>,
    /// When a lane's oldest batch has to have an outcome, one entry per batch, in order.
    expiries: VecDeque<expiry::Expiry>,
    /// When sends that wait for metadata give up.
    waits: BinaryHeap<Reverse<(Instant, usize)>>,
    /// When to wake those who watch. The earliest time is enough: whoever then waits on says again
    /// until when.
    alarm: Option<Instant>,
    /// Batches with lower numbers leave without lingering.
    send_below: u64,
    /// When closing has to be over.
    closing: Option<Instant>,
    stopped: bool,
    /// Some batch got its outcome since the watchers were last woken.
    completed: bool,
    wishes: VecDeque<Wish>,
    events: Vec<Event<X>>,
    rng: Rng,
    metrics: Metrics,
    correlation_id: i32,
    /// For requests without their batches, not in use.
    heads: Vec<Vec<u8>>,
    /// For connections, where the memory is fixed at the start.
    receive_buffers: Vec<Vec<u8>>,
    /// The share of the pool that was last given to a node.
    last_account: u16,
    /// Some login has yet to begin.
    logins_begin: bool,
    /// When a node next needs a look, as it was before the last sleep: what changes then has a
    /// later time, or its node is visited anyway.
    links_due: Option<Instant>,
}

impl<X: Platform> Sender<X> {
    pub(crate) fn new(shared: Arc<Shared<X>>) -> Self {
        let rng = Rng::new(shared.fresh_seed());
        let config = &shared.config;
        let batches = config.reserved_batches();
        let mut sender = Self {
            nodes: SortedMap::new(),
            active: SortedMap::new(),
            lanes: Vec::new(),
            topics: Vec::new(),
            topic_names: SortedMap::new(),
            metadata: metadata::Metadata::default(),
            identity: identity::IdentityState::default(),
            store: store::StoreState::with_capacity(batches),
            #[cfg(feature = "transactions")]
            transactions: transaction::Transactions::default(),
            timers: BinaryHeap::new(),
            expiries: VecDeque::with_capacity(2 * batches),
            waits: BinaryHeap::new(),
            alarm: None,
            send_below: 0,
            closing: None,
            stopped: false,
            completed: false,
            wishes: VecDeque::new(),
            events: Vec::with_capacity(batches),
            rng,
            metrics: Metrics::default(),
            correlation_id: 0,
            heads: Vec::with_capacity(room::heads(config)),
            receive_buffers: Vec::new(),
            last_account: 0,
            logins_begin: false,
            links_due: None,
            shared,
        };
        sender.preallocate();
        sender.bootstrap();
        sender
    }

    fn config(&self) -> &ProducerConfig {
        &self.shared.config
    }

    fn is_transactional(&self) -> bool {
        self.config().is_transactional()
    }

    /// Does everything that can be done at `now`. Returns false once the producer is closed.
    pub(crate) fn advance(&mut self, now: Instant) -> bool {
        if self.stopped {
            return false;
        }
        self.take_events(now);
        self.fire_timers(now);
        self.expire(now);
        self.check_links(now);
        self.refresh_metadata(now);
        self.ensure_identity(now);
        self.visit_active(now);
        self.advance_transaction(now);
        self.wake_waiting(now);
        self.finish_closing(now);
        self.publish(now);
        !self.stopped
    }

    /// When `advance` has something to do even if nothing happens until then.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let expiry = self.expiries.front().map(|expiry| expiry.at);
        let wait = self.waits.peek().map(|Reverse((at, _))| *at);
        let alarm = self.alarm.filter(|_| WAITING);
        let memory = self.shared.pool.with(|pool| pool.next_deadline());
        [
            timer,
            expiry,
            wait,
            alarm,
            memory,
            self.links_due,
            self.closing,
            self.metadata_due(),
            self.identity_due(),
            self.transaction_due(),
        ]
        .into_iter()
        .fold(None, earliest)
    }

    /// Goes to sleep until `next_wake`, unless there is news already.
    pub(crate) fn sleep(&mut self, waker: &Waker) -> bool {
        self.links_due = self.nodes.values().filter_map(|node| node.next_wake()).min();
        let until = self.next_wake();
        self.stopped || self.shared.inbox.with(|inbox| inbox.sleep(until, waker))
    }

    fn take_events(&mut self, now: Instant) {
        let mut events = mem::take(&mut self.events);
        self.shared.inbox.with(|inbox| inbox.take(&mut events));
        for event in events.drain(..) {
            self.handle_event(event, now);
        }
        self.events = events;
    }

    fn handle_event(&mut self, event: Event<X>, now: Instant) {
        match event {
            Event::Opened { lane, number, at } => {
                self.expect_outcome(lane, number, at + self.config().delivery_timeout);
                self.touch_topic(lane, now);
                self.weigh(lane, now);
                self.schedule(lane, now);
                self.batch_opened();
            }
            Event::Filled { lane } => self.schedule(lane, now),
            Event::Metadata { topic, deadline } => self.want_topic(&topic, deadline, now),
            Event::Memory => self.send_all_so_far(now),
            Event::Unused => self.completed = true,
            Event::Flush => {
                self.send_all_so_far(now);
                self.completed = true; // it may have nothing to wait for
            }
            Event::Alarm { at } => self.alarm = earliest(self.alarm, Some(at)),
            Event::Close { deadline } => self.begin_closing(deadline, now),
            #[cfg(feature = "transactions")]
            Event::Transaction(ask) => self.handle_ask(ask, now),
        }
    }

    /// Everything in the queues leaves without lingering: `flush`, or memory is short.
    fn send_all_so_far(&mut self, now: Instant) {
        self.send_below = self.shared.pool.with(|pool| pool.next_number());
        for Reverse((_, lane)) in mem::take(&mut self.timers) {
            self.lanes[lane as usize].alarm = None;
            self.schedule(lane, now);
        }
    }

    fn fire_timers(&mut self, now: Instant) {
        while let Some(Reverse((at, lane))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.lanes[lane as usize].alarm = None;
            self.schedule(lane, now);
        }
    }

    /// Wakes those who wait for something that has come, or whose time is up.
    fn wake_waiting(&mut self, now: Instant) {
        while let Some(Reverse((at, topic))) = self.waits.peek().copied() {
            if at > now {
                break;
            }
            self.waits.pop();
            if self.topics[topic].unresolved {
                self.note_silence(now);
            }
            self.topics[topic].state.wake_waiters();
        }
        if WAITING && self.alarm.is_some_and(|at| at <= now) {
            self.alarm = None;
            self.note_silence(now);
            self.completed = true;
        }
        let overdue = self.shared.pool.with(|pool| pool.overdue(now));
        overdue.into_iter().for_each(Waker::wake);
        if mem::take(&mut self.completed) {
            self.shared.wake_watchers();
        }
    }

    fn begin_closing(&mut self, deadline: Instant, now: Instant) {
        let earlier = self.closing.is_some_and(|closing| closing <= deadline);
        self.closing = if earlier { self.closing } else { Some(deadline) };
        for lane in &self.lanes {
            lane.partition.close();
        }
        let waiting = self.shared.pool.with(BufferPool::close);
        waiting.into_iter().for_each(Waker::wake);
        self.shared.wake_all_topics();
        self.send_all_so_far(now);
        self.send_below = u64::MAX;
        self.close_transaction();
    }

    fn finish_closing(&mut self, now: Instant) {
        let Some(deadline) = self.closing else { return };
        let done = self.shared.pool.with(|pool| pool.all_complete_below(pool.next_number()));
        if (done && self.is_transaction_settled()) || now >= deadline {
            self.stop();
        }
    }

    /// Ends everything at once; what has no outcome fails. Does nothing the second time.
    pub(crate) fn stop(&mut self) {
        if self.stopped {
            return;
        }
        self.stopped = true;
        self.fail_everything();
        let waiting = self.shared.pool.with(BufferPool::close);
        waiting.into_iter().for_each(Waker::wake);
        self.shared.closed.store(true, core::sync::atomic::Ordering::Release);
        self.stop_transactions();
        self.shared.inbox.with(|inbox| inbox.stopped = true);
        self.shared.wake_all_topics();
        self.shared.wake_watchers();
    }

    fn publish(&mut self, now: Instant) {
        self.metrics.metadata_age = self.metadata_age(now);
        let metrics = self.metrics;
        self.shared.metrics.with(|shared| {
            let buffer_exhausted = shared.buffer_exhausted;
            *shared = Metrics { buffer_exhausted, ..metrics };
        });
    }

    fn next_correlation_id(&mut self) -> i32 {
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        self.correlation_id
    }
}

impl<X: Platform> Drop for Sender<X> {
    /// A driver that is dropped leaves nobody waiting.
    fn drop(&mut self) {
        self.stop();
    }
}
