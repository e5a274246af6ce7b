//! What can go wrong, said so that a program and a person know what to do next.
//!
//! Two moments, two types: [`SendError`] when a record is refused (it was never accepted), and
//! [`DeliveryError`] when an accepted record was not acknowledged.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::partitioner::PartitionError;
pub use crate::protocol::error_code::{ErrorCode, Written};
use crate::sync::Arc;
use crate::time::millis;

/// Why a record was not accepted. Nothing of it was stored or sent; the caller still has the
/// record.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// `buffer.memory` is used up (only `try_send` says this): wait with `send`, or drop by policy.
    BufferFull,
    /// Memory did not become free within `max.block.ms`.
    BufferExhausted {
        /// How long the call waited.
        waited: Duration,
    },
    /// The topic's partitions are not known yet (only `try_send` says this): they have been asked
    /// for.
    MetadataPending,
    /// The topic, or that partition of it, did not appear in the metadata within `max.block.ms`.
    NotInMetadata {
        /// The topic.
        topic: String,
        /// The partition that was asked for and how many there are, where the topic itself is
        /// known.
        partition: Option<(i32, u32)>,
        /// How long the call waited.
        waited: Duration,
        /// The last thing that went wrong on the way to the metadata, if anything did.
        cause: Option<Arc<str>>,
    },
    /// The cluster refuses the topic: an invalid name, or no permission.
    Topic {
        /// The topic.
        topic: String,
        /// The broker's code.
        code: ErrorCode,
    },
    /// No broker and this client accept each other: a wrong password, or a certificate that is not
    /// trusted. The next record tries again.
    Authentication {
        /// Which broker, and what was refused.
        why: Arc<str>,
    },
    /// The record is larger than `limit` bytes when serialized.
    RecordTooLarge {
        /// The record's size, with its overhead, uncompressed.
        size: usize,
        /// The limit.
        limit: usize,
        /// The configuration key of the limit.
        key: &'static str,
    },
    /// A negative partition or timestamp.
    InvalidRecord(&'static str),
    /// The partitioner chose a partition that the topic does not have.
    Partitioner(PartitionError),
    /// A serializer refused the key or the value.
    Serialization(String),
    /// The producer is closed, or was closed while the call waited.
    Closed,
}

impl SendError {
    /// Whether the same call may succeed later without any change.
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::BufferFull
                | Self::BufferExhausted { .. }
                | Self::MetadataPending
                | Self::NotInMetadata { .. }
        )
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferFull => {
                f.write_str("buffer.memory is full: wait with send, or retry later")
            }
            Self::BufferExhausted { waited } => write!(
                f,
                "buffer.memory stayed full for {} ms (max.block.ms): the brokers are slower than the sender",
                millis(*waited)
            ),
            Self::MetadataPending => f.write_str(
                "the topic's partitions are not known yet, or not the one that was asked for: wait \
                 with send, or retry later",
            ),
            Self::NotInMetadata { topic, partition, waited, cause } => {
                fmt_not_in_metadata(f, topic, *partition, *waited)?;
                fmt_cause(f, cause.as_deref())
            }
            Self::Topic { topic, code } => write!(f, "topic {topic}: {code}"),
            Self::Authentication { why } => write!(f, "authentication failed: {why}"),
            Self::RecordTooLarge { size, limit, key } => write!(
                f,
                "the record is {size} bytes when serialized, more than {key} = {limit}: raise {key} or send less"
            ),
            Self::InvalidRecord(why) => f.write_str(why),
            Self::Partitioner(error) => write!(f, "{error}"),
            Self::Serialization(why) => write!(f, "serialization failed: {why}"),
            Self::Closed => f.write_str("the producer is closed"),
        }
    }
}

/// What went wrong last, behind an error that comes from it.
pub(crate) fn fmt_cause(f: &mut fmt::Formatter<'_>, cause: Option<&str>) -> fmt::Result {
    match cause {
        Some(cause) => write!(f, "; last error: {cause}"),
        None => Ok(()),
    }
}

fn fmt_not_in_metadata(
    f: &mut fmt::Formatter<'_>,
    topic: &str,
    partition: Option<(i32, u32)>,
    waited: Duration,
) -> fmt::Result {
    let millis = millis(waited);
    match partition {
        None => write!(f, "topic {topic} not present in metadata after {millis} ms"),
        Some((partition, count)) => write!(
            f,
            "partition {partition} of topic {topic} with partition count {count} is not present in metadata after {millis} ms"
        ),
    }
}

impl core::error::Error for SendError {}

/// Why an accepted record was not acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DeliveryError {
    /// What happened.
    pub reason: Reason,
    /// Whether the record is in the log all the same.
    pub written: Written,
    /// How many times the batch was sent.
    pub attempts: u32,
    /// What the broker said in words, where it did.
    pub message: Option<Arc<str>>,
}

/// What ended a record's delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// `delivery.timeout.ms` passed; the last thing that went wrong before, if anything did.
    Expired {
        /// The last thing that went wrong before the time was up.
        last: Option<ErrorCode>,
    },
    /// The broker refused the batch, or retries were used up.
    Broker(ErrorCode),
    /// The broker refused a *different* record of the same batch (KIP-467); this one is fine.
    OtherRecordInvalid,
    /// The topic was deleted and created again while the record was on its way (KIP-516).
    TopicRecreated,
    /// The partition's leader and this client do not accept each other: a wrong password, or a
    /// certificate that is not trusted. The message says more.
    Authentication,
    /// The lease of the producer id ended before the record was acknowledged: under another id it
    /// could be stored twice.
    LeaseLost,
    /// Its transaction was aborted before the record was sent (KIP-654), or there is none. The
    /// message says more.
    TransactionAborted,
    /// The producer was closed by force before the record was acknowledged.
    Closed,
    /// The broker's old message format can't hold the record (Cargo feature `legacy-formats`).
    MessageFormat(&'static str),
    /// No codec could compress the batch.
    Compression(&'static str),
}

impl DeliveryError {
    /// Whether sending the same record again may succeed. Where [`written`](Self::written) is not
    /// `No`, it may also store the record twice.
    pub fn is_retriable(&self) -> bool {
        match &self.reason {
            Reason::Expired { .. }
            | Reason::OtherRecordInvalid
            | Reason::TopicRecreated
            | Reason::LeaseLost
            | Reason::TransactionAborted
            | Reason::Closed => true,
            Reason::Broker(code) => code.retriable(),
            Reason::Authentication | Reason::MessageFormat(_) | Reason::Compression(_) => false,
        }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Reason::Expired { last: None } => f.write_str("delivery.timeout.ms passed")?,
            Reason::Expired { last: Some(code) } => {
                write!(f, "delivery.timeout.ms passed; last error: {code}")?;
            }
            Reason::Broker(code) => write!(f, "{code}")?,
            Reason::OtherRecordInvalid => {
                f.write_str("another record of the same batch was refused; send this one again")?;
            }
            Reason::TopicRecreated => f.write_str("the topic was deleted and created again")?,
            Reason::Authentication => f.write_str("authentication failed")?,
            Reason::LeaseLost => f.write_str("the lease of the producer id has ended")?,
            Reason::TransactionAborted => f.write_str("the transaction was aborted")?,
            Reason::Closed => f.write_str("the producer was closed by force")?,
            Reason::MessageFormat(why) => f.write_str(why)?,
            Reason::Compression(why) => write!(f, "compression failed: {why}")?,
        }
        if let Some(message) = &self.message {
            write!(f, " ({message})")?;
        }
        let written = match self.written {
            Written::No => "not written",
            Written::Maybe => "possibly written",
            Written::Yes => "written, but not by enough replicas",
        };
        write!(f, " [{written}, {} attempts]", self.attempts)
    }
}

impl core::error::Error for DeliveryError {}
