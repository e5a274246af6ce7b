//! Which partition a record goes to.

use core::fmt::Debug;
use core::time::Duration;

use crate::sync::{Arc, Shareable};

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

/// A user's own partitioner. One instance serves all topics and sending threads.
pub trait Partitioner: Debug + Shareable {
    /// The id of the record's partition, in 0 … `partition_count` − 1; anything else fails the record.
    fn partition(&self, input: &PartitionInput<'_>) -> i32;

    /// Called when a batch of `previous` is full and a new one would begin (KIP-480), before `partition` is
    /// asked once more for the same record.
    fn on_new_batch(&self, topic: &str, previous: i32) {
        let _ = (topic, previous);
    }
}

/// The partitioner of a producer (`partitioner.class`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum PartitionerKind {
    /// Java's: murmur2 of the key, and without a key KIP-794's uniform sticky partitioning.
    #[default]
    BuiltIn,
    /// The available partitions in turn, keys ignored (Java's `RoundRobinPartitioner`).
    RoundRobin,
    /// A random available partition, keys ignored (librdkafka's `random`).
    Random,
    /// zlib's CRC-32 of the key (librdkafka's default `consistent_random`), random without a key.
    Crc32,
    /// murmur2 of the key; without a key one random partition per interval, as the 0.8 producer did.
    StickyTime {
        /// How long a topic stays with one partition (0.8: 600 s).
        interval: Duration,
    },
    /// The user's own.
    Custom(Arc<dyn Partitioner>),
}
