//! The offsets that a consume–transform–produce application commits with its transactions.

use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::txn_offset_commit::OffsetToCommit;

/// Up to where a partition was consumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumedOffset<'a> {
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to be consumed.
    pub offset: i64,
    /// The leader epoch of the last record consumed (KIP-320), where it is known.
    pub leader_epoch: Option<i32>,
    /// A note, which the group's next consumer gets to see. Usually empty.
    pub metadata: &'a str,
}

impl<'a> ConsumedOffset<'a> {
    /// The next record of `topic`'s partition to be consumed is the one at `offset`.
    #[must_use]
    pub fn new(topic: &'a str, partition: i32, offset: i64) -> Self {
        Self { topic, partition, offset, leader_epoch: None, metadata: "" }
    }
}

/// What the consumer's group knows of it (KIP-447), so that the broker refuses the offsets of one
/// that has lost its partitions. Java: `ConsumerGroupMetadata`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupMetadata<'a> {
    /// `group.id`.
    pub group_id: &'a str,
    /// The generation, or with the protocol of KIP-848 the member epoch; −1 for a consumer that
    /// chose its partitions itself.
    pub generation_id: i32,
    /// The member's id; empty for a consumer that chose its partitions itself.
    pub member_id: &'a str,
    /// `group.instance.id`, where there is one.
    pub group_instance_id: Option<&'a str>,
}

impl<'a> GroupMetadata<'a> {
    /// For a consumer that chose its partitions itself: nobody checks whether they are still its.
    #[must_use]
    pub fn of_group(group_id: &'a str) -> Self {
        Self { group_id, generation_id: -1, member_id: "", group_instance_id: None }
    }
}

/// One call's offsets.
#[derive(Clone, Debug)]
pub(crate) struct Offsets {
    /// As the how manieth.
    pub(crate) number: u64,
    pub(crate) group_id: String,
    pub(crate) generation_id: i32,
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    topics: Vec<(String, Vec<Owned>)>,
}

#[derive(Clone, Debug)]
struct Owned {
    partition: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: String,
}

impl Offsets {
    pub(crate) fn new(
        number: u64,
        offsets: &[ConsumedOffset<'_>],
        group: &GroupMetadata<'_>,
    ) -> Self {
        let mut topics: Vec<(String, Vec<Owned>)> = Vec::new();
        for offset in offsets {
            let owned = Owned {
                partition: offset.partition,
                offset: offset.offset,
                leader_epoch: offset.leader_epoch.unwrap_or(-1),
                metadata: offset.metadata.into(),
            };
            match topics.iter_mut().find(|(name, _)| name == offset.topic) {
                Some((_, offsets)) => offsets.push(owned),
                None => topics.push((offset.topic.into(), alloc::vec![owned])),
            }
        }
        Self {
            number,
            group_id: group.group_id.into(),
            generation_id: group.generation_id,
            member_id: group.member_id.into(),
            group_instance_id: group.group_instance_id.map(Into::into),
            topics,
        }
    }

    /// Whether the group has to check who commits, which brokers before 2.5 can't.
    pub(crate) fn names_member(&self) -> bool {
        self.generation_id >= 0 || !self.member_id.is_empty() || self.group_instance_id.is_some()
    }

    /// As the request wants them.
    pub(crate) fn topics(&self) -> Vec<(&str, Vec<OffsetToCommit<'_>>)> {
        self.topics
            .iter()
            .map(|(name, offsets)| (name.as_str(), offsets.iter().map(Owned::borrow).collect()))
            .collect()
    }
}

impl Owned {
    fn borrow(&self) -> OffsetToCommit<'_> {
        OffsetToCommit {
            partition: self.partition,
            offset: self.offset,
            leader_epoch: self.leader_epoch,
            metadata: &self.metadata,
        }
    }
}
