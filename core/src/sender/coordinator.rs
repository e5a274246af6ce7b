//! The coordinators of transactions: how they are reached, what they are asked, what they answer.

use alloc::vec::Vec;

use super::node::{InFlight, Link, Request};
use super::response::Nonsense;
use super::words::refusal;
use super::{LaneId, Sender};
use crate::accumulator::batch::Identity;
use crate::error::ErrorCode;
use crate::log::line;
use crate::protocol::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use crate::protocol::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, TopicResult,
};
use crate::protocol::array::Array;
use crate::protocol::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::protocol::find_coordinator::{
    CoordinatorKind, FindCoordinatorRequest, FindCoordinatorResponse,
};
use crate::protocol::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::txn_offset_commit::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use crate::sync::Platform;
use crate::time::{Instant, millis_i32};
use crate::transaction::{AbortCause, Answer, Asked, FatalError, Target};
use crate::transport::NodeId;

use super::transaction::SOON;

impl<X: Platform> Sender<X> {
    /// Asks what is to be asked next, or opens the connection for it.
    pub(super) fn ask_next(&mut self, now: Instant) {
        let Some(asked) = self.transactions.next.take() else { return };
        let target = self.transactions.manager.target(&asked);
        let may_ask = self.transactions.manager.not_before() <= now;
        let node = match target {
            Target::Any => self.least_loaded(now),
            Target::Node(id) => self.nodes.get(&id).filter(|it| it.may_send(now)).map(|_| id),
        };
        match (node, target) {
            (Some(node), _) if may_ask => return self.ask_coordinator(node, asked, now),
            (None, Target::Any) if may_ask => self.connect_any(now),
            (None, Target::Node(id)) => self.reach_coordinator(id),
            _ => {}
        }
        self.transactions.next = Some(asked);
    }

    fn reach_coordinator(&mut self, id: NodeId) {
        match self.nodes.get_mut(&id) {
            Some(node) if matches!(node.link, Link::Down { .. }) => {
                node.wanted = true;
                self.active.insert(id, ());
            }
            Some(_) => {}
            // It left the cluster.
            None => self.transactions.manager.node_lost(id),
        }
    }

    fn ask_coordinator(&mut self, id: NodeId, asked: Asked, now: Instant) {
        let versions = self.nodes.get(&id).map(|node| node.versions).unwrap_or_default();
        let limit = self.version_limit(&asked);
        let Some(version) = versions.select_at_most(asked.key(), limit) else {
            let why = "the brokers take no transactions of a kind that this client speaks";
            return self.transactions.manager.fail(FatalError::Unsupported(why));
        };
        if !self.check_version(&asked, version) {
            return;
        }
        line!(Debug, "node {id}: asked for {}", asked.name());
        self.transactions.manager.asked(&asked);
        let request = self.write_asked(asked, version, now);
        self.send_request(id, request);
    }

    /// EndTxn and TxnOffsetCommit say by their versions which kind of transaction they mean.
    fn version_limit(&self, asked: &Asked) -> i16 {
        match asked {
            Asked::End { .. } | Asked::CommitOffsets if !self.transactions.manager.is_second() => 4,
            _ => i16::MAX,
        }
    }

    /// Whether the version can say what has to be said.
    fn check_version(&mut self, asked: &Asked, version: i16) -> bool {
        let manager = &mut self.transactions.manager;
        match asked {
            Asked::InitProducerId if version < 3 && manager.identity().is_some() => {
                let why = "brokers before 2.5 can't go on after a transaction in which a record \
                           was not acknowledged or a request not answered: make another producer";
                manager.fail(FatalError::Unsupported(why));
                false
            }
            Asked::CommitOffsets
                if version < 3 && manager.next_offsets().is_some_and(|it| it.names_member()) =>
            {
                manager.doom(AbortCause::GroupNotChecked);
                false
            }
            _ => true,
        }
    }

    fn write_asked(&mut self, asked: Asked, version: i16, now: Instant) -> InFlight<X> {
        // The body is written apart: what it is made of belongs to the sender that frames it.
        let mut body = self.head_buffer();
        self.write_body(&mut body, &asked, version);
        let write = |head: &mut Vec<u8>| head.extend_from_slice(&body);
        let request = self.begin_request(Request::Transaction(asked), version, write, now);
        self.recycle_head(body);
        request
    }

    fn write_body(&self, body: &mut Vec<u8>, asked: &Asked, version: i16) {
        let manager = &self.transactions.manager;
        let transactional_id = self.transactional_id().unwrap_or_default();
        let (producer_id, producer_epoch) =
            manager.identity().map_or((-1, -1), |it| (it.producer_id, it.epoch));
        match asked {
            Asked::FindCoordinator(kind @ CoordinatorKind::Transaction) => {
                FindCoordinatorRequest { key: transactional_id, kind: *kind }.encode(body, version);
            }
            Asked::FindCoordinator(kind @ CoordinatorKind::Group) => {
                let key = manager.group().unwrap_or_default();
                FindCoordinatorRequest { key, kind: *kind }.encode(body, version);
            }
            Asked::InitProducerId => {
                InitProducerIdRequest {
                    transactional_id: Some(transactional_id),
                    transaction_timeout_ms: millis_i32(self.config().transaction_timeout),
                    producer_id,
                    producer_epoch,
                }
                .encode(body, version);
            }
            Asked::AddPartitions(lanes) => {
                let topics = &self.by_topic(lanes);
                AddPartitionsToTxnRequest { transactional_id, producer_id, producer_epoch, topics }
                    .encode(body, version);
            }
            Asked::AddOffsets => {
                let group_id = manager.group().unwrap_or_default();
                AddOffsetsToTxnRequest { transactional_id, producer_id, producer_epoch, group_id }
                    .encode(body, version);
            }
            Asked::CommitOffsets => {
                let Some(offsets) = manager.next_offsets() else { return };
                TxnOffsetCommitRequest {
                    transactional_id,
                    group_id: &offsets.group_id,
                    producer_id,
                    producer_epoch,
                    generation_id: offsets.generation_id,
                    member_id: &offsets.member_id,
                    group_instance_id: offsets.group_instance_id.as_deref(),
                    topics: &offsets.topics(),
                }
                .encode(body, version);
            }
            Asked::End { commit } => {
                let committed = *commit;
                EndTxnRequest { transactional_id, producer_id, producer_epoch, committed }
                    .encode(body, version);
            }
        }
    }

    /// The partitions of these lanes by their topics.
    fn by_topic(&self, lanes: &[LaneId]) -> Vec<(&str, Vec<i32>)> {
        let mut topics: Vec<(&str, Vec<i32>)> = Vec::new();
        for id in lanes {
            let lane = &self.lanes[*id as usize];
            let name = &*self.topics[lane.topic].state.name;
            match topics.iter_mut().find(|(known, _)| *known == name) {
                Some((_, partitions)) => partitions.push(lane.partition.index),
                None => topics.push((name, alloc::vec![lane.partition.index])),
            }
        }
        topics
    }

    /// A coordinator answered, or who was asked for one.
    pub(super) fn handle_coordinator(
        &mut self,
        id: NodeId,
        body: &[u8],
        version: i16,
        now: Instant,
    ) -> Result<(), Nonsense> {
        let request = self.nodes.get(&id).and_then(|node| node.in_flight.front());
        let Some(Request::Transaction(asked)) = request.map(|it| &it.request) else {
            return Err(Nonsense::Unasked);
        };
        let asked = asked.clone();
        let (answer, throttle) = self.read_answer(&asked, body, version, now)?;
        if let Some(request) = self.pop_request(id) {
            self.recycle_head(request.head);
        }
        self.throttle(id, throttle, now);
        if let Answer::Code(code) = answer {
            let what = asked.name();
            self.note_error(refusal(format_args!("{what}: {code}"), code));
        }
        self.tell_manager(&asked, answer, now);
        Ok(())
    }

    fn read_answer(
        &mut self,
        asked: &Asked,
        body: &[u8],
        version: i16,
        now: Instant,
    ) -> Result<(Answer, i32), Nonsense> {
        Ok(match asked {
            Asked::FindCoordinator(_) => {
                let it = FindCoordinatorResponse::parse(body, version)?;
                let node = Answer::Node(NodeId(it.node_id));
                if it.error.is_none() {
                    self.learn_node(it.node_id, it.host, it.port, now);
                }
                (unless(it.error, node), it.throttle_time_ms)
            }
            Asked::InitProducerId => {
                let it = InitProducerIdResponse::parse(body, version)?;
                let identity = Identity { producer_id: it.producer_id, epoch: it.producer_epoch };
                (unless(it.error, Answer::Identity(identity)), it.throttle_time_ms)
            }
            Asked::AddPartitions(_) => {
                let it = AddPartitionsToTxnResponse::parse(body, version)?;
                (worst(it.topics), it.throttle_time_ms)
            }
            Asked::AddOffsets => {
                let it = AddOffsetsToTxnResponse::parse(body, version)?;
                (unless(it.error, Answer::Done), it.throttle_time_ms)
            }
            Asked::CommitOffsets => {
                let it = TxnOffsetCommitResponse::parse(body, version)?;
                (worst(it.topics), it.throttle_time_ms)
            }
            Asked::End { .. } => {
                let it = EndTxnResponse::parse(body, version)?;
                let identity = Identity { producer_id: it.producer_id, epoch: it.producer_epoch };
                let next = if version >= 5 { Answer::Identity(identity) } else { Answer::Done };
                (unless(it.error, next), it.throttle_time_ms)
            }
        })
    }

    /// The connection broke before the answer came.
    pub(super) fn coordinator_silent(&mut self, asked: &Asked, now: Instant) {
        self.tell_manager(asked, Answer::Lost, now);
    }

    fn tell_manager(&mut self, asked: &Asked, answer: Answer, now: Instant) {
        let backoff = self.retry_backoff(self.transactions.manager.attempts() + 1);
        let (again, soon) = (now + backoff, now + backoff.min(SOON));
        self.transactions.manager.answered(asked, answer, again, soon);
        // Batches may have waited for this.
        self.activate_all();
    }
}

fn unless(error: ErrorCode, answer: Answer) -> Answer {
    if error.is_none() { answer } else { Answer::Code(error) }
}

/// The request took effect, or did not because of one of its partitions.
fn worst(topics: Array<'_, TopicResult<'_>>) -> Answer {
    let results = topics.iter().flat_map(|topic| topic.partitions.iter());
    let mut refused = results.map(|it| it.error).filter(|error| !error.is_none());
    let first = refused.clone().find(|error| *error != ErrorCode::OperationNotAttempted);
    first.or_else(|| refused.next()).map_or(Answer::Done, Answer::Code)
}
