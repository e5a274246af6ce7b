//! Produce (key 0, versions 3–13): record batches to the log, and what became of them.

mod received;
mod request;
mod response;

pub use received::{PartitionProduceRequest, ProduceRequest, TopicProduceRequest};
pub use request::ProduceRequestBuilder;
pub use response::{
    CurrentLeader, NodeEndpoint, PartitionProduceResponse, ProduceResponse, RecordError,
    TopicProduceResponse, TopicRef,
};
