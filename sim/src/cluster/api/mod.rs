//! One module per request, or per family of requests.

pub(super) mod configs;
pub(super) mod describe_cluster;
pub(super) mod fetch;
pub(super) mod find_coordinator;
pub(super) mod group;
pub(super) mod init_producer_id;
pub(super) mod list_offsets;
pub(super) mod metadata;
pub(super) mod offsets;
pub(super) mod produce;
pub(super) mod topics;
pub(super) mod transactions;
pub(super) mod versions;

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::Cluster;
use super::nodes::Node;
use super::partition::Partition;

/// Error code of success.
const NONE: i16 = 0;

fn text(string: impl Into<String>) -> StrBytes {
    StrBytes::from_string(string.into())
}

/// The error code of a result.
fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().err().map_or(NONE, ResponseError::code)
}

impl Cluster {
    /// The topic that a request names: by id where the request has ids, else by name.
    fn topic_name(&self, name: &str, id: Uuid) -> Result<String, ResponseError> {
        if id.is_nil() {
            return Ok(name.to_owned());
        }
        self.topics.name_of(id).map(str::to_owned).ok_or(ResponseError::UnknownTopicId)
    }

    /// The nodes that Metadata lists.
    fn registered_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.registered)
    }

    /// The node that plays the controller and coordinates all groups.
    fn controller(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.registered && node.up)
    }
}

/// Whether the leader epoch that a client names fits the partition's (KIP-320).
fn check_leader_epoch(partition: &Partition, named: i32) -> Result<(), ResponseError> {
    match named {
        ..0 => Ok(()),
        epoch if epoch < partition.leader_epoch => Err(ResponseError::FencedLeaderEpoch),
        epoch if epoch > partition.leader_epoch => Err(ResponseError::UnknownLeaderEpoch),
        _ => Ok(()),
    }
}
