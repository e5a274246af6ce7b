//! From partitions to nodes: decides when a lane joins its leader's ready queue.

use core::cmp::Reverse;

use super::lane::Next;
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::error::Reason;
use crate::sync::Platform;
use crate::time::Instant;
use crate::transport::NodeId;

impl<X: Platform> Sender<X> {
    /// Looks at a lane to which something happened. The only place that queues lanes.
    pub(super) fn schedule(&mut self, id: LaneId, now: Instant) {
        if self.is_gone(id) {
            // A thread that has not heard of it yet may still have appended there.
            return self.fail_waiting(id, &Reason::TopicRecreated);
        }
        self.prepare_to_store(id, now);
        if self.lanes[id as usize].queued_at.is_some() {
            return;
        }
        match self.next_step(id, now) {
            Next::Nothing => {}
            Next::At(at) => {
                self.look_again(id, at);
                self.wait_for_quiet(id);
            }
            Next::Now => self.enqueue(id),
        }
    }

    /// Sets a lane's alarm, unless it has an earlier one, which sets this one then: however often a
    /// lane is looked at, it has two timers on average at most.
    pub(super) fn look_again(&mut self, id: LaneId, at: Instant) {
        let alarm = &mut self.lanes[id as usize].alarm;
        if alarm.is_none_or(|earlier| at < earlier) {
            *alarm = Some(at);
            self.timers.push(Reverse((at, id)));
            if self.timers.len() > 2 * self.lanes.len() {
                self.forget_earlier_alarms();
            }
        }
    }

    fn forget_earlier_alarms(&mut self) {
        self.timers.clear();
        for (id, lane) in (0..).zip(&self.lanes) {
            if let Some(at) = lane.alarm {
                self.timers.push(Reverse((at, id)));
            }
        }
    }

    /// Where linger is adaptive, a lane that waits is also looked at when its leader has nothing to
    /// answer any more.
    fn wait_for_quiet(&mut self, id: LaneId) {
        let lane = &mut self.lanes[id as usize];
        if !self.shared.config.adaptive_linger || lane.lingers {
            return;
        }
        let leader = lane.leader.and_then(|leader| self.nodes.get_mut(&leader));
        if let Some(node) = leader.filter(|node| !node.in_flight.is_empty()) {
            lane.lingers = true;
            node.lingering.push_back(id);
        }
    }

    /// Looks at the lanes that waited until nothing is on its way to a node, if that is so.
    pub(super) fn end_lingering(&mut self, id: NodeId, now: Instant) {
        while let Some(lane) = self.nodes.get_mut(&id).and_then(|node| node.next_lingering()) {
            self.lanes[lane as usize].lingers = false;
            self.schedule(lane, now);
        }
    }

    fn enqueue(&mut self, id: LaneId) {
        let lane = &mut self.lanes[id as usize];
        let Some((leader, node)) =
            lane.leader.and_then(|leader| Some((leader, self.nodes.get_mut(&leader)?)))
        else {
            self.metadata.want_all();
            return;
        };
        lane.queued_at = Some(leader);
        node.ready.push_back(id);
        self.active.insert(leader, ());
    }

    /// A lane was taken out of its node's queue: it joins again if it has more.
    pub(super) fn requeue(&mut self, id: LaneId, now: Instant) {
        self.lanes[id as usize].queued_at = None;
        self.schedule(id, now);
    }

    /// A lane's leader changed: if it stands in the old one's queue, it moves.
    pub(super) fn move_to_leader(&mut self, id: LaneId, now: Instant) {
        let old = self.lanes[id as usize].queued_at;
        if let Some(node) = old.and_then(|old| self.nodes.get_mut(&old)) {
            node.ready.retain(|lane| *lane != id);
        }
        let lane = &mut self.lanes[id as usize];
        (lane.backoff_until, lane.lingers) = (None, false);
        self.requeue(id, now);
    }

    pub(super) fn next_step(&self, id: LaneId, now: Instant) -> Next {
        let lane = &self.lanes[id as usize];
        if !lane.may_send(self.pipeline(), self.identity.current(), now) {
            return Next::Nothing;
        }
        if self.must_store_first(id) {
            return Next::Nothing;
        }
        if !lane.retries.is_empty() {
            // Once its backoff is over, a batch that is sent again never lingers (row E5.4).
            return match lane.backoff_until {
                Some(until) if until > now => Next::At(until),
                _ => Next::Now,
            };
        }
        let linger = self.config().linger;
        let head = lane.partition.peek(|batch| {
            if self.is_sendable(batch, lane.leader, now) {
                Next::Now
            } else if batch.is_being_sealed() {
                Next::Nothing // whoever does that tells
            } else {
                Next::At(batch.created + linger)
            }
        });
        head.unwrap_or(Next::Nothing)
    }

    /// The triggers of row E5: full, lingered, flushed, memory short, closing; and adaptive linger.
    pub(super) fn is_sendable(
        &self,
        batch: &ProducerBatch<X>,
        leader: Option<NodeId>,
        now: Instant,
    ) -> bool {
        !batch.is_being_sealed()
            && (batch.is_closed()
                || batch.number() < self.send_below
                || batch.created + self.config().linger <= now
                || (self.config().adaptive_linger && self.is_quiet(leader)))
    }

    /// Whether nothing is on its way to the node: then nobody comes for whom to wait.
    fn is_quiet(&self, node: Option<NodeId>) -> bool {
        node.and_then(|id| self.nodes.get(&id)).is_some_and(|node| node.in_flight.is_empty())
    }

    /// How many batches of one partition may be on the wire: with idempotence the broker keeps
    /// their order, without it only one at a time does.
    pub(super) fn pipeline(&self) -> usize {
        if self.config().is_idempotent() { self.config().max_in_flight } else { 1 }
    }
}
