//! Batches that are stored before they are sent, so that they outlive the program; the driver's
//! methods tell what that means.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use super::identity::lease_lost;
use super::{LaneId, Sender};
use crate::accumulator::batch::{ProducerBatch, Storing};
use crate::sync::Platform;
use crate::time::Instant;

/// What has to be stored, and what no longer.
#[derive(Debug)]
pub(super) struct StoreState {
    on: bool,
    next: u32,
    to_store: VecDeque<StoreTicket>,
    to_remove: VecDeque<u64>,
    /// Producer ids of earlier producers whose leases are over.
    lost: Vec<i64>,
}

/// Which batch a [`ToStore`] is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreTicket {
    lane: LaneId,
    number: u32,
}

/// A batch to be stored; see [`Driver::next_to_store`](crate::Driver::next_to_store).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ToStore<'a> {
    /// What [`Driver::stored`](crate::Driver::stored) wants back.
    pub ticket: StoreTicket,
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's index.
    pub partition: i32,
    /// The sealed batch, as it goes to the broker: header (with producer id, epoch and sequence)
    /// and records.
    pub bytes: &'a [u8],
    /// The same records were stored before under this key, with another sequence. This takes their
    /// place: a restart must find one of the two, never both.
    pub replaces: Option<u64>,
    /// What [`Delivery::batch`](crate::Delivery::batch) says of each of its records.
    pub batch: usize,
}

impl StoreState {
    /// With room for so many batches.
    pub(super) fn with_capacity(batches: usize) -> Self {
        let (to_store, to_remove) =
            (VecDeque::with_capacity(batches), VecDeque::with_capacity(batches));
        Self { on: false, next: 0, to_store, to_remove, lost: Vec::new() }
    }
}

/// Whether it is compiled in.
pub(super) const STORE: bool = cfg!(feature = "store");

#[cfg(feature = "store")]
impl<X: Platform> Sender<X> {
    pub(crate) fn store_batches(&mut self) {
        self.store.on = !self.is_transactional();
    }

    pub(crate) fn next_to_store(&mut self) -> Option<ToStore<'_>> {
        loop {
            let ticket = self.store.to_store.pop_front()?;
            if let Some(index) = self.find_asked(ticket) {
                let lane = &self.lanes[ticket.lane as usize];
                let batch = &lane.retries[index];
                return Some(ToStore {
                    ticket,
                    topic: &self.topics[lane.topic].state.name,
                    partition: lane.partition.index,
                    bytes: batch.bytes(),
                    replaces: batch.storage.key,
                    batch: batch.result.address(),
                });
            }
        }
    }

    /// Where the batch is that waits for this ticket, unless it has its outcome already.
    fn find_asked(&self, StoreTicket { lane, number }: StoreTicket) -> Option<usize> {
        let retries = &self.lanes.get(lane as usize)?.retries;
        retries.iter().position(|batch| batch.storage.step == Storing::Asked(number))
    }

    pub(crate) fn handle_stored(&mut self, ticket: StoreTicket, key: Option<u64>, now: Instant) {
        let Some(index) = self.find_asked(ticket) else {
            return self.store.to_remove.extend(key);
        };
        let storage = &mut self.lanes[ticket.lane as usize].retries[index].storage;
        storage.step = Storing::Done;
        storage.key = key;
        self.schedule(ticket.lane, now);
    }

    /// The lease of an earlier producer's id is over: what it left stays unknown.
    pub(crate) fn lose_lease(&mut self, producer_id: i64, now: Instant) {
        self.store.lost.push(producer_id);
        (0..self.lanes.len()).for_each(|lane| self.schedule(lane as LaneId, now));
    }

    pub(crate) fn next_to_remove(&mut self) -> Option<u64> {
        self.store.to_remove.pop_front()
    }
}

impl<X: Platform> Sender<X> {
    fn stores(&self) -> bool {
        STORE && self.store.on
    }

    /// Whether a batch need not be stored any more before it is sent.
    pub(super) fn is_stored(&self, batch: &ProducerBatch<X>) -> bool {
        !self.stores() || batch.storage.step == Storing::Done
    }

    /// Has what is ready to leave a lane's queue stored, whether its leader can be reached or not.
    pub(super) fn prepare_to_store(&mut self, id: LaneId, now: Instant) {
        if !self.stores() {
            return;
        }
        self.seal_ready(id, now);
        self.fail_lost(id);
        let lane = &self.lanes[id as usize];
        let lingers = |batch: &ProducerBatch<X>| {
            let waits = !self.is_sendable(batch, lane.leader, now) && !batch.is_being_sealed();
            waits.then_some(batch.created)
        };
        if let Some(created) = lane.partition.peek(lingers).flatten() {
            self.look_again(id, created + self.config().linger);
        }
    }

    /// Seals and numbers what is ready to leave a lane's queue, if there are numbers.
    pub(super) fn seal_ready(&mut self, id: LaneId, now: Instant) {
        if !self.may_number(id, now) {
            return;
        }
        while let Some(mut batch) = self.pop_ready(id, now) {
            self.seal(id, &mut batch);
            self.lanes[id as usize].retries.push_back(batch);
        }
        let mut sealed = mem::take(&mut self.lanes[id as usize].retries);
        for batch in &mut sealed {
            self.number(id, batch);
            batch.stamp();
            if self.stores() && batch.storage.step == Storing::NotYet {
                let ticket = StoreTicket { lane: id, number: self.store.next };
                self.store.next = self.store.next.wrapping_add(1);
                batch.storage.step = Storing::Asked(ticket.number);
                self.store.to_store.push_back(ticket);
            }
        }
        self.lanes[id as usize].retries = sealed;
    }

    /// Whether a lane has batches, and sequences of the current epoch for them.
    fn may_number(&mut self, id: LaneId, now: Instant) -> bool {
        let lane = &self.lanes[id as usize];
        let ready = |batch: &ProducerBatch<X>| self.is_sendable(batch, lane.leader, now);
        let waits = !lane.retries.is_empty() || lane.partition.peek(ready) == Some(true);
        if !waits {
            return false;
        }
        if !self.prepare_sequences(id) {
            self.want_leader(id);
            return false;
        }
        let current = self.identity.current();
        current.is_none_or(|current| !self.lanes[id as usize].is_stale(current))
    }

    /// Connects a lane's leader though nothing may be sent to it yet: somebody has to be asked for
    /// a producer id.
    fn want_leader(&mut self, id: LaneId) {
        let leader = self.lanes[id as usize].leader;
        match leader.and_then(|leader| Some((leader, self.nodes.get_mut(&leader)?))) {
            Some((leader, node)) => {
                node.wanted |= !node.is_up();
                self.active.insert(leader, ());
            }
            None => self.metadata.want_all(),
        }
    }

    /// There is a producer id now.
    pub(super) fn prepare_all_to_store(&mut self, now: Instant) {
        if self.stores() {
            (0..self.lanes.len()).for_each(|lane| self.schedule(lane as LaneId, now));
        }
    }

    /// Whether the lane has no batch that may be sent before another was stored.
    pub(super) fn must_store_first(&self, id: LaneId) -> bool {
        let next = self.lanes[id as usize].retries.front();
        next.map_or_else(|| self.stores(), |batch| !self.is_stored(batch))
    }

    /// A batch has its outcome. One that fails because the producer stops goes again after the
    /// restart.
    pub(super) fn forget_stored(&mut self, batch: &ProducerBatch<X>) {
        if STORE && !self.stopped {
            self.store.to_remove.extend(batch.storage.key);
        }
    }

    /// Fails what bears an id whose lease is over.
    fn fail_lost(&mut self, id: LaneId) {
        if !STORE || self.store.lost.is_empty() {
            return;
        }
        let (lost, current) = (&self.store.lost, self.identity.current());
        // An id comes back after its lease, with a higher epoch.
        let is_lost = |batch: &ProducerBatch<X>| {
            let identity = batch.sequence.map(|sequence| sequence.identity);
            identity.is_some_and(|it| lost.contains(&it.producer_id)) && identity != current
        };
        let retries = mem::take(&mut self.lanes[id as usize].retries);
        let (lost, rest): (VecDeque<_>, _) = retries.into_iter().partition(|batch| is_lost(batch));
        self.lanes[id as usize].retries = rest;
        for batch in lost {
            let error = lease_lost(&batch);
            self.fail(id, batch, error);
        }
    }
}
