//! From ready lanes to Produce requests.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::lane::Next;
use super::node::{InFlight, Request, Sent};
use super::{LaneId, Sender};
use crate::accumulator::batch::ProducerBatch;
use crate::config::Acks;
use crate::partitioner::ADAPTIVE;
use crate::protocol::api_key::ApiKey;
use crate::protocol::produce::ProduceRequestBuilder;
use crate::sync::{Lock, Platform};
use crate::time::{Instant, millis_i32};
use crate::transport::NodeId;

/// What a request under construction still takes.
struct Room {
    bytes: usize,
    /// One request has one `acks`.
    acks: Option<Acks>,
}

impl<X: Platform> Sender<X> {
    /// Sends a node what is ready for it, as long as it may have more.
    pub(super) fn fill(&mut self, id: NodeId, now: Instant) {
        let max_in_flight = self.config().max_in_flight;
        if ADAPTIVE
            && let Some(node) = self.nodes.get_mut(&id).filter(|node| !node.ready.is_empty())
        {
            let can_drain = node.may_produce(max_in_flight, now);
            node.latency.update(now, can_drain);
        }
        while self.nodes.get(&id).is_some_and(|node| node.may_produce(max_in_flight, now)) {
            let batches = self.collect(id, now);
            if batches.is_empty() {
                return;
            }
            self.send_batches(id, batches, now);
        }
    }

    /// Takes one batch from each ready lane, in turn, as far as one request reaches. A lane that
    /// has more goes to the end of the queue; the one that didn't fit is first next time (row
    /// E6.2).
    fn collect(&mut self, id: NodeId, now: Instant) -> Vec<Sent<X>> {
        let mut room = Room { bytes: self.config().max_request_size, acks: None };
        let mut batches = Vec::new();
        let ready = self.nodes.get(&id).map_or(0, |node| node.ready.len());
        for _ in 0..ready {
            let Some(lane) = self.nodes.get_mut(&id).and_then(|node| node.ready.pop_front()) else {
                break;
            };
            debug_assert_eq!(self.lanes[lane as usize].queued_at, Some(id));
            match self.take_batch(lane, &mut room, batches.is_empty(), now) {
                Taken::Batch(batch) => {
                    // Beside those of its topic: by a sort, this would take 2 KB of code.
                    let topic = |lane| self.lanes[lane as usize].topic;
                    let at =
                        batches.partition_point(|sent: &Sent<X>| topic(sent.lane) <= topic(lane));
                    batches.insert(at, Sent::new(lane, batch));
                    self.requeue(lane, now);
                }
                Taken::Nothing => self.requeue(lane, now),
                Taken::NoRoom => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.ready.push_front(lane);
                    }
                    break;
                }
                Taken::NotYet => {
                    if let Some(node) = self.nodes.get_mut(&id) {
                        node.ready.push_back(lane);
                    }
                }
            }
        }
        batches
    }

    fn take_batch(&mut self, id: LaneId, room: &mut Room, first: bool, now: Instant) -> Taken<X> {
        let acks = self.topics[self.lanes[id as usize].topic].state.acks();
        if room.acks.is_some_and(|others| others != acks) {
            return Taken::NotYet;
        }
        // What was ready when the lane joined the queue may have to wait again since.
        if self.next_step(id, now) != Next::Now {
            return Taken::Nothing;
        }
        if !self.prepare_sequences(id) || !self.join_transaction(id) {
            return Taken::NotYet;
        }
        if self.must_store_first(id) {
            return Taken::Nothing;
        }
        let lane = &self.lanes[id as usize];
        let size = match lane.peek_waiting() {
            Some(batch) => Some(batch.len()),
            None => lane.partition.peek(|batch| batch.len()),
        };
        let Some(size) = size else { return Taken::Nothing };
        // A batch that is larger than a request may be goes alone (row E6.5).
        if size > room.bytes && !first {
            return Taken::NoRoom;
        }
        let Some(mut batch) = self.pop_batch(id, now) else { return Taken::Nothing };
        self.number(id, &mut batch);
        self.seal(id, &mut batch);
        batch.stamp();
        room.acks = Some(acks);
        room.bytes = room.bytes.saturating_sub(batch.len());
        Taken::Batch(batch)
    }

    fn pop_batch(&mut self, id: LaneId, now: Instant) -> Option<Box<ProducerBatch<X>>> {
        let lane = &mut self.lanes[id as usize];
        if let Some(batch) = lane.take_waiting() {
            lane.resending = batch.resend;
            return Some(batch);
        }
        let batch = self.pop_ready(id, now)?;
        self.lanes[id as usize].resending = batch.resend;
        Some(batch)
    }

    /// The oldest batch of the queue, if it may leave it.
    pub(super) fn pop_ready(&mut self, id: LaneId, now: Instant) -> Option<Box<ProducerBatch<X>>> {
        let lane = &self.lanes[id as usize];
        let mut batch = lane.partition.pop_if(|batch| self.is_sendable(batch, lane.leader, now))?;
        batch.position = self.lanes[id as usize].next_position();
        Some(batch)
    }

    /// Compresses and completes a batch that leaves for the first time.
    pub(super) fn seal(&mut self, id: LaneId, batch: &mut ProducerBatch<X>) {
        let state = &self.topics[self.lanes[id as usize].topic].state;
        let Some(ratio) = batch.seal(|batch| state.seal(&self.shared, batch)) else { return };
        let per_mille = u64::from(ratio.per_mille());
        self.metrics.compression_per_mille.record(per_mille);
        state.metrics.with(|metrics| metrics.compression_per_mille.record(per_mille));
    }

    /// Gives a batch its sequence, once (rows E6.2, F1).
    pub(super) fn number(&mut self, id: LaneId, batch: &mut ProducerBatch<X>) {
        if batch.sequence.is_none() && self.config().is_idempotent() {
            batch.sequence = self.lanes[id as usize].take_sequence(batch.record_count());
        }
    }

    fn send_batches(&mut self, id: NodeId, mut batches: Vec<Sent<X>>, now: Instant) {
        let Some(version) = self.produce_version(id, &batches) else {
            self.refuse_node(
                id,
                "the broker takes no version of Produce that this client speaks",
                now,
            );
            batches.into_iter().rev().for_each(|sent| self.unsend(sent, now));
            return;
        };
        #[cfg(feature = "legacy-formats")]
        if !self.fit_format(version, &mut batches, now) {
            return;
        }
        let correlation_id = self.next_correlation_id();
        let mut head = self.head_buffer();
        let acks = self.topics[self.lanes[batches[0].lane as usize].topic].state.acks();
        self.write_produce(&mut head, version, correlation_id, acks, &mut batches);
        self.count_sent(&mut batches, id, now);
        let expects_response = acks != Acks::None;
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let request = Request::Produce(batches);
        node.push(InFlight::new(request, version, correlation_id, head, expects_response, now));
    }

    /// Topic ids need Produce 13 and all topics of the request to have one (KIP-516).
    fn produce_version(&self, id: NodeId, batches: &[Sent<X>]) -> Option<i16> {
        let versions = &self.nodes.get(&id)?.versions;
        let lane_topic = |sent: &Sent<X>| &self.topics[self.lanes[sent.lane as usize].topic];
        let all_ids = batches.iter().all(|sent| !lane_topic(sent).id.is_zero());
        let limit = if all_ids { i16::MAX } else { 12 };
        let version = versions.select_at_most(ApiKey::Produce, limit.min(self.produce_limit()));
        #[cfg(feature = "legacy-formats")]
        let version = self.in_format(version, versions);
        version
    }

    fn write_produce(
        &self,
        head: &mut Vec<u8>,
        version: i16,
        correlation_id: i32,
        acks: Acks,
        batches: &mut [Sent<X>],
    ) {
        let config = self.config();
        let topic_of = |sent: &Sent<X>| self.lanes[sent.lane as usize].topic;
        let same_topic = |a: &Sent<X>, b: &Sent<X>| topic_of(a) == topic_of(b);
        let topics = batches.chunk_by(same_topic).count();
        let timeout = millis_i32(config.request_timeout);
        let acks = acks.wire_value();
        let client_id = &config.client_id;
        let mut request = ProduceRequestBuilder::begin(
            head,
            version,
            correlation_id,
            client_id,
            self.transactional_id(),
            acks,
            timeout,
            topics,
        );
        let mut bytes = 0;
        for group in batches.chunk_by_mut(same_topic) {
            let topic = &self.topics[topic_of(&group[0])];
            request.topic(&topic.state.name, topic.id, group.len());
            for sent in group {
                let index = self.lanes[sent.lane as usize].partition.index;
                let len = sent.bytes().len();
                sent.splice = request.partition(index, len);
                bytes += len;
                request.end_partition();
            }
            request.end_topic();
        }
        request.finish(bytes);
    }

    fn count_sent(&mut self, batches: &mut [Sent<X>], id: NodeId, now: Instant) {
        let mut records = 0;
        for sent in batches {
            let batch = &mut sent.batch;
            let lane = &mut self.lanes[sent.lane as usize];
            lane.in_flight += 1;
            lane.sent_to = Some(id);
            batch.attempts += 1;
            let (count, len) = (u64::from(batch.record_count()), batch.len() as u64);
            records += count;
            self.metrics.bytes_sent += len;
            self.metrics.batch_size.record(len);
            if batch.attempts == 1 {
                self.metrics.queue_time.record_duration(now.since(batch.created));
            }
            self.topics[lane.topic].state.metrics.with(|metrics| {
                metrics.records_sent += count;
                metrics.bytes_sent += len;
            });
        }
        self.metrics.records_sent += records;
        self.metrics.records_per_request.record(records);
        self.metrics.requests += 1;
        self.metrics.requests_in_flight += 1;
    }

    /// A batch that was taken but could not be sent goes back where it was.
    fn unsend(&mut self, sent: Sent<X>, now: Instant) {
        self.lanes[sent.lane as usize].put_back(sent.batch);
        self.requeue(sent.lane, now);
    }
}

enum Taken<X: Platform> {
    Batch(Box<ProducerBatch<X>>),
    /// The lane has nothing to send now; something will happen to it before it has.
    Nothing,
    /// The lane's batch doesn't fit in this request.
    NoRoom,
    /// The lane has to wait for another request, for a producer id, or for its place in a
    /// transaction.
    NotYet,
}
