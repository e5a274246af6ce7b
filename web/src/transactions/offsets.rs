//! A consumer group's offsets, as JavaScript hands them over.

use alloc::string::String;
use alloc::vec::Vec;

use ottla_core::sync::Platform;
use ottla_core::transaction::{ConsumedOffset, GroupMetadata, Transaction, TransactionError};

/// Offsets of one call, and whose they are.
#[derive(Debug)]
pub struct Offsets {
    /// Up to where the group consumed what.
    pub offsets: Vec<Offset>,
    /// Who did.
    pub group: Group,
}

/// [`ConsumedOffset`] with its own texts.
#[derive(Debug)]
pub struct Offset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The next record to be consumed.
    pub offset: i64,
    /// Of the last record consumed; below zero where it is not known.
    pub leader_epoch: i32,
    /// A note for the next consumer.
    pub metadata: String,
}

/// [`GroupMetadata`] with its own texts.
#[derive(Debug)]
pub struct Group {
    /// `group.id`.
    pub group_id: String,
    /// −1 for a consumer that chose its partitions itself.
    pub generation_id: i32,
    /// Empty for such a consumer.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
}

impl Offsets {
    pub(super) async fn send<X: Platform>(
        &self,
        transaction: &mut Transaction<'_, X>,
    ) -> Result<(), TransactionError> {
        let offsets: Vec<_> = self.offsets.iter().map(Offset::borrow).collect();
        let Group { group_id, generation_id, member_id, group_instance_id } = &self.group;
        let group = GroupMetadata {
            group_id,
            generation_id: *generation_id,
            member_id,
            group_instance_id: group_instance_id.as_deref(),
        };
        transaction.send_offsets(&offsets, &group).await
    }
}

impl Offset {
    fn borrow(&self) -> ConsumedOffset<'_> {
        ConsumedOffset {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            leader_epoch: (self.leader_epoch >= 0).then_some(self.leader_epoch),
            metadata: &self.metadata,
        }
    }
}
