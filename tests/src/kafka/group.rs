//! A consumer of one partition, as small as can be: what was committed for its group, and the
//! records from there on. It speaks to the one node of a cluster, which leads and coordinates all.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    BrokerId, FetchRequest, FindCoordinatorRequest, GroupId, OffsetFetchRequest,
};
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::RecordBatchDecoder;
use ottla_sim::batch::BatchHeader;

use super::admin::{call, name};

/// All of them are spoken by Kafka 3.9 and 4.x, and name topics by their names.
const FETCH: i16 = 12;
const FIND_COORDINATOR: i16 = 4;
const OFFSET_FETCH: i16 = 7;

const MAX_BYTES: i32 = 1 << 18;
const MAX_WAIT_MS: i32 = 500;
/// A transaction that a killed producer left is decided by then.
const PATIENCE: Duration = Duration::from_secs(60);

/// One partition for one group.
#[derive(Debug, Clone, Copy)]
pub struct GroupReader<'a> {
    /// The node.
    pub address: SocketAddr,
    /// The group.
    pub group: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// The partition.
    pub partition: i32,
}

impl GroupReader<'_> {
    /// The offset that the group has committed, 0 if none; waits while a transaction that commits
    /// another is undecided (KIP-447).
    ///
    /// # Panics
    /// If there is no answer within a minute.
    #[must_use]
    #[track_caller]
    pub fn committed(&self) -> i64 {
        Self::committed_at_any(&[self.address], self.group, self.topic, self.partition)
    }

    /// The same where one of several nodes coordinates, and others may be down.
    ///
    /// # Panics
    /// If none of them answers within a minute.
    #[must_use]
    #[track_caller]
    pub fn committed_at_any(
        addresses: &[SocketAddr],
        group: &str,
        topic: &str,
        partition: i32,
    ) -> i64 {
        let deadline = Instant::now() + PATIENCE;
        let ask = |address: &SocketAddr| {
            let reader = GroupReader { address: *address, group, topic, partition };
            reader.try_committed().ok().flatten()
        };
        loop {
            if let Some(offset) = addresses.iter().find_map(ask) {
                return offset.max(0);
            }
            assert!(Instant::now() < deadline, "no committed offset of {group} at {addresses:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn try_committed(&self) -> io::Result<Option<i64>> {
        // The coordinator comes into being with the first question for it.
        let find = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(self.group)]);
        call(self.address, FIND_COORDINATOR, &find)?;
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name(self.topic))
            .with_partition_indexes(vec![self.partition]);
        let request = OffsetFetchRequest::default()
            .with_group_id(GroupId(text(self.group)))
            .with_topics(Some(vec![topic]))
            .with_require_stable(true);
        let response = call(self.address, OFFSET_FETCH, &request)?;
        let partition = response.topics.first().and_then(|topic| topic.partitions.first());
        let settled = |code| response.error_code == 0 && code == 0;
        Ok(partition.filter(|it| settled(it.error_code)).map(|it| it.committed_offset))
    }

    /// The next records from `offset` on, with their offsets; none at the end.
    ///
    /// # Panics
    /// If the node refuses.
    #[must_use]
    #[track_caller]
    pub fn fetch(&self, offset: i64) -> Vec<(i64, Vec<u8>)> {
        let partition = FetchPartition::default()
            .with_partition(self.partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(MAX_BYTES);
        let topic =
            FetchTopic::default().with_topic(name(self.topic)).with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(MAX_WAIT_MS)
            .with_min_bytes(1)
            .with_max_bytes(MAX_BYTES)
            .with_topics(vec![topic]);
        let mut response = call(self.address, FETCH, &request).expect("Fetch has an answer");
        let mut answers = response.responses.pop().expect("the topic's answer").partitions;
        let answer = answers.pop().expect("the partition's answer");
        assert_eq!(answer.error_code, 0, "Fetch was refused");
        let mut batches = answer.records.unwrap_or_default();
        batches.truncate(len_of_whole(&batches));
        let sets = RecordBatchDecoder::decode_all(&mut batches).expect("whole batches");
        let records = sets.into_iter().flat_map(|set| set.records);
        let wanted = records.filter(|record| record.offset >= offset && !record.control);
        wanted.map(|it| (it.offset, it.value.map_or_else(Vec::new, |it| it.to_vec()))).collect()
    }
}

/// Bytes of the batches that are whole: where an answer is full, the broker cuts the last one.
fn len_of_whole(batches: &[u8]) -> usize {
    let mut end = 0;
    while let Some(header) = BatchHeader::parse(&batches[end..])
        && header.size <= batches.len() - end
    {
        end += header.size;
    }
    end
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
