//! What coordinators' answers do to the state.

use super::{Phase, TransactionManager};
use crate::accumulator::batch::Identity;
use crate::error::ErrorCode;
use crate::protocol::find_coordinator::CoordinatorKind;
use crate::time::Instant;
use crate::transaction::asked::{Asked, Verdict};
use crate::transaction::error::{AbortCause, FatalError};
use crate::transaction::news::{Answer, Ended};

impl TransactionManager {
    /// An answer came, or won't. The request may be repeated `again` at the earliest, or where the
    /// transaction before is still being finished, `soon`.
    pub(crate) fn answered(
        &mut self,
        asked: &Asked,
        answer: Answer,
        again: Instant,
        soon: Instant,
    ) {
        self.in_flight = false;
        self.attempts += 1;
        let code = match answer {
            Answer::Code(code) => code,
            Answer::Lost => {
                self.bump |= !self.second && asked.is_of_transaction();
                ErrorCode::NetworkException
            }
            Answer::Done | Answer::Node(_) | Answer::Identity(_) => ErrorCode::None,
        };
        let verdict = match asked {
            // The request that would have begun the transaction was lost on its way.
            Asked::End { commit: false } if code == ErrorCode::InvalidTxnState && !self.started => {
                Verdict::Done
            }
            _ => asked.verdict(code),
        };
        if matches!(verdict, Verdict::Again | Verdict::Elsewhere) {
            self.unsure |= *asked == Asked::End { commit: true };
            self.maybe_started |= asked.begins();
        }
        let request = asked.name();
        let cause = AbortCause::Refused { request, code };
        match verdict {
            Verdict::Done => self.done(asked, answer),
            Verdict::Again => self.not_before = again,
            Verdict::Soon => self.not_before = soon,
            Verdict::Elsewhere => {
                self.not_before = again;
                match asked {
                    Asked::CommitOffsets => self.group_coordinator = None,
                    _ => self.coordinator = None,
                }
            }
            Verdict::Abort => self.abort_for(cause, again),
            Verdict::Forgotten => {
                self.forgotten = true;
                self.abort_for(cause, again);
            }
            Verdict::Fenced => self.fail(FatalError::Fenced),
            Verdict::Fatal => self.fail(FatalError::Refused { request, code }),
        }
        self.publish();
    }

    /// The transaction ends by this; where there is none, the same is asked again.
    fn abort_for(&mut self, cause: AbortCause, again: Instant) {
        match self.phase {
            Phase::Open | Phase::Ending { .. } => self.attempts = 0,
            _ => self.not_before = again,
        }
        self.doom(cause);
    }

    fn done(&mut self, asked: &Asked, answer: Answer) {
        self.attempts = 0;
        self.not_before = Instant::ZERO;
        self.started |= asked.begins();
        match (asked, answer) {
            (Asked::FindCoordinator(CoordinatorKind::Transaction), Answer::Node(node)) => {
                self.coordinator = Some(node);
            }
            (Asked::FindCoordinator(CoordinatorKind::Group), Answer::Node(node)) => {
                self.group_coordinator = self.group().map(|group| (group.into(), node));
            }
            (Asked::InitProducerId, Answer::Identity(identity)) => self.initialised(identity),
            (Asked::AddPartitions(lanes), _) => {
                for lane in lanes {
                    self.wanted.remove(lane);
                    self.joined.insert(*lane);
                }
            }
            (Asked::AddOffsets, _) => self.offsets_added = true,
            (Asked::CommitOffsets, _) => {
                if let Some(offsets) = self.offsets.pop_front() {
                    self.news.offsets_done = offsets.number;
                }
                self.offsets_added = false;
            }
            (Asked::End { commit }, Answer::Identity(identity)) => {
                self.ended(*commit, Some(identity));
            }
            (Asked::End { commit }, _) => self.ended(*commit, None),
            _ => {}
        }
    }

    fn initialised(&mut self, identity: Identity) {
        self.identity = Some(identity);
        (self.bump, self.forgotten) = (false, false);
        self.second = self.features.transaction_version >= 2;
        if self.phase == Phase::Initialising {
            self.phase = Phase::Idle;
        }
    }

    /// The transaction is over. Under version 2 that came with the next identity.
    pub(super) fn ended(&mut self, committed: bool, next: Option<Identity>) {
        let cause = self.cause.take();
        let ended = if committed { Ended::Committed } else { Ended::Aborted(cause) };
        self.news.last = Some(ended);
        self.news.ended += 1;
        self.joined.clear();
        self.wanted.clear();
        self.offsets.clear();
        self.offsets_added = false;
        self.unsure = false;
        (self.started, self.maybe_started) = (false, false);
        let may_begin_second = self.features.transaction_version >= 2;
        let upgrade = may_begin_second && !self.second;
        if next.is_some() {
            self.identity = next;
            self.bump = false;
        }
        let initialise = self.bump || self.forgotten || upgrade;
        self.second = may_begin_second;
        self.phase = if initialise { Phase::Initialising } else { Phase::Idle };
        self.publish();
    }
}
