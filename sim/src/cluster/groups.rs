//! Consumer groups: Kafka's classic group protocol, as much as simple consumers need.
//!
//! Follows `GroupCoordinator` and `GroupMetadata` with `group.initial.rebalance.delay.ms=0`.
//! Groups and their committed offsets live in memory only.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

/// All groups by id.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<StrBytes, Group>,
    members_made: u64,
}

/// An offset that a group committed.
#[derive(Debug, Clone)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: Option<StrBytes>,
}

/// Where a group stands between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum GroupState {
    /// No members.
    #[default]
    Empty,
    /// Members are joining; the next generation begins when all have, or at this time.
    Joining(Duration),
    /// All have joined; the leader has yet to hand out the partitions.
    AwaitingAssignment,
    /// Everybody has their partitions.
    Stable,
}

/// A group of consumers.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) state: GroupState,
    pub(crate) generation: i32,
    pub(crate) leader: StrBytes,
    pub(crate) protocol: Option<StrBytes>,
    pub(crate) protocol_type: StrBytes,
    pub(crate) members: BTreeMap<StrBytes, Member>,
    pub(crate) committed: BTreeMap<(StrBytes, i32), Committed>,
    /// Offsets of transactions that have not ended, by producer id.
    pub(crate) uncommitted: BTreeMap<i64, BTreeMap<(StrBytes, i32), Committed>>,
}

/// A consumer in a group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) instance: Option<StrBytes>,
    /// Assignment strategies in order of preference, with the member's metadata for each.
    pub(crate) protocols: Vec<(StrBytes, Bytes)>,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) last_seen: Duration,
    /// Whether it has joined the generation that is being formed.
    pub(crate) joined: bool,
    pub(crate) assignment: Bytes,
}

impl Groups {
    /// A producer's transaction has ended: its offsets count now, or never.
    pub(crate) fn end_transaction(&mut self, group: &str, producer_id: i64, commit: bool) {
        let group = self.groups.iter_mut().find(|(id, _)| id.as_str() == group);
        let Some((_, group)) = group else { return };
        let offsets = group.uncommitted.remove(&producer_id).unwrap_or_default();
        if commit {
            group.committed.extend(offsets);
        }
    }

    pub(crate) fn get(&self, id: &StrBytes) -> Option<&Group> {
        self.groups.get(id)
    }

    /// A group after everything that the time brought about; made if it isn't there.
    pub(crate) fn at(&mut self, id: &StrBytes, now: Duration) -> &mut Group {
        let group = self.groups.entry(id.clone()).or_default();
        group.advance(now);
        group
    }

    /// A member id that nobody has.
    pub(crate) fn new_member_id(&mut self, client_id: &str) -> StrBytes {
        self.members_made += 1;
        StrBytes::from_string(format!("{client_id}-{:032}", self.members_made))
    }
}

impl Group {
    /// Adds a member or renews it, which starts a rebalance.
    pub(crate) fn join(&mut self, id: StrBytes, member: Member, now: Duration) {
        self.members.insert(id, member);
        self.rebalance(now);
        self.complete_if_all_joined();
    }

    /// Takes a member out; false if it isn't in.
    pub(crate) fn leave(&mut self, id: &StrBytes, now: Duration) -> bool {
        let left = self.members.remove(id).is_some();
        if left {
            self.rebalance(now);
            self.complete_if_all_joined();
        }
        left
    }

    /// Hands out the leader's assignment.
    pub(crate) fn assign(&mut self, assignments: Vec<(StrBytes, Bytes)>) {
        for member in self.members.values_mut() {
            member.assignment = Bytes::new();
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.state = GroupState::Stable;
    }

    /// Whether a request belongs to this generation and a member of it, who is thereby heard of.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `ILLEGAL_GENERATION`.
    pub(crate) fn check(
        &mut self,
        member: &StrBytes,
        generation: i32,
        now: Duration,
    ) -> Result<(), ResponseError> {
        let member = self.members.get_mut(member).ok_or(ResponseError::UnknownMemberId)?;
        member.last_seen = now;
        if generation == self.generation { Ok(()) } else { Err(ResponseError::IllegalGeneration) }
    }

    /// Whether a member with these protocols could join.
    pub(crate) fn accepts(
        &self,
        protocol_type: &StrBytes,
        protocols: &[(StrBytes, Bytes)],
    ) -> bool {
        if self.members.is_empty() {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        protocol_type == &self.protocol_type
            && protocols.iter().any(|(name, _)| self.all_support(name))
    }

    fn advance(&mut self, now: Duration) {
        let joining = matches!(self.state, GroupState::Joining(_));
        let before = self.members.len();
        self.members.retain(|_, member| {
            (joining && member.joined) || now < member.last_seen + member.session_timeout
        });
        if self.members.len() < before {
            self.rebalance(now);
        }
        if let GroupState::Joining(deadline) = self.state {
            if now >= deadline {
                self.members.retain(|_, member| member.joined);
            }
            self.complete_if_all_joined();
        }
    }

    fn rebalance(&mut self, now: Duration) {
        if matches!(self.state, GroupState::Joining(_)) {
            return;
        }
        let longest = self.members.values().map(|member| member.rebalance_timeout).max();
        self.state = GroupState::Joining(now + longest.unwrap_or(Duration::ZERO));
    }

    fn complete_if_all_joined(&mut self) {
        if !self.members.values().all(|member| member.joined) {
            return;
        }
        self.generation += 1;
        for member in self.members.values_mut() {
            member.joined = false;
        }
        let Some((first, _)) = self.members.first_key_value() else {
            self.state = GroupState::Empty;
            self.protocol = None;
            return;
        };
        if !self.members.contains_key(&self.leader) {
            self.leader = first.clone();
        }
        self.protocol = self.choose_protocol();
        self.state = GroupState::AwaitingAssignment;
    }

    /// The leader's favourite among the protocols that all support.
    fn choose_protocol(&self) -> Option<StrBytes> {
        let mut names = self.members.get(&self.leader)?.protocols.iter().map(|(name, _)| name);
        names.find(|name| self.all_support(name)).cloned()
    }

    fn all_support(&self, protocol: &StrBytes) -> bool {
        let supports = |member: &Member| member.protocols.iter().any(|(name, _)| name == protocol);
        self.members.values().all(supports)
    }
}
