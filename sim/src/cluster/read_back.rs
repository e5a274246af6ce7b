//! The cluster's topics and logs as a test sees them: made, deleted and read without a client.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::Cluster;
use super::marker;
use super::nodes::replica_plan;
use crate::batch::BatchHeader;
use crate::records::{self, StoredRecord};

/// A batch as it stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// Its header, with the offset and leader epoch that it was given.
    pub header: BatchHeader,
    /// All its bytes.
    pub bytes: Bytes,
}

impl Cluster {
    /// Makes a topic.
    ///
    /// # Errors
    /// The broker's: `TOPIC_ALREADY_EXISTS`, `INVALID_TOPIC_EXCEPTION`, `INVALID_PARTITIONS`,
    /// `KAFKA_STORAGE_ERROR`.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        now: Duration,
    ) -> Result<Uuid, ResponseError> {
        self.changes += 1;
        let replicas = replica_plan(&self.nodes, self.config.replication_factor);
        Ok(self.topics.create(name, partitions, replicas, now)?.id)
    }

    /// Gives a topic more partitions, as `kafka-topics --alter` does. False if there is none.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn add_partitions(&mut self, name: &str, more: i32, now: Duration) -> io::Result<bool> {
        self.changes += 1;
        let replicas = replica_plan(&self.nodes, self.config.replication_factor);
        self.topics.add_partitions(name, more, replicas, now)
    }

    /// Deletes a topic; one made again under the same name has another id. False if there is none.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn delete_topic(&mut self, name: &str) -> io::Result<bool> {
        self.changes += 1;
        self.topics.delete(name)
    }

    /// Names, ids and partition counts of all topics.
    pub fn topics(&self) -> impl Iterator<Item = (&str, Uuid, usize)> {
        self.topics.iter().map(|(name, topic)| (name.as_str(), topic.id, topic.partitions.len()))
    }

    /// The node that leads a partition, and its leader epoch.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<(Option<i32>, i32)> {
        let partition = self.topics.get(topic)?.partition(partition)?;
        Some((partition.leader, partition.leader_epoch))
    }

    /// First offset and offset after the last of a partition.
    pub fn offsets(&self, topic: &str, partition: i32) -> Option<(i64, i64)> {
        let log = &self.topics.get(topic)?.partition(partition)?.log;
        Some((log.start_offset(), log.end_offset()))
    }

    /// Whole batches of a partition's log from the one that holds `offset` on, of `max_bytes` or
    /// few more, replicated or not; none if there is no such partition or no such offset.
    ///
    /// # Errors
    /// What the file system says, in a cluster with a data directory.
    pub fn batches(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max_bytes: usize,
    ) -> io::Result<Vec<StoredBatch>> {
        let partition = self.topics.get(topic).and_then(|topic| topic.partition(partition));
        let Some(partition) = partition else { return Ok(Vec::new()) };
        let batches = partition.log.read(offset, i64::MAX, max_bytes)?;
        let parsed = batches
            .into_iter()
            .filter_map(|bytes| Some(StoredBatch { header: BatchHeader::parse(&bytes)?, bytes }));
        Ok(parsed.collect())
    }

    /// What readers of committed records see of a partition once all transactions have ended, in
    /// the order of offsets.
    ///
    /// # Errors
    /// As [`records`](Self::records).
    pub fn committed_records(&self, topic: &str, partition: i32) -> io::Result<Vec<StoredRecord>> {
        let mut seen = Vec::new();
        let mut undecided = BTreeMap::<i64, Vec<StoredRecord>>::new();
        for StoredBatch { header, bytes } in self.batches(topic, partition, 0, usize::MAX)? {
            if let Some(commits) = marker::commits(&header, &bytes) {
                let records = undecided.remove(&header.producer_id);
                seen.extend(records.into_iter().flatten().filter(|_| commits));
                continue;
            }
            let records = records::read(&bytes);
            let records = records.map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it))?;
            if header.is_transactional() {
                undecided.entry(header.producer_id).or_default().extend(records);
            } else {
                seen.extend(records);
            }
        }
        seen.sort_by_key(|record| record.offset);
        Ok(seen)
    }

    /// What a reader of committed records is given now: the end of what it may read, and the
    /// offsets of the records below, as Fetch and its list of aborted transactions tell.
    pub fn committed_now(
        &mut self,
        topic: &str,
        partition: i32,
        now: Duration,
    ) -> Option<(i64, Vec<i64>)> {
        let partition = self.topics.partition_mut(topic, partition)?;
        let end = partition.last_stable_offset(now);
        let aborted: Vec<_> = partition.aborted_between(0, end).collect();
        let mut offsets = Vec::new();
        for header in partition.log.headers().filter(|header| header.last_offset() < end) {
            let is_aborted = aborted.iter().any(|it| {
                let range = it.first_offset..it.last_offset;
                it.producer_id == header.producer_id && range.contains(&header.base_offset)
            });
            let is_hidden = header.is_control() || (header.is_transactional() && is_aborted);
            if !is_hidden {
                offsets.extend(header.base_offset..=header.last_offset());
            }
        }
        Some((end, offsets))
    }

    /// The offset that a group has committed for a partition, if any.
    pub fn committed_offset(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let group = self.groups.get(&StrBytes::from_string(group.to_owned()))?;
        let key = (StrBytes::from_string(topic.to_owned()), partition);
        group.committed.get(&key).map(|committed| committed.offset)
    }

    /// The records of a partition from `offset` on, of batches of `max_bytes` or few more; none
    /// at the log's end. The next offset to ask for is the one after the last record's.
    ///
    /// # Errors
    /// `InvalidData` for a batch that can't be read; what the file system says, in a cluster with
    /// a data directory.
    pub fn records(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
        max_bytes: usize,
    ) -> io::Result<Vec<StoredRecord>> {
        let mut found = Vec::new();
        for batch in self.batches(topic, partition, offset, max_bytes)? {
            if batch.header.is_control() {
                continue;
            }
            let records = records::read(&batch.bytes);
            found.extend(
                records.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
            );
        }
        found.retain(|record| record.offset >= offset);
        Ok(found)
    }
}
