//! The network: connections, the bytes on them, and the queue of everything that will happen.

use std::collections::{BTreeMap, BinaryHeap};
use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use embedded_io::ErrorKind;
use ottla_core::BrokerAddress;
use ottla_core::time::{Clock, Instant};

use super::clock::VirtualClock;
use super::dice::Dice;
use super::faults::{Fault, Heal, Place};
use super::history::History;
use super::limits::Limits;
use super::link::{Link, LinkId, LinkState};
use super::sabotage::Saboteur;
use super::serving::Condition;
use super::trace::Trace;
use crate::cluster::Cluster;

/// How the network behaves when nothing is wrong with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// Microseconds that bytes take, least and most.
    pub(crate) latency: (u32, u32),
    /// Bytes on their way to a broker before a write has to wait.
    pub(crate) window: usize,
    /// Reads and writes are of about 1 … 2^`bits` bytes; whole where there are none.
    pub(crate) chop_bits: Option<u32>,
}

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Event {
    /// The other side answers the client's attempt to connect.
    Connect(LinkId),
    /// Bytes may have arrived at the broker.
    Up(LinkId),
    /// Bytes may have arrived at the client.
    Down(LinkId),
    /// The client learns that the connection is no more.
    Reset(LinkId),
    /// The broker sends an answer.
    Answer(LinkId, Bytes),
    /// A request that waits in the cluster is looked at again.
    Resume(LinkId, u64),
    Fault(Fault),
    Heal(Heal),
}

/// The network with the cluster at its far end.
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) trace: Trace,
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) cluster: Cluster,
    pub(crate) history: History,
    pub(crate) links: Vec<Link>,
    pub(crate) conditions: BTreeMap<i32, Condition>,
    pub(crate) limits: Limits,
    pub(crate) saboteur: Option<Saboteur>,
    /// The first thing that broke a rule.
    pub(crate) failure: Option<String>,
    /// Partitions that forget their producers when nothing is on its way.
    pub(crate) to_be_forgotten: Vec<Place>,
    /// Answers of frozen brokers.
    pub(crate) held_answers: Vec<(LinkId, i32, Bytes)>,
    /// Metadata answers of former times, by request.
    pub(crate) old_metadata: BTreeMap<Bytes, Bytes>,
    pub(crate) stale_answers: u32,
    pub(crate) nonsense_answers: u32,
    /// What readers of committed records saw last of each partition, and below which offset.
    pub(crate) seen: BTreeMap<Place, (i64, Vec<i64>)>,
    events: BinaryHeap<Scheduled>,
    scheduled: u64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("links", &self.links.len()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Scheduled {
    at: Instant,
    number: u64,
    event: Event,
}

impl Ord for Scheduled {
    /// The earliest is the greatest; among simultaneous ones the one scheduled first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Scheduled {}

impl World {
    pub(crate) fn new(
        clock: VirtualClock,
        trace: Trace,
        dice: Dice,
        weather: Weather,
        cluster: Cluster,
        limits: Limits,
        saboteur: Option<Saboteur>,
    ) -> Self {
        Self {
            clock,
            trace,
            dice,
            weather,
            cluster,
            history: History::default(),
            links: Vec::new(),
            conditions: BTreeMap::new(),
            limits,
            saboteur,
            failure: None,
            to_be_forgotten: Vec::new(),
            held_answers: Vec::new(),
            old_metadata: BTreeMap::new(),
            stale_answers: 0,
            nonsense_answers: 0,
            seen: BTreeMap::new(),
            events: BinaryHeap::new(),
            scheduled: 0,
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Notes that a rule was broken; the first time counts.
    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.trace.note("CHECKER", format_args!("{what}"));
        self.failure.get_or_insert(what);
    }

    pub(crate) fn schedule(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.push(Scheduled { at, number: self.scheduled, event });
    }

    /// When the next thing happens.
    pub(crate) fn next_event(&self) -> Option<Instant> {
        self.events.peek().map(|scheduled| scheduled.at)
    }

    /// Lets everything happen that is due.
    pub(crate) fn run_due(&mut self) {
        while self.events.peek().is_some_and(|next| next.at <= self.now())
            && let Some(Scheduled { event, .. }) = self.events.pop()
        {
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Connect(link) => self.decide_connection(link),
            Event::Up(link) => self.arrive_at_broker(link),
            Event::Down(link) => self.arrive_at_client(link),
            Event::Reset(link) => self.reset(link),
            Event::Answer(link, frame) => self.answer(link, frame),
            Event::Resume(link, token) => self.resume(link, token),
            Event::Fault(fault) => self.inflict(fault),
            Event::Heal(heal) => self.heal(heal),
        }
    }

    pub(crate) fn latency(&mut self) -> Duration {
        let (least, most) = self.weather.latency;
        self.dice.micros(least, most)
    }

    /// How many of `len` bytes go at once.
    fn chop(&mut self, len: usize) -> usize {
        match self.weather.chop_bits {
            Some(bits) if len > 0 => len.min(self.dice.skewed(bits) as usize),
            _ => len,
        }
    }

    /// The client begins to connect.
    pub(crate) fn connect(&mut self, address: Option<&BrokerAddress>) -> Result<LinkId, ErrorKind> {
        let node = address.and_then(|address| {
            let nodes = self.cluster.nodes();
            let there = |host: &str, port| host == address.host && port == address.port;
            nodes.iter().find(|node| there(&node.host, node.port)).map(|node| node.id)
        });
        if node.is_some_and(|node| self.condition(node).refuses_at_once) {
            return Err(ErrorKind::AddrNotAvailable);
        }
        let id = self.links.len();
        self.links.push(Link::new(node));
        self.trace.note("client", format_args!("connection {id} to node {node:?}"));
        let at = self.now() + self.latency();
        self.schedule(at, Event::Connect(id));
        Ok(id)
    }

    fn decide_connection(&mut self, id: LinkId) {
        let condition = self.links[id].node.map(|node| (self.is_up(node), self.condition(node)));
        let state = match condition {
            // A machine without power answers nobody; one without a broker refuses.
            Some((false, condition)) if condition.silent => return,
            Some((_, condition)) if condition.unreachable_until > self.now() => return,
            None | Some((false, _)) => LinkState::Refused,
            Some((true, condition)) if condition.refusing_until > self.now() => LinkState::Refused,
            Some((true, _)) => LinkState::Open,
        };
        let link = &mut self.links[id];
        if link.state == LinkState::Connecting {
            link.state = state;
            link.wake();
            self.trace.note("network", format_args!("connection {id} is {state:?}"));
        }
    }

    /// The client writes.
    pub(crate) fn write(
        &mut self,
        id: LinkId,
        cx: &Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, ErrorKind>> {
        let link = &mut self.links[id];
        match link.state {
            LinkState::Refused => return Poll::Ready(Err(ErrorKind::ConnectionRefused)),
            LinkState::Reset => return Poll::Ready(Err(ErrorKind::ConnectionReset)),
            LinkState::Connecting | LinkState::Open => {}
        }
        let unread = link.up.in_transit() + link.swallowed;
        let room = self.weather.window.saturating_sub(unread);
        let len: usize = slices.iter().map(|slice| slice.len()).sum();
        if link.state == LinkState::Connecting || room == 0 {
            link.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = self.chop(len.min(room));
        let bytes: Vec<u8> =
            slices.iter().flat_map(|slice| slice.iter()).take(count).copied().collect();
        self.observe_written(id, &bytes);
        if self.links[id].severed {
            self.links[id].swallowed += count;
            return Poll::Ready(Ok(count));
        }
        let at = self.now() + self.latency();
        let arrival = self.links[id].up.send(at, bytes);
        self.schedule(arrival, Event::Up(id));
        Poll::Ready(Ok(count))
    }

    /// The client reads.
    pub(crate) fn read(
        &mut self,
        id: LinkId,
        cx: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, ErrorKind>> {
        let available = buffer.len().min(self.links[id].down.arrived());
        let count = self.chop(available);
        let link = &mut self.links[id];
        if count > 0 {
            let count = link.down.read(&mut buffer[..count]);
            link.received += count as u64;
            link.settle();
            return Poll::Ready(Ok(count));
        }
        match link.state {
            LinkState::Refused => Poll::Ready(Err(ErrorKind::ConnectionRefused)),
            LinkState::Reset => Poll::Ready(Err(ErrorKind::ConnectionReset)),
            LinkState::Open
                if link.broker_gone && !link.severed && link.down.next_arrival().is_none() =>
            {
                Poll::Ready(Ok(0))
            }
            LinkState::Connecting | LinkState::Open => {
                link.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The client drops its end. What it has written may still arrive.
    pub(crate) fn hang_up(&mut self, id: LinkId) {
        self.trace.note("client", format_args!("connection {id} dropped"));
        let lost = self.dice.percent(50);
        let link = &mut self.links[id];
        link.client_gone = true;
        link.begun.clear();
        if lost {
            let kept = self.dice.below(link.up.in_transit() as u32 + 1);
            link.up.cut(kept as usize);
        }
    }

    fn arrive_at_client(&mut self, id: LinkId) {
        let now = self.now();
        let link = &mut self.links[id];
        link.down.advance(now);
        if let Some(at) = link.down.next_arrival().filter(|at| *at > now) {
            self.schedule(at, Event::Down(id));
        }
        self.links[id].wake();
    }

    fn reset(&mut self, id: LinkId) {
        let link = &mut self.links[id];
        if link.state != LinkState::Refused {
            link.state = LinkState::Reset;
        }
        link.wake();
    }

    /// The connection ends without either side wanting it. Of what was on its way to the broker
    /// some arrives; the client learns of it after `notice`, or from its own patience.
    pub(crate) fn break_link(&mut self, id: LinkId, notice: Option<Duration>) {
        let link = &mut self.links[id];
        if link.client_gone || link.broker_gone || link.severed {
            return;
        }
        self.trace.note("network", format_args!("connection {id} breaks, noticed in {notice:?}"));
        let kept = self.dice.below(link.up.in_transit() as u32 + 1);
        link.up.cut(kept as usize);
        let kept = self.dice.below(link.down.in_transit() as u32 + 1);
        link.down.cut(kept as usize);
        link.severed = true;
        if let Some(notice) = notice {
            let at = self.now() + notice;
            self.schedule(at, Event::Reset(id));
        }
    }
}
