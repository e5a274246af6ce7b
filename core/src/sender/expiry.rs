//! The end of patience: `delivery.timeout.ms` (KIP-91), and closing by force.

use alloc::boxed::Box;
use core::mem;

use super::node::{Node, Request, Sent};
use super::outcome::expired;
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::accumulator::delivery::Outcome;
use crate::error::{DeliveryError, Reason};
use crate::forget::forget;
use crate::sync::{Lock, Platform};
use crate::texts::TEXTS;
use crate::time::{Instant, millis};

/// A batch that was opened, and when it has to have an outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expiry {
    pub(super) at: Instant,
    lane: LaneId,
    /// Its buffer's.
    number: u64,
}

impl<X: Platform> Sender<X> {
    /// Remembers when a batch that was just opened has to have an outcome.
    pub(super) fn expect_outcome(&mut self, lane: LaneId, number: u64, at: Instant) {
        if self.expiries.len() == self.expiries.capacity() {
            self.forget_completed();
        }
        self.expiries.push_back(Expiry { at, lane, number });
    }

    /// Batches that have their outcome don't expire. Else a long `delivery.timeout.ms` would fill
    /// the memory with the times of batches that are long gone.
    fn forget_completed(&mut self) {
        let expiries = &mut self.expiries;
        self.shared.pool.with(|pool| forget(expiries, |expiry| !pool.is_complete(expiry.number)));
    }

    /// Fails the batches whose time is up: in the queues, between attempts and on the wire.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(expiry) = self.expiries.front().copied() {
            if expiry.at > now {
                return;
            }
            self.expiries.pop_front();
            self.expire_lane(expiry.lane, now);
        }
    }

    fn expire_lane(&mut self, id: LaneId, now: Instant) {
        let timeout = self.config().delivery_timeout;
        let late = |batch: &ProducerBatch<X>| batch.created + timeout <= now;
        self.expire_on_the_wire(id, late);
        while self.lanes[id as usize].retries.front().is_some_and(|batch| late(batch))
            && let Some(batch) = self.lanes[id as usize].retries.pop_front()
        {
            let error = expired(&batch);
            self.fail(id, batch, error);
        }
        while let Some(batch) = self.lanes[id as usize].partition.pop_if(late) {
            let error = expired(&batch);
            self.fail(id, batch, error);
        }
        self.schedule(id, now);
    }

    /// The outcome is told now; the batch itself stays until the wire is done with it, so its bytes
    /// can't become another batch's under the broker's eyes (row E6.9, KAFKA-19012).
    fn expire_on_the_wire(&mut self, id: LaneId, late: impl Fn(&ProducerBatch<X>) -> bool) {
        let Some(leader) = self.lanes[id as usize].sent_to else { return };
        let Some(node) = self.nodes.get_mut(&leader) else { return };
        let mut in_flight = mem::take(&mut node.in_flight);
        for sent in produced(&mut in_flight) {
            if sent.lane == id && !sent.batch.resolved && late(&sent.batch) {
                self.fail_early(id, &mut sent.batch);
            }
        }
        if let Some(node) = self.nodes.get_mut(&leader) {
            node.in_flight = in_flight;
        }
    }

    fn fail_early(&mut self, lane: LaneId, batch: &mut ProducerBatch<X>) {
        batch.maybe_written = true;
        let error = expired(batch);
        self.note_failure(lane, batch, &error);
        batch.resolved = true;
        batch.result.resolve(Outcome::Failed(Box::new(error)));
        self.shared.pool.with(|pool| pool.complete(batch.number()));
        self.completed = true;
    }

    /// Somebody's time for waiting is up: where nothing is known to have gone wrong, it hears which
    /// broker owes an answer.
    pub(super) fn note_silence(&self, now: Instant) {
        if !TEXTS || self.shared.last_error.with(|error| error.is_some()) {
            return;
        }
        let owed = |node: &Node<X>| node.in_flight.front().map(|request| request.sent_at);
        let silent = self.nodes.iter().find_map(|(id, node)| Some((*id, owed(node)?)));
        if let Some((id, since)) = silent {
            let silence = millis(now.since(since));
            let why = format_args!("no answer for {silence} ms; is it a Kafka broker?");
            self.note_error(self.blame(id, &why));
        }
    }

    /// What was never sent fails with `error`.
    pub(super) fn fail_unsent(&mut self, error: &DeliveryError) {
        for id in 0..self.lanes.len() {
            while let Some(batch) = self.lanes[id].partition.pop_if(|_| true) {
                self.fail(id as LaneId, batch, error.clone());
            }
        }
    }

    /// What is in a lane and not on the wire fails.
    pub(super) fn fail_waiting(&mut self, id: LaneId, reason: &Reason) {
        while let Some(batch) = self.lanes[id as usize].retries.pop_front() {
            let error = batch.failed(reason.clone());
            self.fail(id, batch, error);
        }
        while let Some(batch) = self.lanes[id as usize].partition.pop_if(|_| true) {
            let error = batch.failed(reason.clone());
            self.fail(id, batch, error);
        }
    }

    /// Everything that has no outcome fails: the producer is closed by force.
    pub(super) fn fail_everything(&mut self) {
        for lane in &self.lanes {
            lane.partition.close();
        }
        for id in 0..self.lanes.len() {
            self.fail_waiting(id as LaneId, &Reason::Closed);
        }
        let ids: alloc::vec::Vec<_> = self.nodes.keys().copied().collect();
        for id in ids {
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            for request in mem::take(&mut node.in_flight) {
                let Request::Produce(batches) = request.request else { continue };
                self.metrics.requests_in_flight -= 1;
                for Sent { lane, mut batch, .. } in batches {
                    batch.maybe_written |= request.written > 0;
                    if batch.resolved {
                        self.discard(batch);
                    } else {
                        let error = batch.failed(Reason::Closed);
                        self.fail(lane, batch, error);
                    }
                }
            }
            self.hang_up(id);
        }
    }
}

fn produced<X: Platform>(
    in_flight: &mut alloc::collections::VecDeque<super::node::InFlight<X>>,
) -> impl Iterator<Item = &mut Sent<X>> {
    in_flight.iter_mut().flat_map(|request| match &mut request.request {
        Request::Produce(batches) => batches.as_mut_slice(),
        _ => &mut [],
    })
}
