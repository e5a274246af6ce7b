//! What users give: one record, borrowed for the length of the call that sends it.

pub use crate::records::Header;

/// A record to be sent. Key, value and headers are borrowed; they are copied once, into the batch.
///
/// ```
/// # use ottla_core::Record;
/// let record = Record::new(b"value").key(b"key").timestamp(1_700_000_000_000);
/// assert_eq!(record.key, Some(&b"key"[..]));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// The stored key, if any. An empty key is a key.
    pub key: Option<&'a [u8]>,
    /// The stored value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order; keys may repeat (KIP-82).
    pub headers: &'a [Header<'a>],
    /// Milliseconds since 1970-01-01 UTC; `None` takes the clock's (KIP-32), which on 64-bit Linux
    /// is that of the system's last tick: 4 ms late as kernels usually are, 10 ms at most. Not
    /// negative.
    pub timestamp: Option<i64>,
    /// The partition; `None` lets the partitioner choose.
    pub partition: Option<i32>,
    /// What the partitioner hashes instead of `key`; routes only, never stored.
    pub partition_key: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    /// A record with a value and nothing else.
    pub fn new(value: &'a [u8]) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    /// A record without a value: deletes its key from a compacted topic.
    pub fn tombstone(key: &'a [u8]) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// With this key.
    #[must_use]
    pub fn key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key), ..self }
    }

    /// With these headers.
    #[must_use]
    pub fn headers(self, headers: &'a [Header<'a>]) -> Self {
        Self { headers, ..self }
    }

    /// With this timestamp, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn timestamp(self, millis: i64) -> Self {
        Self { timestamp: Some(millis), ..self }
    }

    /// To this partition.
    #[must_use]
    pub fn partition(self, partition: i32) -> Self {
        Self { partition: Some(partition), ..self }
    }

    /// Routed by this instead of the key.
    #[must_use]
    pub fn partition_key(self, partition_key: &'a [u8]) -> Self {
        Self { partition_key: Some(partition_key), ..self }
    }

    /// What the partitioner hashes: the partition key, else the key.
    pub fn routing_key(&self) -> Option<&'a [u8]> {
        self.partition_key.or(self.key)
    }
}

/// Where a record landed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The partition.
    pub partition: i32,
    /// The record's offset; `None` with `acks=0`, and where a broker answered that it had the
    /// record already without saying where (`DUPLICATE_SEQUENCE_NUMBER`).
    pub offset: Option<i64>,
    /// The stored timestamp in milliseconds: the record's own, or the broker's for topics with
    /// `LogAppendTime`.
    pub timestamp: i64,
}
