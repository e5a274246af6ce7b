//! What is known of the cluster: nodes, topics, who leads which partition.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::mem;

use super::lane::Lane;
use super::load::Load;
use super::node::{Link, Node, address};
use super::words::refusal;
use super::{LaneId, Sender};
use crate::accumulator::buffer_pool::Account;
use crate::accumulator::partition::Partition;
use crate::config::{BrokerAddress, FIXED_MEMORY, MetadataRecovery};
use crate::error::ErrorCode;
use crate::log::line;
use crate::protocol::api_key::BROKERS;
use crate::protocol::metadata::{MetadataPartition, MetadataResponse, MetadataTopic};
use crate::protocol::uuid::Uuid;
use crate::sync::{Arc, Lock, Platform};
use crate::time::Instant;
use crate::topic::{Layout, Status, TopicState};
use crate::transport::NodeId;

/// A client that takes responses of so many bytes can afford to know one more broker which it does
/// not need: each takes some 300 bytes.
const RESPONSE_BYTES_PER_BROKER: usize = 512;

/// No cluster has as many brokers: of an answer that names more, the others are ignored. Each has
/// an [`Account`], of which there are four times as many.
const MOST_BROKERS: usize = 1 << 14;

/// A topic as the sender knows it.
pub(super) struct TopicEntry<X: Platform> {
    pub(super) state: Arc<TopicState<X>>,
    /// Zero where the brokers don't tell (KIP-516).
    pub(super) id: Uuid,
    /// Its lanes by partition.
    pub(super) lanes: Vec<LaneId>,
    /// How many partitions it has: where it was created anew, maybe fewer than lanes.
    pub(super) count: usize,
    pub(super) last_used: Instant,
    /// Somebody sends to it.
    pub(super) tracked: bool,
    /// It has to be asked about: never answered for, or batches wait for a leader.
    pub(super) unresolved: bool,
    /// A partition has no leader. While none of its batches wait for one, it is asked about when
    /// the topic is used (row B6.1).
    pub(super) leaderless: bool,
    pub(super) load: Load,
}

impl<X: Platform> Sender<X> {
    /// Begins with the bootstrap servers, whose ids are −1, −2, … until the metadata names them.
    pub(super) fn bootstrap(&mut self) {
        if !BROKERS {
            // A bridge is one for all.
            return self.insert_node(NodeId(-1), None, Instant::ZERO);
        }
        let addresses = self.config().bootstrap_servers.clone();
        for (index, address) in addresses.into_iter().enumerate() {
            let id = NodeId(-1 - index as i32);
            self.insert_node(id, Some(address), Instant::ZERO);
        }
    }

    fn insert_node(&mut self, id: NodeId, address: Option<BrokerAddress>, now: Instant) {
        if let Some(node) = self.nodes.get_mut(&id) {
            if BROKERS && node.address != address {
                node.address = address;
                self.hang_up_if_idle(id);
            }
            return;
        }
        if BROKERS && self.nodes.keys().count() >= MOST_BROKERS {
            return;
        }
        let account = self.free_account();
        let node = Node::new(address, &self.shared.config, account, now);
        self.nodes.insert(id, Box::new(node));
    }

    /// A share of the pool that no node has: one of as many as there are nodes, however often they
    /// come and go. The first is that of batches whose leader isn't known.
    fn free_account(&mut self) -> Account {
        loop {
            // There is one more than there are nodes.
            self.last_account = self.last_account % (self.nodes.keys().count() as u16 + 1) + 1;
            let account = Account(self.last_account);
            if self.nodes.values().all(|node| node.account != account) {
                return account;
            }
        }
    }

    fn hang_up_if_idle(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|node| node.in_flight.is_empty()) {
            self.hang_up(id);
        }
    }

    /// Begins again from the bootstrap servers when no metadata came for too long (KIP-899,
    /// KIP-1102).
    pub(super) fn rebootstrap_if_lost(&mut self, now: Instant) {
        let MetadataRecovery::Rebootstrap { trigger } = self.config().metadata_recovery else {
            return;
        };
        let lost = self.metadata.failing_since.is_some_and(|since| since + trigger <= now);
        let unreachable = self
            .nodes
            .iter()
            .filter(|(id, _)| id.0 >= 0)
            .all(|(_, node)| matches!(node.link, Link::Down { .. }) && node.failures > 0);
        if lost || unreachable {
            self.rebootstrap();
        }
    }

    pub(super) fn rebootstrap(&mut self) {
        self.metadata.failing_since = None;
        self.bootstrap();
    }

    /// A send waits for a topic, or found that it is not known.
    pub(super) fn want_topic(
        &mut self,
        topic: &Arc<TopicState<X>>,
        deadline: Instant,
        now: Instant,
    ) {
        let (index, new) = self.topic_index(topic, now);
        let entry = &mut self.topics[index];
        entry.last_used = now;
        let first_time = !entry.tracked;
        entry.tracked = true;
        entry.unresolved = true;
        if new || first_time {
            self.metadata.want_new();
        } else {
            self.metadata.want_some();
        }
        if deadline > now {
            self.wake_at(deadline, index);
        }
    }

    /// Those who wait for the topic are woken then.
    fn wake_at(&mut self, deadline: Instant, index: usize) {
        if self.waits.len() == self.waits.capacity() {
            self.forget_ended_waits();
        }
        self.waits.push(Reverse((deadline, index)));
    }

    /// Where a topic is known, those who waited were woken, and who waits again says so again; and
    /// who asks twice is woken once. Else a long `max.block.ms` would fill the memory.
    fn forget_ended_waits(&mut self) {
        let mut waits = mem::take(&mut self.waits);
        while let Some(wait) = waits.pop() {
            if self.topics[wait.0.1].unresolved && waits.peek() != Some(&wait) {
                self.waits.push(wait);
            }
        }
    }

    fn topic_index(&mut self, topic: &Arc<TopicState<X>>, now: Instant) -> (usize, bool) {
        if let Some(index) = self.topic_names.get(&topic.name) {
            return (*index, false);
        }
        let index = self.topics.len();
        self.topics.push(TopicEntry {
            state: topic.clone(),
            id: Uuid::ZERO,
            lanes: Vec::new(),
            count: 0,
            last_used: now,
            tracked: false,
            unresolved: true,
            leaderless: false,
            load: Load::default(),
        });
        self.topic_names.insert(topic.name.clone(), index);
        (index, true)
    }

    /// A batch was opened: the topic is in use.
    pub(super) fn touch_topic(&mut self, lane: LaneId, now: Instant) {
        let topic = &mut self.topics[self.lanes[lane as usize].topic];
        topic.last_used = now;
        topic.tracked = true;
        if topic.leaderless {
            topic.unresolved = true;
            self.metadata.want_some();
        }
    }

    pub(super) fn handle_metadata(
        &mut self,
        node: NodeId,
        response: &MetadataResponse<'_>,
        now: Instant,
    ) {
        self.throttle(node, response.throttle_time_ms, now);
        self.metadata.answered(now);
        self.metrics.metadata_updates += 1;
        if response.error == ErrorCode::RebootstrapRequired {
            self.metadata_failed(now);
            return self.rebootstrap();
        }
        if !response.brokers.is_empty() {
            self.apply_brokers(response, now);
        }
        self.metadata.sought.clear();
        for topic in response.topics {
            self.apply_topic(&topic, now);
        }
        self.forget_ended_waits();
        self.metadata_taken_in(now);
    }

    /// Where memory is short, only so many brokers are known that lead nothing of ours.
    fn apply_brokers(&mut self, response: &MetadataResponse<'_>, now: Instant) {
        let mut others = self.config().receive_max_bytes / RESPONSE_BYTES_PER_BROKER;
        let (mut alive, mut known) = (0, Vec::new());
        for broker in response.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            let id = NodeId(broker.node_id);
            alive += 1;
            if others > 0 {
                others -= 1;
            } else if FIXED_MEMORY && !self.is_leader(id, response) {
                continue;
            }
            known.push(id);
            self.insert_node(id, address(broker.host, port), now);
        }
        self.shared.pool.with(|pool| pool.set_nodes(alive));
        // Brokers that left, and bootstrap addresses whose names are known now.
        let gone = self.nodes.iter().filter(|(id, node)| {
            !known.contains(id) && node.in_flight.is_empty() && node.ready.is_empty()
        });
        let gone: Vec<NodeId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.hang_up(id);
            self.nodes.remove(&id);
        }
    }

    /// Whether a broker leads a partition in use, by the answer or as far as is known.
    fn is_leader(&self, id: NodeId, response: &MetadataResponse<'_>) -> bool {
        let mut partitions = response.topics.iter().flat_map(|topic| topic.partitions);
        partitions.any(|partition| partition.leader_id == id.0)
            || self.lanes.iter().any(|lane| lane.leader == Some(id))
    }

    fn apply_topic(&mut self, answer: &MetadataTopic<'_>, now: Instant) {
        let Some(&index) = answer.name.and_then(|name| self.topic_names.get(name)) else { return };
        match answer.error {
            ErrorCode::None | ErrorCode::LeaderNotAvailable if !answer.partitions.is_empty() => {
                self.apply_topic_id(index, answer.topic_id);
                self.apply_partitions(index, answer, now);
            }
            error @ (ErrorCode::InvalidTopic | ErrorCode::TopicAuthorizationFailed) => {
                let entry = &mut self.topics[index];
                // The next record asks again, in case permissions were granted.
                entry.unresolved = false;
                entry.state.publish(Status::Refused(error), None);
            }
            error => {
                self.topics[index].unresolved = true;
                let name = &self.topics[index].state.name;
                self.note_error(refusal(format_args!("topic {name}: {error}"), error));
            }
        }
    }

    fn apply_partitions(&mut self, index: usize, answer: &MetadataTopic<'_>, now: Instant) {
        let topic = &self.topics[index];
        let (known, before) = (topic.lanes.len(), topic.count);
        let most = answer.partitions.iter().map(|partition| partition.index).max().unwrap_or(-1);
        // The count of partitions is that of the array: an index beyond it is not believed.
        let count = most.saturating_add(1).clamp(0, answer.partitions.len() as i32) as usize;
        for partition in known..count {
            self.add_lane(index, partition as i32);
        }
        // A broker that lags behind may not know all partitions of a topic that has got more.
        self.topics[index].count = count.max(before);
        if count > before {
            line!(Debug, "topic {}: {count} partitions", self.topics[index].state.name);
        }
        let mut changed = Vec::new();
        let sought = self.metadata.sought.len();
        for partition in answer.partitions {
            self.apply_leader(index, &partition, &mut changed);
        }
        let lanes = self.lanes_of(index);
        let leaderless = || lanes.iter().filter(|id| !self.has_leader(**id));
        let waits = leaderless().any(|id| self.lanes[*id as usize].has_batches());
        let unresolved = waits || self.metadata.sought.len() > sought;
        let leaderless = leaderless().next().is_some();
        let topic = &mut self.topics[index];
        (topic.leaderless, topic.unresolved) = (leaderless, unresolved);
        self.publish_layout(index);
        if BROKERS {
            changed.extend(&self.topics[index].lanes[self.topics[index].count..]);
        }
        for lane in changed {
            self.move_to_leader(lane, now);
        }
    }

    /// The lanes of the partitions that a topic has.
    fn lanes_of(&self, index: usize) -> &[LaneId] {
        let topic = &self.topics[index];
        if BROKERS { &topic.lanes[..topic.count] } else { &topic.lanes }
    }

    fn has_leader(&self, id: LaneId) -> bool {
        self.lanes[id as usize].leader.is_some()
    }

    fn add_lane(&mut self, topic: usize, index: i32) {
        let id = self.lanes.len() as LaneId;
        let batches = self.config().reserved_batches();
        let partition = Arc::new(Partition::new(index, id, self.closing.is_some(), batches));
        self.lanes.push(Lane::new(partition, topic, batches));
        if batches > 0 {
            self.timers.reserve(2 * self.lanes.len() + 1 - self.timers.len());
        }
        self.topics[topic].lanes.push(id);
    }

    fn apply_leader(
        &mut self,
        topic: usize,
        partition: &MetadataPartition<'_>,
        changed: &mut Vec<LaneId>,
    ) {
        let lane = usize::try_from(partition.index).ok();
        let Some(&id) = lane.and_then(|index| self.lanes_of(topic).get(index)) else { return };
        let leader = (partition.leader_id >= 0).then_some(NodeId(partition.leader_id));
        self.metadata.sought.extend(leader.filter(|leader| !self.nodes.contains_key(leader)));
        if self.set_leader(id, leader, partition.leader_epoch) {
            changed.push(id);
        }
    }

    /// Believes in a leader unless something newer is known (row E2.8). Returns whether it is
    /// another.
    pub(super) fn set_leader(&mut self, id: LaneId, leader: Option<NodeId>, epoch: i32) -> bool {
        let lane = &mut self.lanes[id as usize];
        let doubted = BROKERS && mem::take(&mut lane.epoch_doubted);
        // Who tells no epoch (Kafka before 2.1) is believed, as it may be the only one to ask.
        let epoch = if BROKERS && epoch < 0 { lane.leader_epoch } else { epoch };
        if epoch < lane.leader_epoch && !doubted {
            return false;
        }
        let leader = leader.filter(|leader| self.nodes.contains_key(leader));
        let newer = epoch > lane.leader_epoch;
        lane.leader_epoch = epoch;
        let other = lane.leader != leader;
        lane.leader = leader;
        if other && let Some(node) = leader.and_then(|leader| self.nodes.get(&leader)) {
            lane.partition.set_account(node.account);
        }
        if other {
            let leader = leader.map_or(-1, |leader| leader.0);
            line!(Debug, "{}: leader is node {leader}, leader epoch {epoch}", self.spot(id));
        }
        other || (newer && leader.is_some())
    }

    /// Tells sending threads what partitions there are, if that changed.
    fn publish_layout(&self, index: usize) {
        let topic = &self.topics[index];
        let lanes = self.lanes_of(index);
        let lanes = || lanes.iter().map(|id| &self.lanes[*id as usize]);
        let led = lanes().filter(|lane| lane.leader.is_some());
        let available: Vec<i32> = led.map(|lane| lane.partition.index).collect();
        let partitions = lanes().map(|lane| lane.partition.clone()).collect();
        topic.state.publish(Status::Known, Some(Arc::new(Layout { partitions, available })));
    }

    /// A produce response named the new leader (KIP-951).
    pub(super) fn learn_leader(&mut self, id: LaneId, leader: i32, epoch: i32, now: Instant) {
        if self.set_leader(id, Some(NodeId(leader)), epoch) {
            self.move_to_leader(id, now);
        }
    }

    /// A produce response named the address of a new leader (KIP-951).
    pub(super) fn learn_node(&mut self, id: i32, host: &str, port: i32, now: Instant) {
        if let Ok(port) = u16::try_from(port) {
            self.insert_node(NodeId(id), address(host, port), now);
        }
    }
}
