//! The request, without its record batches.

use alloc::vec::Vec;

use crate::protocol::api_key::ApiKey;
use crate::protocol::codec::{
    put_i16, put_i32, put_length, put_no_tags, put_nullable_string, put_string, put_uuid,
};
use crate::protocol::header::{RequestStart, begin_request, finish_request};
use crate::protocol::uuid::Uuid;

/// Writes everything of a Produce request but the batches, which stay where they are: the caller
/// sends them in between with vectored writes, each at the place that
/// [`partition`](Self::partition) names.
///
/// ```
/// use ottla_core::protocol::{produce::ProduceRequestBuilder, uuid::Uuid};
/// # let batch = [0u8; 61];
/// let mut head = Vec::new();
/// let mut request = ProduceRequestBuilder::begin(&mut head, 12, 1, "app", None, -1, 30_000, 1);
/// request.topic("clicks", Uuid::ZERO, 1);
/// let splice = request.partition(0, batch.len());
/// request.end_partition();
/// request.end_topic();
/// request.finish(batch.len());
/// let on_the_wire = [&head[..splice], &batch, &head[splice..]];
/// ```
#[derive(Debug)]
#[must_use = "a request is complete after `finish`"]
pub struct ProduceRequestBuilder<'b> {
    buf: &'b mut Vec<u8>,
    start: RequestStart,
    version: i16,
}

impl<'b> ProduceRequestBuilder<'b> {
    /// Appends size, header and the fields before the topics. `acks` is −1 (all in-sync replicas),
    /// 1 (the leader) or 0 (none, and no response); `timeout_ms` bounds how long the broker waits
    /// for the replicas.
    #[expect(clippy::too_many_arguments, reason = "they are the message's fields, in its order")]
    pub fn begin(
        buf: &'b mut Vec<u8>,
        version: i16,
        correlation_id: i32,
        client_id: &str,
        transactional_id: Option<&str>,
        acks: i16,
        timeout_ms: i32,
        topic_count: usize,
    ) -> Self {
        let version = ApiKey::Produce.fixed(version);
        let flexible = ApiKey::Produce.is_flexible(version);
        let start = begin_request(buf, ApiKey::Produce, version, correlation_id, client_id);
        if version >= 3 {
            put_nullable_string(buf, transactional_id, flexible);
        }
        put_i16(buf, acks);
        put_i32(buf, timeout_ms);
        put_length(buf, Some(topic_count as u32), flexible);
        Self { buf, start, version }
    }

    /// Begins a topic: by `name`, or from version 13 on by `topic_id`.
    pub fn topic(&mut self, name: &str, topic_id: Uuid, partition_count: usize) {
        if ApiKey::Produce.fixed(self.version) >= 13 {
            put_uuid(self.buf, topic_id);
        } else {
            put_string(self.buf, name, self.is_flexible());
        }
        put_length(self.buf, Some(partition_count as u32), self.is_flexible());
    }

    /// Begins a partition of `batch_len` bytes. Returns the buffer's length, which is where these
    /// bytes belong on the wire.
    pub fn partition(&mut self, index: i32, batch_len: usize) -> usize {
        put_i32(self.buf, index);
        put_length(self.buf, Some(batch_len as u32), self.is_flexible());
        self.buf.len()
    }

    /// Ends a partition.
    pub fn end_partition(&mut self) {
        put_no_tags(self.buf, self.is_flexible());
    }

    /// Ends a topic.
    pub fn end_topic(&mut self) {
        put_no_tags(self.buf, self.is_flexible());
    }

    /// Ends the request, whose batches are `batch_bytes` long together.
    pub fn finish(self, batch_bytes: usize) {
        put_no_tags(self.buf, self.is_flexible());
        finish_request(self.buf, self.start, batch_bytes);
    }

    fn is_flexible(&self) -> bool {
        ApiKey::Produce.is_flexible(self.version)
    }
}
