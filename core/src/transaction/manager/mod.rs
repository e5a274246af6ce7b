//! The state of a producer's transactions: what to ask of which coordinator next, and what its
//! answers mean. Knows neither bytes nor connections, and is told what time it is.

mod answers;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use core::mem;

use super::asked::Asked;
use super::error::{AbortCause, FatalError};
use super::news::{News, Refused, Target};
use super::offsets::Offsets;
use crate::accumulator::batch::Identity;
use crate::log::line;
use crate::protocol::api_versions::Features;
use crate::protocol::find_coordinator::CoordinatorKind;
use crate::time::Instant;
use crate::transport::NodeId;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct TransactionManager {
    phase: Phase,
    /// Why the transaction that goes on has to be aborted.
    cause: Option<AbortCause>,
    identity: Option<Identity>,
    features: Features,
    /// The transaction that goes on is of version 2 (KIP-890): brokers add its partitions by
    /// themselves, and its end raises the epoch.
    second: bool,
    /// The coordinator knows of the transaction.
    started: bool,
    /// It may: a request that would tell it had no answer.
    maybe_started: bool,
    /// The coordinator has forgotten the producer id.
    forgotten: bool,
    /// The next transaction needs another epoch (KIP-360): sequence numbers were lost, or a request
    /// of a transaction of version 1 had no answer and may arrive late. Under the same epoch it
    /// would be taken for one of the next transaction, which an old commit then ends.
    bump: bool,
    /// Lanes whose partitions are part of the transaction.
    joined: BTreeSet<u32>,
    /// Lanes that wait for that.
    wanted: BTreeSet<u32>,
    offsets: VecDeque<Offsets>,
    /// The first of the offsets are added, so they may be committed.
    offsets_added: bool,
    coordinator: Option<NodeId>,
    group_coordinator: Option<(String, NodeId)>,
    in_flight: bool,
    /// What is in flight is a commit.
    committing: bool,
    /// An attempt to commit had no answer that says what became of it.
    unsure: bool,
    /// Attempts in a row of the same request.
    attempts: u32,
    not_before: Instant,
    news: News,
    /// There is news.
    changed: bool,
}

/// Where the producer stands.
#[derive(Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    New,
    /// It asks for its producer id, the first time or for another epoch.
    Initialising,
    /// A transaction may begin.
    Idle,
    /// Within a transaction.
    Open,
    Ending {
        commit: bool,
    },
    Failed(FatalError),
}

impl TransactionManager {
    /// Gets the producer id; whatever an earlier producer of the transactional id left is aborted.
    pub(crate) fn initialise(&mut self) {
        if self.phase == Phase::New {
            self.phase = Phase::Initialising;
        }
    }

    /// A transaction begins.
    pub(crate) fn begin(&mut self) {
        if self.phase == Phase::Idle {
            self.phase = Phase::Open;
        }
    }

    /// Commits a group's offsets with the transaction.
    pub(crate) fn send_offsets(&mut self, offsets: Offsets) {
        self.offsets.push_back(offsets);
    }

    /// Ends the transaction as soon as its batches have their outcomes.
    pub(crate) fn end(&mut self, commit: bool) {
        if self.phase == Phase::Open {
            self.phase = Phase::Ending { commit };
            self.unsure = false;
            self.publish();
        }
    }

    /// Whether the transaction has to be aborted, if it is not being aborted already.
    pub(crate) fn doom(&mut self, cause: AbortCause) {
        if matches!(self.phase, Phase::Open | Phase::Ending { .. }) && self.cause.is_none() {
            line!(Debug, "the transaction must be aborted: {cause}");
            self.cause = Some(cause);
            self.publish();
        }
    }

    /// A partition's log was replaced by another that knows nothing of the producer.
    pub(crate) fn topic_recreated(&mut self) {
        self.bump = true;
        self.doom(AbortCause::TopicRecreated);
        if self.phase == Phase::Idle {
            self.phase = Phase::Initialising;
            self.publish();
        }
    }

    /// A batch that has sequence numbers was given up.
    pub(crate) fn lose_sequences(&mut self) {
        self.bump = true;
    }

    /// The producer is being closed: a transaction that goes on is aborted (row C2).
    pub(crate) fn close(&mut self) {
        if self.phase == Phase::Open {
            self.doom(AbortCause::Closed);
            self.end(false);
        }
    }

    pub(crate) fn fail(&mut self, error: FatalError) {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.unsure |= self.in_flight && self.committing;
            line!(Debug, "no more transactions: {error}");
            self.phase = Phase::Failed(error);
            self.publish();
        }
    }

    /// What the cluster's brokers agree on; the newest word counts.
    pub(crate) fn learn(&mut self, features: Features) {
        if features.epoch >= self.features.epoch {
            self.features = features;
        }
    }

    /// Whether a batch of this lane may leave; if not now, its partition is asked for.
    pub(crate) fn join(&mut self, lane: u32) -> bool {
        let takes_part = match self.phase {
            Phase::Open | Phase::Ending { commit: true } => self.cause.is_none(),
            Phase::Ending { commit: false } => false,
            _ => return false,
        };
        if self.joined.contains(&lane) {
            return true;
        }
        if takes_part && self.second {
            self.started = true;
            self.joined.insert(lane);
            return true;
        }
        if takes_part {
            self.wanted.insert(lane);
        }
        false
    }

    /// What the application is to be told, if there is anything new.
    pub(crate) fn take_news(&mut self) -> Option<News> {
        mem::take(&mut self.changed).then(|| self.news.clone())
    }

    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    pub(crate) fn is_second(&self) -> bool {
        self.second
    }

    /// Whether batches that were not sent yet have to fail, and why.
    pub(crate) fn refuses_batches(&self) -> Option<Refused<'_>> {
        match &self.phase {
            Phase::Failed(error) => Some(Refused::For(error)),
            Phase::New | Phase::Initialising | Phase::Idle => Some(Refused::Outside),
            Phase::Ending { commit: false } => Some(Refused::Aborted(self.cause.as_ref())),
            _ => self.cause.as_ref().map(|cause| Refused::Aborted(Some(cause))),
        }
    }

    /// Whether it waits for batches to have their outcomes.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    /// Whether there is nothing to be done before the producer may be closed.
    pub(crate) fn is_settled(&self) -> bool {
        match self.phase {
            Phase::New | Phase::Failed(_) | Phase::Idle => true,
            Phase::Initialising | Phase::Open | Phase::Ending { .. } => false,
        }
    }

    /// What has to be asked, if anything; not before [`not_before`](Self::not_before). `drained`:
    /// all batches have their outcome and none is on its way.
    pub(crate) fn next(&mut self, drained: bool) -> Option<Asked> {
        if self.in_flight {
            return None;
        }
        let aborts = match self.phase {
            Phase::New | Phase::Idle | Phase::Failed(_) => return None,
            Phase::Initialising => return Some(self.of_coordinator(Asked::InitProducerId)),
            Phase::Open | Phase::Ending { commit: true } => self.cause.is_some(),
            Phase::Ending { commit: false } => true,
        };
        if aborts {
            self.wanted.clear();
            self.offsets.clear();
        } else if !self.wanted.is_empty() {
            let lanes = self.wanted.iter().copied().collect();
            return Some(self.of_coordinator(Asked::AddPartitions(lanes)));
        } else if !self.offsets.is_empty() {
            return Some(self.next_of_offsets());
        }
        if !drained || !self.is_ending() {
            return None;
        }
        if !(self.started || self.maybe_started) || self.forgotten {
            self.ended(!aborts, None);
            // It may need another epoch at once.
            return (self.phase == Phase::Initialising)
                .then(|| self.of_coordinator(Asked::InitProducerId));
        }
        Some(self.of_coordinator(Asked::End { commit: !aborts }))
    }

    /// The request, or the one for the coordinator that it needs.
    fn of_coordinator(&self, asked: Asked) -> Asked {
        match self.coordinator {
            Some(_) => asked,
            None => Asked::FindCoordinator(CoordinatorKind::Transaction),
        }
    }

    fn next_of_offsets(&self) -> Asked {
        if !self.offsets_added && !self.second {
            return self.of_coordinator(Asked::AddOffsets);
        }
        let group = self.group_coordinator.as_ref().map(|(group, _)| group.as_str());
        if group == self.group() {
            Asked::CommitOffsets
        } else {
            Asked::FindCoordinator(CoordinatorKind::Group)
        }
    }

    /// The group of the offsets that are next.
    pub(crate) fn group(&self) -> Option<&str> {
        self.offsets.front().map(|offsets| offsets.group_id.as_str())
    }

    pub(crate) fn next_offsets(&self) -> Option<&Offsets> {
        self.offsets.front()
    }

    /// Who is asked.
    pub(crate) fn target(&self, asked: &Asked) -> Target {
        let node = match asked {
            Asked::FindCoordinator(_) => None,
            Asked::CommitOffsets => self.group_coordinator.as_ref().map(|(_, node)| *node),
            _ => self.coordinator,
        };
        node.map_or(Target::Any, Target::Node)
    }

    /// Nothing is asked before.
    pub(crate) fn not_before(&self) -> Instant {
        self.not_before
    }

    /// How often the request that is next was tried in vain.
    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    /// It was asked.
    pub(crate) fn asked(&mut self, asked: &Asked) {
        self.in_flight = true;
        self.committing = *asked == Asked::End { commit: true };
    }

    /// The node is not there any more: whoever it coordinated for has to be found again.
    pub(crate) fn node_lost(&mut self, node: NodeId) {
        self.coordinator = self.coordinator.filter(|known| *known != node);
        self.group_coordinator.take_if(|(_, known)| *known == node);
    }

    fn publish(&mut self) {
        self.changed = true;
        self.news.ready = self.phase == Phase::Idle;
        self.news.cause.clone_from(&self.cause);
        self.news.unsure = self.unsure;
        self.news.failed = match &self.phase {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        };
    }
}
