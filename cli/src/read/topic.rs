//! Reading a whole topic: where its partitions are, where they begin and end, and what is between.
//!
//! The versions used are spoken by every broker from 2.1 on, so there is nothing to negotiate.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, FetchRequest, ListOffsetsRequest, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use ottla::{BlockingClient, BrokerAddress, ErrorCode};

use super::aborted::Aborted;
use super::connection::Connection;
use crate::failure::Failure;

const METADATA_VERSION: i16 = 7;
const LIST_OFFSETS_VERSION: i16 = 4;
const FETCH_VERSION: i16 = 10;
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
const FETCH_BYTES: i32 = 8 * 1024 * 1024;
/// How often a fetch may bring nothing before the partition's end is reached.
const EMPTY_FETCHES_MAX: u32 = 20;

/// A topic with the brokers that lead its partitions.
#[derive(Debug)]
pub(crate) struct Topic {
    name: TopicName,
    /// Leader by partition.
    leaders: BTreeMap<i32, BrokerId>,
    connections: BTreeMap<BrokerId, Connection>,
    /// Whether only committed records are wanted.
    committed: bool,
}

/// What a fetch brought.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) records: Bytes,
    pub(crate) aborted: Aborted,
}

/// A partition's offsets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    /// The first record still stored.
    pub(crate) first: i64,
    /// One past the last record.
    pub(crate) end: i64,
}

impl Topic {
    /// Asks the first of the bootstrap servers that answers. Never creates the topic.
    pub(crate) fn open(client: BlockingClient, name: &str) -> Result<Self, Failure> {
        let mut bootstrap = Connection::new(client.bootstrap())?;
        let name = TopicName(StrBytes::from_string(name.to_owned()));
        let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![topic]))
            .with_allow_auto_topic_creation(false);
        let metadata = bootstrap.call(&request, METADATA_VERSION)?;
        let leaders = leaders(&metadata, &name)?;
        let mut connections = BTreeMap::new();
        for broker in &metadata.brokers {
            if leaders.values().any(|leader| *leader == broker.node_id) {
                let port = u16::try_from(broker.port).unwrap_or_default();
                let address = BrokerAddress::new(&*broker.host, port);
                let connection = Connection::new(client.connect(&address))?;
                connections.insert(broker.node_id, connection);
            }
        }
        Ok(Self { name, leaders, connections, committed: false })
    }

    /// Leaves out what is not committed.
    pub(crate) fn committed(self, committed: bool) -> Self {
        Self { committed, ..self }
    }

    /// The partitions' numbers.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.leaders.keys().copied().collect()
    }

    /// From where to where `partition` can be read now.
    pub(crate) fn range(&mut self, partition: i32) -> Result<Range, Failure> {
        Ok(Range { first: self.offset(partition, EARLIEST)?, end: self.offset(partition, LATEST)? })
    }

    fn offset(&mut self, partition: i32, which: i64) -> Result<i64, Failure> {
        let part =
            ListOffsetsPartition::default().with_partition_index(partition).with_timestamp(which);
        let topic =
            ListOffsetsTopic::default().with_name(self.name.clone()).with_partitions(vec![part]);
        let request = ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(self.committed.into())
            .with_topics(vec![topic]);
        let response = self.leader(partition)?.call(&request, LIST_OFFSETS_VERSION)?;
        let answer = response.topics.first().and_then(|topic| topic.partitions.first());
        let answer = answer.ok_or_else(|| Failure::new("the broker told no offsets"))?;
        check(answer.error_code, partition)?;
        Ok(answer.offset)
    }

    /// Gives `each` what is stored of `partition`, several batches at a time, until it has seen
    /// `range.end`; it returns the offset to go on from.
    pub(crate) fn fetch(
        &mut self,
        partition: i32,
        range: Range,
        mut each: impl FnMut(&mut Fetched) -> Result<Option<i64>, Failure>,
    ) -> Result<(), Failure> {
        let (mut offset, mut empty) = (range.first, 0);
        while offset < range.end {
            let mut fetched = self.fetch_once(partition, offset)?;
            match each(&mut fetched)? {
                Some(next) if next > offset => (offset, empty) = (next, 0),
                _ => empty += 1,
            }
            if empty > EMPTY_FETCHES_MAX {
                return Err(Failure::new(format!(
                    "partition {partition} gives nothing from offset {offset}, though it ends at {}",
                    range.end
                )));
            }
        }
        Ok(())
    }

    fn fetch_once(&mut self, partition: i32, offset: i64) -> Result<Fetched, Failure> {
        let part = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(FETCH_BYTES);
        let topic = FetchTopic::default().with_topic(self.name.clone()).with_partitions(vec![part]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(self.committed.into())
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES)
            .with_topics(vec![topic]);
        let response = self.leader(partition)?.call(&request, FETCH_VERSION)?;
        check(response.error_code, partition)?;
        let answer = response.responses.into_iter().next();
        let answer = answer.and_then(|topic| topic.partitions.into_iter().next());
        let answer = answer.ok_or_else(|| Failure::new("the broker left the partition out"))?;
        check(answer.error_code, partition)?;
        let aborted = answer.aborted_transactions.unwrap_or_default().into_iter();
        let aborted = aborted.map(|it| (it.first_offset, it.producer_id.0)).collect();
        let records = answer.records.unwrap_or_default();
        Ok(Fetched { records, aborted: Aborted::new(aborted) })
    }

    fn leader(&mut self, partition: i32) -> Result<&mut Connection, Failure> {
        let leader = self.leaders.get(&partition);
        leader
            .and_then(|leader| self.connections.get_mut(leader))
            .ok_or_else(|| Failure::new(format!("partition {partition} has no leader")))
    }
}

fn leaders(
    metadata: &MetadataResponse,
    name: &TopicName,
) -> Result<BTreeMap<i32, BrokerId>, Failure> {
    let topic = metadata.topics.iter().find(|topic| topic.name.as_ref() == Some(name));
    let topic = topic.ok_or_else(|| Failure::new("the broker left the topic out"))?;
    match ErrorCode::from_i16(topic.error_code) {
        ErrorCode::None => {}
        code => return Err(Failure::new(format!("topic {}: {code}", &**name))),
    }
    let partitions = topic.partitions.iter();
    Ok(partitions.map(|part| (part.partition_index, part.leader_id)).collect())
}

fn check(code: i16, partition: i32) -> Result<(), Failure> {
    match ErrorCode::from_i16(code) {
        ErrorCode::None => Ok(()),
        code => Err(Failure::new(format!("partition {partition}: {code}"))),
    }
}
