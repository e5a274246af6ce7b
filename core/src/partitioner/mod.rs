//! Which partition a record goes to.
//!
//! | [`PartitionerKind`] | with a key | without a key |
//! |---|---|---|
//! | `BuiltIn` | [`murmur2`] % n, as Java | [`UniformPartitioner`] (KIP-794) |
//! | `RoundRobin` | ignored | the available partitions in turn |
//! | `Random` | ignored | a random available partition |
//! | `Crc32` | [`crc32`] % n, as librdkafka | a random available partition |
//! | `Crc32Consistent` | [`crc32`] % n, as librdkafka | the partition of the empty key |
//! | `StickyTime` | [`murmur2`] % n | one available partition per interval (0.8) |
//! | `Custom` | the user's own | the user's own |

mod crc32;
mod kind;
mod load;
mod murmur2;
mod topic;
mod uniform;

use core::fmt::Debug;

pub use crc32::crc32;
pub use kind::{PartitionerKind, UnknownPartitioner};
pub(crate) use load::ADAPTIVE;
pub use load::{LoadStats, NodeLatency};
pub use murmur2::{murmur2, partition_for_key};
pub use topic::{Choice, PartitionError, TopicPartitioner};
pub use uniform::{Partitions, UniformPartitioner};

use crate::sync::Shareable;

/// What a partitioner may look at.
#[derive(Clone, Copy, Debug)]
pub struct PartitionInput<'a> {
    /// The record's topic.
    pub topic: &'a str,
    /// The key that routes the record: its partition key if it has one, else its stored key.
    pub key: Option<&'a [u8]>,
    /// The record's value.
    pub value: Option<&'a [u8]>,
    /// How many partitions the topic has; their ids are 0 … count − 1.
    pub partition_count: u32,
    /// The ids of the partitions that have a leader now, ascending.
    pub available: &'a [i32],
}

impl<'a> PartitionInput<'a> {
    /// The topic's partitions, without the record.
    #[must_use]
    pub const fn partitions(&self) -> Partitions<'a> {
        Partitions { count: self.partition_count, available: self.available }
    }
}

/// A user's own partitioner. One instance serves all topics and sending threads. It runs under a
/// lock of the topic where threads share a handle: it must not send with the producer itself.
///
/// ```
/// # use ottla_core::partitioner::{PartitionInput, Partitioner, partition_for_key};
/// /// Keeps partition 0 for the records of one important customer.
/// #[derive(Debug)]
/// struct Reserved;
///
/// impl Partitioner for Reserved {
///     fn partition(&self, input: &PartitionInput<'_>) -> i32 {
///         match input.key {
///             Some(b"banana") => 0,
///             key => 1 + partition_for_key(key.unwrap_or_default(), input.partition_count - 1),
///         }
///     }
/// }
///
/// let key = Some(b"banana".as_slice());
/// let available = &[0, 1, 2];
/// let input =
///     PartitionInput { topic: "fruit", key, value: None, partition_count: 3, available };
/// assert_eq!(Reserved.partition(&input), 0);
/// ```
pub trait Partitioner: Debug + Shareable {
    /// The id of the record's partition, in 0 … `partition_count` − 1; any other number fails the
    /// record.
    fn partition(&self, input: &PartitionInput<'_>) -> i32;

    /// The newest batch of `previous` has no room and a new one would begin (KIP-480). Afterwards
    /// `partition` is asked once more for the same record, and its second answer holds.
    ///
    /// Move a sticky choice here, but do not count the second call as another record: a round robin
    /// that does skips every second partition (KAFKA-9965).
    fn on_new_batch(&self, topic: &str, previous: i32) {
        let _ = (topic, previous);
    }
}
