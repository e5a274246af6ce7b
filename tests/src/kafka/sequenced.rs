//! Single batches under an identity of the test's choosing: what a broker takes and what it refuses
//! of a producer that any byte of the request may impersonate.

use std::thread;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, InitProducerIdRequest, ProduceRequest, RequestHeader};
use kafka_protocol::protocol::Encodable;
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions,
    TimestampType,
};

use super::admin::{call, name};
use super::cluster::Cluster;

/// Both are spoken by Kafka 3.9 and 4.x, and name topics by their names.
const PRODUCE: i16 = 9;
const INIT_PRODUCER_ID: i16 = 4;

/// 2023-11-14 in milliseconds.
const TIMESTAMP: i64 = 1_700_000_000_000;
const REPLICATION_TIMEOUT_MS: i32 = 10_000;

/// How long a question may go unanswered because a leader is being elected.
const PATIENCE: Duration = Duration::from_secs(60);

/// As whom a batch is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The producer id.
    pub producer_id: i64,
    /// Its epoch.
    pub epoch: i16,
}

impl Cluster {
    /// Lets the cluster hand out a producer id.
    ///
    /// # Panics
    /// If it hands out none within a minute.
    #[must_use]
    #[track_caller]
    pub fn init_producer_id(&self) -> Identity {
        let address = self.address(self.node_ids().next().expect("a cluster has nodes"));
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let response = retry(|| {
            let response = call(address, INIT_PRODUCER_ID, &request).ok()?;
            (response.error_code == 0).then_some(response)
        });
        Identity { producer_id: response.producer_id.0, epoch: response.producer_epoch }
    }

    /// Sends a batch with one record per value to the partition's leader, once and with `acks=all`;
    /// returns the offset that the leader tells, or why it refuses. Only what says that another
    /// node leads, or that nobody answers, is asked again.
    ///
    /// # Panics
    /// If there is no answer within a minute.
    #[track_caller]
    pub fn produce_as(
        &self,
        identity: Identity,
        (topic, partition): (&str, i32),
        base_sequence: i32,
        values: &[&str],
    ) -> Result<i64, ResponseError> {
        let request = produce_request(topic, partition, batch(identity, base_sequence, values));
        let index = usize::try_from(partition).expect("a partition's number");
        retry(|| {
            let leader = self.address(self.leader(topic, index));
            let response = call(leader, PRODUCE, &request).ok()?;
            let answer = &response.responses.first()?.partition_responses[0];
            match ResponseError::try_from_code(answer.error_code) {
                None => Some(Ok(answer.base_offset)),
                Some(ResponseError::NotLeaderOrFollower | ResponseError::NotEnoughReplicas) => None,
                Some(error) => Some(Err(error)),
            }
        })
    }
}

/// A whole Produce request frame, its size included, with one batch of one record per value.
///
/// # Panics
/// If memory does not take it.
#[must_use]
pub fn produce_frame(
    identity: Identity,
    (topic, partition): (&str, i32),
    base_sequence: i32,
    values: &[&str],
) -> Vec<u8> {
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Produce as i16)
        .with_request_api_version(PRODUCE);
    let mut frame = BytesMut::new();
    let version = ApiKey::Produce.request_header_version(PRODUCE);
    header.encode(&mut frame, version).expect("memory takes any header");
    produce_request(topic, partition, batch(identity, base_sequence, values))
        .encode(&mut frame, PRODUCE)
        .expect("memory takes any request");
    [&(frame.len() as u32).to_be_bytes(), &frame[..]].concat()
}

fn produce_request(topic: &str, partition: i32, batch: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
    let topic = TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(REPLICATION_TIMEOUT_MS)
        .with_topic_data(vec![topic])
}

fn batch(identity: Identity, base_sequence: i32, values: &[&str]) -> Bytes {
    let records: Vec<Record> = (0..)
        .zip(values)
        .map(|(place, value)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(place),
            sequence: base_sequence + place,
            timestamp: TIMESTAMP,
            key: None,
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: Default::default(),
        })
        .collect();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut batch = BytesMut::new();
    RecordBatchEncoder::encode(&mut batch, &records, &options).expect("memory takes any record");
    batch.freeze()
}

/// Asks until there is an answer.
#[track_caller]
fn retry<T>(mut question: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "no answer in time");
        thread::sleep(Duration::from_millis(100));
    }
}
