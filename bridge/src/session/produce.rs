//! Produce requests of a stream: checked, forwarded, answered.

use bytes::Bytes;
use ottla_bridge_protocol::{CloseCode, StreamEnd, StreamId};
use ottla_core::protocol::api_key::ApiKey;
use tokio::task::block_in_place;
use tokio::time::{Duration, Instant};

use super::rules::batch_rules;
use super::stream::Slot;
use super::{Closed, Event, ProduceRules, Session};
use crate::kafka::Call;
use crate::kafka::batch::Identity;
use crate::kafka::produce::{Plan, Rules, Violation};
use crate::kafka::produce_reply::{self, Outcomes};
use crate::upstream::{Lost, Reply};

/// The highest version in which requests are forwarded: the last with topic names.
pub(crate) const PRODUCE_VERSION: i16 = 12;
/// What a broker gets beyond the request's own timeout.
pub(crate) const ROUND_TRIPS: Duration = Duration::from_secs(10);

/// A request with more bytes is judged beside the runtime's workers. Its batches may be a hundred
/// MiB decompressed, and as many sessions as there are workers would hold up all others meanwhile.
const JUDGED_ASIDE: usize = 16 << 10;

/// Checks a request, holding up nobody else.
pub(crate) fn judge(
    call: &Call<'_>,
    rules: &impl Rules,
    scratch: &mut Vec<u8>,
) -> Result<Plan, Violation> {
    let mut judge = || Plan::new(call, rules, scratch);
    if call.body.len() > JUDGED_ASIDE { block_in_place(judge) } else { judge() }
}

impl Session {
    pub(super) fn on_produce(&mut self, id: StreamId, call: &Call<'_>) -> Result<(), Closed> {
        let broker = self.streams.get(&id).and_then(|stream| stream.broker.as_ref());
        let Some(broker) = broker.map(|(connection, _)| connection.clone()) else {
            self.audit("T5", "Produce on a stream to no node");
            self.end_stream(id, StreamEnd::Forbidden);
            return Ok(());
        };
        self.batch_rules = batch_rules(&self.config.limits);
        let rules = ProduceRules {
            session: self.id,
            leases: &self.bridge.leases,
            topics: &self.grant.topics,
            limits: &self.config.limits,
            batches: &self.batch_rules,
        };
        let plan = match judge(call, &rules, &mut self.scratch) {
            Ok(plan) => plan,
            Err(violation) => {
                self.on_violation(id, &violation);
                return Ok(());
            }
        };
        self.scratch.clear();
        self.scratch.shrink_to(64 << 10);
        if let Some(identity) = plan.stolen_identity {
            return self.on_stolen_identity(id, &plan, identity.producer_id);
        }
        let Some(version) = broker.versions().select_at_most(ApiKey::Produce, PRODUCE_VERSION)
        else {
            self.end_stream(id, StreamEnd::BrokerLost);
            return Ok(());
        };
        self.audit_refusals(&plan);
        if !plan.forwards() {
            self.put_ready(id, produce_reply::write(&plan, &Outcomes::default(), 0));
            return Ok(());
        }
        let Some(under_way) = self.bridge.leases.begin_request(self.id, &plan.identities) else {
            return Err(Closed::new(CloseCode::TakenOver, "a lease was taken over"));
        };
        self.mark_claimed(&plan.identities);
        let frame = plan.request(call.body, version, |_, _| true);
        let patience = Duration::from_millis(plan.timeout_ms as u64) + ROUND_TRIPS;
        let bytes = frame.len();
        let Some(stream) = self.streams.get_mut(&id) else { return Ok(()) };
        let generation = stream.generation;
        let slot = stream.push(Slot::Asked { plan: Box::new(plan), version });
        self.held_bytes += bytes;
        self.bridge.metrics.requests.inc();
        let (events, bridge) = (self.events.clone(), self.bridge.clone());
        let (held, begun) = (bridge.hold(bytes), Instant::now());
        let reply = Reply::new(move |body| {
            drop((under_way, held));
            bridge.metrics.produced(begun.elapsed());
            // A session that has ended hears nothing, and nobody else does.
            drop(events.send(Event::Answered { stream: id, generation, slot, bytes, body }));
        });
        broker.send(frame, ApiKey::Produce, version, patience, reply);
        Ok(())
    }

    fn mark_claimed(&mut self, identities: &[Identity]) {
        for lease in &mut self.leases {
            lease.claimed |= identities.iter().any(|it| it.producer_id == lease.producer_id);
        }
    }

    fn on_violation(&mut self, id: StreamId, violation: &Violation) {
        match violation {
            Violation::Malformed(error) => self.malformed(id, error),
            Violation::TooMany => self.malformed(id, &"too many topics or partitions"),
            Violation::NoAcks => {
                self.audit("T24", "acks=0");
                self.end_stream(id, StreamEnd::Forbidden);
            }
        }
    }

    /// A batch with another's identity: the answer says so, and the session ends. A session whose
    /// lease was taken over meanwhile is no thief.
    fn on_stolen_identity(
        &mut self,
        id: StreamId,
        plan: &Plan,
        producer_id: i64,
    ) -> Result<(), Closed> {
        if self.leases.iter().any(|lease| lease.producer_id == producer_id)
            && self.bridge.leases.renew(producer_id, self.id).is_err()
        {
            return Err(Closed::new(CloseCode::TakenOver, "a lease was taken over"));
        }
        self.audit("T8", "a batch with a producer id or epoch that the session does not hold");
        self.put_ready(id, produce_reply::write(plan, &Outcomes::default(), 0));
        Err(Closed::new(CloseCode::Forbidden, "a batch with another's identity"))
    }

    fn end_stream(&mut self, id: StreamId, end: StreamEnd) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.end(end);
        }
    }

    /// A broker has answered, or will not.
    pub(super) fn on_answered(
        &mut self,
        id: StreamId,
        generation: u32,
        slot: u64,
        body: Result<Bytes, Lost>,
    ) {
        let stream = self.streams.get_mut(&id).filter(|it| it.generation == generation);
        let Some(place) = stream.and_then(|stream| stream.slot(slot)) else { return };
        let Slot::Asked { plan, version } = std::mem::replace(place, Slot::Pending) else {
            return;
        };
        let cluster = &self.bridge.cluster;
        let mut outcomes = Outcomes::default();
        let read =
            body.map(|body| outcomes.add(&body, version, |broker| cluster.number_of(broker)));
        let answered = matches!(read, Ok(Ok(())));
        if answered {
            if outcomes.metadata_is_old() {
                cluster.invalidate();
            }
            *place = Slot::Ready { answer: produce_reply::write(&plan, &outcomes, 0), sent: 0 };
        }
        if !answered {
            self.on_broker_lost(id, generation);
        }
    }

    /// The connection of a stream has ended: what was answered leaves, then the stream ends.
    pub(super) fn on_broker_lost(&mut self, id: StreamId, generation: u32) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|it| it.generation == generation) {
            stream.end(StreamEnd::BrokerLost);
        }
    }

    /// One audit line for what was refused in a request that is otherwise in order.
    fn audit_refusals(&self, plan: &Plan) {
        use ottla_core::protocol::error_code::ErrorCode as E;
        let partitions = plan.topics.iter().flat_map(|topic| &topic.partitions);
        let Some(refusal) = partitions.filter_map(|partition| partition.refusal).next() else {
            return;
        };
        let (code, what) = match refusal {
            E::TopicAuthorizationFailed => ("T6", "a topic that is not granted"),
            E::TransactionalIdAuthorizationFailed => ("T9", "a transactional id"),
            E::InvalidRequiredAcks => ("T24", "acks other than all"),
            E::InvalidTimestamp => ("T19", "a timestamp outside of the window"),
            E::MessageTooLarge => ("T16", "a batch that is too large decompressed"),
            _ => ("T18", "a malformed batch"),
        };
        self.audit(code, what);
    }
}
