//! Everything that has no answer, as requests for a program that may end now.

use alloc::vec::Vec;

use super::node::Request;
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::config::Acks;
use crate::protocol::produce::ProduceRequestBuilder;
use crate::protocol::uuid::Uuid;
use crate::sync::Platform;
use crate::time::{Instant, millis_i32};

/// Topics by their names, as far as these are known to the other end.
const VERSION: i16 = 9;

/// So many batches of a producer and partition a broker knows again.
const REMEMBERED: usize = 5;

/// What a request has beside its batches: its own head, and at most so much for each partition
/// beside the topic's name.
const HEAD: usize = 64;

impl<X: Platform> Sender<X> {
    /// See [`Driver::unanswered`](crate::Driver::unanswered). A lane's batches stand in requests
    /// that follow each other, as one request takes one batch of a partition.
    pub(crate) fn unanswered_requests(
        &mut self,
        most: usize,
        only_stored: bool,
        now: Instant,
    ) -> Vec<u8> {
        if !self.config().is_idempotent() || self.is_transactional() {
            return Vec::new();
        }
        self.send_all_so_far(now);
        for lane in 0..self.lanes.len() {
            self.seal_ready(lane as LaneId, now);
        }
        let (mut out, mut open) = (Vec::new(), alloc::vec![true; self.lanes.len()]);
        for place in 0..REMEMBERED {
            let mut lanes: Vec<LaneId> = Vec::new();
            let mut size = HEAD + self.config().client_id.len();
            for (lane, open) in open.iter_mut().enumerate() {
                let batch = self.unanswered_at(lane as LaneId, place, now).filter(|_| *open);
                let batch = batch.filter(|batch| !only_stored || self.is_stored(batch));
                let room = most.saturating_sub(out.len() + size);
                let needs = batch.map(|batch| batch.len() + HEAD + self.topic_name(lane).len());
                // Behind one that has no room there must be none.
                *open = needs.is_some_and(|needs| needs <= room);
                if let Some(needs) = needs.filter(|_| *open) {
                    size += needs;
                    lanes.push(lane as LaneId);
                }
            }
            if lanes.is_empty() {
                break;
            }
            self.write_unanswered(&lanes, place, now, &mut out);
        }
        out
    }

    fn topic_name(&self, lane: usize) -> &str {
        &self.topics[self.lanes[lane].topic].state.name
    }

    /// A lane's batches on the wire, and those behind them.
    fn waiting(&self, id: LaneId) -> Vec<&ProducerBatch<X>> {
        let lane = &self.lanes[id as usize];
        let mut waiting: Vec<&ProducerBatch<X>> = Vec::new();
        let node = lane.sent_to.filter(|_| lane.in_flight > 0).and_then(|id| self.nodes.get(&id));
        if let Some(node) = node {
            for request in &node.in_flight {
                let Request::Produce(sent) = &request.request else { continue };
                waiting.extend(sent.iter().filter(|sent| sent.lane == id).map(|sent| &*sent.batch));
            }
        }
        waiting.extend(lane.retries.iter().map(|batch| &**batch));
        waiting.retain(|batch| batch.sequence.is_some());
        waiting
    }

    /// The batch at this place, if it may follow those before it without their answers.
    fn unanswered_at(&self, id: LaneId, place: usize, now: Instant) -> Option<&ProducerBatch<X>> {
        if place > 0 && !self.lanes[id as usize].keeps_order(self.identity.current(), now) {
            return None;
        }
        self.waiting(id).get(place).copied()
    }

    fn write_unanswered(
        &mut self,
        lanes: &[LaneId],
        place: usize,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        let correlation_id = self.next_correlation_id();
        let timeout = millis_i32(self.config().request_timeout);
        let (mut head, mut parts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let acks = Acks::All.wire_value();
        let client_id = &self.config().client_id;
        // A topic's lanes stand together mostly; else it is there more than once, which is as well.
        let topic_of = |lane: &LaneId| self.lanes[*lane as usize].topic;
        let groups = || lanes.chunk_by(|a, b| topic_of(a) == topic_of(b));
        let mut request = ProduceRequestBuilder::begin(
            &mut head,
            VERSION,
            correlation_id,
            client_id,
            None,
            acks,
            timeout,
            groups().count(),
        );
        for group in groups() {
            request.topic(self.topic_name(group[0] as usize), Uuid::default(), group.len());
            for lane in group {
                let Some(batch) = self.unanswered_at(*lane, place, now) else { continue };
                let index = self.lanes[*lane as usize].partition.index;
                parts.push((request.partition(index, batch.len()), batch));
                bytes += batch.len();
                request.end_partition();
            }
            request.end_topic();
        }
        request.finish(bytes);
        let mut from = 0;
        for (splice, batch) in parts {
            out.extend_from_slice(&head[from..splice]);
            out.extend_from_slice(batch.bytes());
            from = splice;
        }
        out.extend_from_slice(&head[from..]);
        self.mark_sent(lanes, place);
    }

    /// They may be in the log from now on.
    fn mark_sent(&mut self, lanes: &[LaneId], place: usize) {
        for lane in lanes {
            let lane = &mut self.lanes[*lane as usize];
            let at = place.checked_sub(lane.in_flight);
            if let Some(batch) = at.and_then(|at| lane.retries.get_mut(at)) {
                batch.maybe_written = true;
                batch.lost = true;
                batch.resend = true;
            }
        }
    }
}
