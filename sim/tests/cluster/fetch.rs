//! Reading back: Fetch and ListOffsets.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{ApiKey, FetchRequest, ListOffsetsRequest};
use kafka_protocol::records::RecordBatchDecoder;
use ottla_sim::cluster::{Cluster, ClusterConfig, Reply};

use super::support::*;

const WAIT: Duration = Duration::from_millis(500);

fn fetch_request(cluster: &Cluster, version: i16, offset: i64, max_bytes: i32) -> FetchRequest {
    let partition =
        FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(max_bytes);
    let topic = FetchTopic::default().with_partitions(vec![partition]);
    let topic = if version >= 13 {
        topic.with_topic_id(cluster.topics().find(|it| it.0 == TOPIC).unwrap().1)
    } else {
        topic.with_topic(topic_name(TOPIC))
    };
    FetchRequest::default()
        .with_max_wait_ms(WAIT.as_millis() as i32)
        .with_min_bytes(1)
        .with_max_bytes(max_bytes)
        .with_topics(vec![topic])
}

fn only(version: i16, reply: Reply) -> PartitionData {
    let mut response = response!(decode(ApiKey::Fetch, version, sent(reply)), Fetch);
    assert_eq!((response.error_code, response.session_id), (NONE, 0));
    response.responses.remove(0).partitions.remove(0)
}

fn fetch(cluster: &mut Cluster, version: i16, offset: i64, max_bytes: i32) -> PartitionData {
    let request = fetch_request(cluster, version, offset, max_bytes);
    only(version, ask(cluster, NODE, ApiKey::Fetch, version, request, NOW))
}

#[test]
fn every_version_gives_back_the_records_with_their_offsets() {
    let mut cluster = one_node();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(3));
    for version in 4..=17 {
        let data = fetch(&mut cluster, version, 0, 1 << 20);
        assert_eq!((data.error_code, data.high_watermark), (NONE, 5));
        let sets = RecordBatchDecoder::decode_all(&mut data.records.unwrap()).unwrap();
        let offsets: Vec<i64> =
            sets.iter().flat_map(|set| &set.records).map(|it| it.offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3, 4], "v{version}");
    }
}

#[test]
fn an_offset_inside_a_batch_gives_the_whole_batch() {
    let mut cluster = one_node();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(3));
    let data = fetch(&mut cluster, 12, 3, 1 << 20);
    let sets = RecordBatchDecoder::decode_all(&mut data.records.unwrap()).unwrap();
    assert_eq!((sets.len(), sets[0].records[0].offset), (1, 2));
}

#[test]
fn the_first_batch_comes_whatever_its_size_and_no_more_than_fit() {
    let mut cluster = one_node();
    produce(&mut cluster, &batch(2));
    produce(&mut cluster, &batch(2));
    let size = batch(2).bytes().len();
    for (max_bytes, expected) in
        [(1, size), (size, size), (2 * size - 1, size), (2 * size, 2 * size)]
    {
        let data = fetch(&mut cluster, 12, 0, max_bytes as i32);
        assert_eq!(data.records.unwrap().len(), expected);
    }
}

#[test]
fn offsets_beyond_the_log_are_out_of_range() {
    let mut cluster = one_node();
    for offset in [-1, 1] {
        let data = fetch(&mut cluster, 12, offset, 1000);
        assert_eq!(data.error_code, ResponseError::OffsetOutOfRange.code());
    }
}

#[test]
fn a_fetch_waits_for_records() {
    let mut cluster = one_node();
    let request = fetch_request(&cluster, 12, 0, 1000);
    let reply = ask(&mut cluster, NODE, ApiKey::Fetch, 12, request, NOW);
    let Reply::Later { token, at } = reply else { panic!("{reply:?}") };
    assert_eq!(at, NOW + WAIT);
    let changes = cluster.changes();
    produce(&mut cluster, &batch(1));
    assert_ne!(cluster.changes(), changes);
    assert!(!only(12, cluster.resume(token, NOW)).records.unwrap().is_empty());
}

#[test]
fn a_fetch_ends_empty_when_its_time_is_over() {
    let mut cluster = one_node();
    let request = fetch_request(&cluster, 12, 0, 1000);
    let reply = ask(&mut cluster, NODE, ApiKey::Fetch, 12, request, NOW);
    let Reply::Later { token, at } = reply else { panic!("{reply:?}") };
    assert!(only(12, cluster.resume(token, at)).records.unwrap().is_empty());
}

#[test]
fn a_cancelled_fetch_is_forgotten() {
    let mut cluster = one_node();
    let request = fetch_request(&cluster, 12, 0, 1000);
    let reply = ask(&mut cluster, NODE, ApiKey::Fetch, 12, request, NOW);
    let Reply::Later { token, .. } = reply else { panic!("{reply:?}") };
    cluster.cancel(token);
    assert_eq!(cluster.resume(token, NOW), Reply::Nothing);
}

#[test]
fn only_what_is_replicated_can_be_read() {
    let lag = Duration::from_millis(20);
    let config = ClusterConfig { replication_lag: lag, ..ClusterConfig::default() };
    let mut cluster = with_nodes(3, config);
    let request = produce_request(1, 0, batch(1).bytes());
    ask(&mut cluster, NODE, ApiKey::Produce, 9, request, NOW);
    let request = fetch_request(&cluster, 12, 0, 1000);
    let reply = ask(&mut cluster, NODE, ApiKey::Fetch, 12, request.clone(), NOW);
    assert!(matches!(reply, Reply::Later { .. }));
    let reply = ask(&mut cluster, NODE, ApiKey::Fetch, 12, request, NOW + lag);
    assert!(!only(12, reply).records.unwrap().is_empty());
}

fn list(cluster: &mut Cluster, version: i16, timestamp: i64) -> (i64, i64) {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let topic =
        ListOffsetsTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    let response = response!(call(cluster, ApiKey::ListOffsets, version, request), ListOffsets);
    let answer = &response.topics[0].partitions[0];
    assert_eq!(answer.error_code, NONE);
    (answer.offset, answer.timestamp)
}

#[test]
fn offsets_are_listed_from_the_ends_and_by_time() {
    let mut cluster = one_node();
    for timestamp in [1000, 3000, 2000] {
        produce(&mut cluster, &Batch { timestamp, ..batch(2) });
    }
    for version in 1..=10 {
        assert_eq!(list(&mut cluster, version, -1), (6, -1));
        assert_eq!(list(&mut cluster, version, -2), (0, -1));
        assert_eq!(list(&mut cluster, version, 0), (0, 1000));
        assert_eq!(list(&mut cluster, version, 1001), (2, 3000));
        assert_eq!(list(&mut cluster, version, 3001), (-1, -1));
    }
    assert_eq!(list(&mut cluster, 7, -3).1, 3000);
}
