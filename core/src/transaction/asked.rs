//! The requests of a transaction, and what becomes of it by their answers.

use alloc::vec::Vec;

use crate::error::ErrorCode;
use crate::protocol::api_key::ApiKey;
use crate::protocol::find_coordinator::CoordinatorKind;

/// A request to a coordinator, or for one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    FindCoordinator(CoordinatorKind),
    InitProducerId,
    /// The lanes of the partitions.
    AddPartitions(Vec<u32>),
    AddOffsets,
    CommitOffsets,
    End {
        commit: bool,
    },
}

impl Asked {
    /// What Kafka calls it.
    pub(crate) fn key(&self) -> ApiKey {
        match self {
            Self::FindCoordinator(_) => ApiKey::FindCoordinator,
            Self::InitProducerId => ApiKey::InitProducerId,
            Self::AddPartitions(_) => ApiKey::AddPartitionsToTxn,
            Self::AddOffsets => ApiKey::AddOffsetsToTxn,
            Self::CommitOffsets => ApiKey::TxnOffsetCommit,
            Self::End { .. } => ApiKey::EndTxn,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::FindCoordinator(_) => "FindCoordinator",
            Self::InitProducerId => "InitProducerId",
            Self::AddPartitions(_) => "AddPartitionsToTxn",
            Self::AddOffsets => "AddOffsetsToTxn",
            Self::CommitOffsets => "TxnOffsetCommit",
            Self::End { .. } => "EndTxn",
        }
    }

    /// Whether the coordinator knows of the transaction by it.
    pub(super) fn begins(&self) -> bool {
        matches!(self, Self::AddPartitions(_) | Self::AddOffsets | Self::CommitOffsets)
    }

    /// Whether it is about the transaction that goes on, which version 1 does not name.
    pub(super) fn is_of_transaction(&self) -> bool {
        self.begins() || matches!(self, Self::End { .. })
    }

    /// What an answer's code means. The cases are those of Java's `TransactionManager`.
    pub(super) fn verdict(&self, code: ErrorCode) -> Verdict {
        use ErrorCode as Code;
        match (self, code) {
            (_, Code::None) => Verdict::Done,
            (Self::FindCoordinator(_), code) if code.retriable() => Verdict::Again,
            (_, Code::CoordinatorNotAvailable | Code::NotCoordinator) => Verdict::Elsewhere,
            (Self::CommitOffsets, Code::RequestTimedOut) => Verdict::Elsewhere,
            (_, Code::ConcurrentTransactions) => Verdict::Soon,
            (_, code) if code.retriable() => Verdict::Again,
            (_, Code::ProducerFenced | Code::InvalidProducerEpoch) => Verdict::Fenced,
            (Self::InitProducerId, _) => Verdict::Fatal,
            (_, Code::TransactionAbortable) => Verdict::Abort,
            (_, Code::InvalidProducerIdMapping | Code::UnknownProducerId) => Verdict::Forgotten,
            (Self::FindCoordinator(_) | Self::AddOffsets, Code::GroupAuthorizationFailed) => {
                Verdict::Abort
            }
            (
                Self::CommitOffsets,
                Code::GroupAuthorizationFailed
                | Code::FencedInstanceId
                | Code::UnknownMemberId
                | Code::IllegalGeneration
                | Code::TopicAuthorizationFailed,
            ) => Verdict::Abort,
            (
                Self::AddPartitions(_),
                Code::InvalidTxnState
                | Code::TransactionalIdAuthorizationFailed
                | Code::UnsupportedVersion,
            ) => Verdict::Fatal,
            (Self::AddPartitions(_), _) => Verdict::Abort,
            _ => Verdict::Fatal,
        }
    }
}

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Done,
    /// The same again, after a while.
    Again,
    /// The same again very soon: the transaction before is still being finished.
    Soon,
    /// Another broker is the coordinator: find it, and ask it the same.
    Elsewhere,
    /// The transaction has to be aborted.
    Abort,
    /// It has to be aborted, and the coordinator knows nothing of it any more.
    Forgotten,
    /// Another producer has the transactional id.
    Fenced,
    /// Nothing helps.
    Fatal,
}
