//! What can go wrong with a transaction: what ends it alone, and what ends the producer (KIP-1050).

use core::fmt;
use core::time::Duration;

use crate::error::{DeliveryError, ErrorCode, fmt_cause};
use crate::sync::Arc;
use crate::time::millis;

/// Why a call about a transaction did not do what it was asked to.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TransactionError {
    /// The transaction can't be committed: nothing of it is, or will be, visible. Begin another.
    Abortable(AbortCause),
    /// The producer can't go on. What was not committed is, or will be, aborted.
    Fatal(FatalError),
    /// Whether the transaction was committed is not known: the coordinator did not say before the
    /// producer was fenced.
    Undecided(FatalError),
    /// There was no answer within `max.block.ms`. What was asked for goes on in the background;
    /// [`settle`](crate::transaction::TransactionalProducer::settle) tells how it ends.
    TimedOut {
        /// How long the call waited.
        waited: Duration,
        /// The last thing that went wrong on the way to the cluster, if anything did.
        cause: Option<Arc<str>>,
    },
}

/// Why a transaction has to be aborted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AbortCause {
    /// A record was not acknowledged.
    Record(DeliveryError),
    /// A broker refused something: a partition, a group's offsets, or the transaction itself.
    Refused {
        /// What was asked of it, as Kafka names the request.
        request: &'static str,
        /// What it said.
        code: ErrorCode,
    },
    /// A topic that takes part was deleted and created again.
    TopicRecreated,
    /// The brokers are older than 2.5, and can't check the group's generation (KIP-447).
    GroupNotChecked,
    /// The producer is being closed.
    Closed,
}

/// Why a producer can take part in no further transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FatalError {
    /// Another producer has taken over the transactional id, or the transaction took longer than
    /// `transaction.timeout.ms`.
    Fenced,
    /// A broker refused something that trying again does not change.
    Refused {
        /// What was asked of it, as Kafka names the request.
        request: &'static str,
        /// What it said.
        code: ErrorCode,
    },
    /// No broker and this client accept each other.
    Authentication {
        /// Which broker, and what was refused.
        why: Arc<str>,
    },
    /// The brokers are too old for what has to be done next.
    Unsupported(&'static str),
    /// The producer is closed.
    Closed,
}

impl TransactionError {
    /// Whether another transaction may succeed with the same producer.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_) | Self::Undecided(_))
    }
}

impl From<AbortCause> for TransactionError {
    fn from(cause: AbortCause) -> Self {
        Self::Abortable(cause)
    }
}

impl From<FatalError> for TransactionError {
    fn from(error: FatalError) -> Self {
        Self::Fatal(error)
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abortable(cause) => {
                write!(f, "the transaction was not committed: {cause}; begin another")
            }
            Self::Fatal(error) => write!(f, "no further transaction with this producer: {error}"),
            Self::Undecided(error) => {
                write!(f, "whether the transaction was committed is not known: {error}")
            }
            Self::TimedOut { waited, cause } => {
                write!(f, "no answer within {} ms (max.block.ms)", millis(*waited))?;
                fmt_cause(f, cause.as_deref())
            }
        }
    }
}

impl core::error::Error for TransactionError {}

impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(error) => write!(f, "a record was not acknowledged: {error}"),
            Self::Refused { request, code } => write!(f, "{request} was refused: {code}"),
            Self::TopicRecreated => f.write_str("a topic was deleted and created again"),
            Self::GroupNotChecked => f.write_str(
                "brokers before 2.5 can't check a group's generation: give the group's id alone",
            ),
            Self::Closed => f.write_str("the producer was closed"),
        }
    }
}

impl fmt::Display for FatalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fenced => f.write_str(
                "another producer uses the same transactional.id, or the transaction took longer \
                 than transaction.timeout.ms",
            ),
            Self::Refused { request, code: ErrorCode::InvalidTransactionTimeout } => write!(
                f,
                "{request} was refused: transaction.timeout.ms is longer than the brokers' \
                 transaction.max.timeout.ms"
            ),
            Self::Refused { request, code } => write!(f, "{request} was refused: {code}"),
            Self::Authentication { why } => write!(f, "authentication failed: {why}"),
            Self::Unsupported(why) => f.write_str(why),
            Self::Closed => f.write_str("the producer is closed"),
        }
    }
}
