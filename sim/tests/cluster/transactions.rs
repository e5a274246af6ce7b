//! The transaction coordinator, and what readers of committed records are given.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError as Error;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, ApiKey, ApiVersionsRequest, EndTxnRequest, FetchRequest,
    InitProducerIdRequest, TransactionalId,
};
use kafka_protocol::protocol::StrBytes;
use ottla_sim::cluster::Cluster;

use super::support::*;

/// The last Produce of transactions of version 1, and the first of version 2.
const FIRST: i16 = 11;
const SECOND: i16 = 12;

fn id() -> TransactionalId {
    TransactionalId(StrBytes::from_static_str("id"))
}

fn init(cluster: &mut Cluster, expected: (i64, i16), now: Duration) -> (i16, (i64, i16)) {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(id()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id(expected.0.into())
        .with_producer_epoch(expected.1);
    let reply = ask(cluster, NODE, ApiKey::InitProducerId, 5, request, now);
    let response = response!(decode(ApiKey::InitProducerId, 5, sent(reply)), InitProducerId);
    (response.error_code, (*response.producer_id, response.producer_epoch))
}

fn begin(cluster: &mut Cluster) -> (i64, i16) {
    let (error, producer) = init(cluster, (-1, -1), NOW);
    assert_eq!(error, NONE);
    producer
}

fn add_partition(cluster: &mut Cluster, producer: (i64, i16)) -> i16 {
    let topic =
        AddPartitionsToTxnTopic::default().with_name(topic_name(TOPIC)).with_partitions(vec![0]);
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(id())
        .with_v3_and_below_producer_id(producer.0.into())
        .with_v3_and_below_producer_epoch(producer.1)
        .with_v3_and_below_topics(vec![topic]);
    let response = call(cluster, ApiKey::AddPartitionsToTxn, 3, request);
    let response = response!(response, AddPartitionsToTxn);
    response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
}

fn send(cluster: &mut Cluster, version: i16, producer: (i64, i16), sequence: i32) -> i16 {
    let batch = Batch { attributes: 0b1_0000, ..idempotent(producer.0, producer.1, sequence, 1) };
    let mut request = produce_request(-1, 0, batch.bytes());
    request.transactional_id = Some(id());
    let response = call(cluster, ApiKey::Produce, version, request);
    only_partition(response!(response, Produce)).error_code
}

fn end(
    cluster: &mut Cluster,
    version: i16,
    producer: (i64, i16),
    commit: bool,
) -> (i16, (i64, i16)) {
    let request = EndTxnRequest::default()
        .with_transactional_id(id())
        .with_producer_id(producer.0.into())
        .with_producer_epoch(producer.1)
        .with_committed(commit);
    let response = response!(call(cluster, ApiKey::EndTxn, version, request), EndTxn);
    (response.error_code, (*response.producer_id, response.producer_epoch))
}

/// The last stable offset, how many transactions are named as aborted, and the bytes.
fn read_committed(cluster: &mut Cluster) -> (i64, usize, Bytes) {
    let partition =
        FetchPartition::default().with_fetch_offset(0).with_partition_max_bytes(1 << 20);
    let topic =
        FetchTopic::default().with_topic(topic_name(TOPIC)).with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_bytes(1 << 20)
        .with_isolation_level(1)
        .with_topics(vec![topic]);
    let mut response = response!(call(cluster, ApiKey::Fetch, 12, request), Fetch);
    let data = response.responses.remove(0).partitions.remove(0);
    let aborted = data.aborted_transactions.map_or(0, |it| it.len());
    (data.last_stable_offset, aborted, data.records.unwrap_or_default())
}

#[test]
fn clients_are_told_the_version_of_transactions() {
    let mut cluster = one_node();
    let told = |cluster: &mut Cluster| {
        let response = call(cluster, ApiKey::ApiVersions, 4, ApiVersionsRequest::default());
        let features = response!(response, ApiVersions).finalized_features;
        features.first().map(|it| (it.name.to_string(), it.max_version_level))
    };
    assert_eq!(told(&mut cluster), Some(("transaction.version".to_owned(), 2)));
    cluster.config_mut().transaction_version = 0;
    assert_eq!(told(&mut cluster), None);
}

#[test]
fn nothing_is_read_before_the_commit_and_all_after_it() {
    let mut cluster = one_node();
    let producer = begin(&mut cluster);
    assert_eq!(send(&mut cluster, FIRST, producer, 0), Error::TransactionAbortable.code());
    assert_eq!(send(&mut cluster, 9, producer, 0), Error::InvalidTxnState.code());
    assert_eq!(add_partition(&mut cluster, producer), NONE);
    assert_eq!(send(&mut cluster, FIRST, producer, 0), NONE);
    let (stable, aborted, bytes) = read_committed(&mut cluster);
    assert_eq!((stable, aborted, bytes.len()), (0, 0, 0));
    assert_eq!(end(&mut cluster, 4, producer, true).0, NONE);
    assert_eq!(end(&mut cluster, 4, producer, true).0, NONE, "said again");
    assert_eq!(end(&mut cluster, 4, producer, false).0, Error::InvalidTxnState.code());
    let (stable, aborted, bytes) = read_committed(&mut cluster);
    assert_eq!((stable, aborted), (2, 0));
    assert!(!bytes.is_empty());
    assert_eq!(cluster.committed_records(TOPIC, 0).unwrap().len(), 1);
}

#[test]
fn what_is_aborted_is_named_to_the_reader() {
    let mut cluster = one_node();
    let producer = begin(&mut cluster);
    add_partition(&mut cluster, producer);
    send(&mut cluster, FIRST, producer, 0);
    assert_eq!(end(&mut cluster, 4, producer, false).0, NONE);
    let (stable, aborted, _) = read_committed(&mut cluster);
    assert_eq!((stable, aborted), (2, 1));
    assert_eq!(cluster.committed_records(TOPIC, 0).unwrap(), []);
    assert_eq!(cluster.records(TOPIC, 0, 0, usize::MAX).unwrap().len(), 1);
}

#[test]
fn in_version_2_leaders_add_partitions_and_every_end_raises_the_epoch() {
    let mut cluster = one_node();
    let producer = begin(&mut cluster);
    assert_eq!(send(&mut cluster, SECOND, producer, 0), NONE);
    let (error, next) = end(&mut cluster, 5, producer, true);
    assert_eq!((error, next), (NONE, (producer.0, producer.1 + 1)));
    assert_eq!(end(&mut cluster, 5, producer, true), (NONE, next), "said again");
    assert_eq!(end(&mut cluster, 5, producer, false).0, Error::InvalidTxnState.code());
    // What comes late of the transaction before is kept out; the next begins at 0.
    let late = send(&mut cluster, SECOND, producer, 1);
    assert_eq!(late, Error::InvalidProducerEpoch.code());
    assert_eq!(send(&mut cluster, SECOND, next, 1), Error::OutOfOrderSequenceNumber.code());
    assert_eq!(send(&mut cluster, SECOND, next, 0), NONE);
    assert_eq!(end(&mut cluster, 5, next, false).0, NONE);
    assert_eq!(cluster.committed_records(TOPIC, 0).unwrap().len(), 1);
}

#[test]
fn another_producer_ends_the_transaction_and_fences_the_first() {
    let mut cluster = one_node();
    let first = begin(&mut cluster);
    send(&mut cluster, SECOND, first, 0);
    assert_eq!(init(&mut cluster, (-1, -1), NOW).0, Error::ConcurrentTransactions.code());
    let second = begin(&mut cluster);
    assert_eq!(second.0, first.0);
    assert!(second.1 > first.1);
    assert_eq!(end(&mut cluster, 5, first, true).0, Error::ProducerFenced.code());
    assert_eq!(init(&mut cluster, first, NOW).0, Error::ProducerFenced.code());
    assert_eq!(cluster.committed_records(TOPIC, 0).unwrap(), []);
    // A producer that knows who it is gets the next epoch, also when it asks twice (KIP-360).
    let (error, next) = init(&mut cluster, second, NOW);
    assert_eq!((error, next), (NONE, (second.0, second.1 + 1)));
    assert_eq!(init(&mut cluster, second, NOW), (NONE, next));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted() {
    let mut cluster = one_node();
    let producer = begin(&mut cluster);
    send(&mut cluster, SECOND, producer, 0);
    assert!(!cluster.transactions_are_over(NOW + Duration::from_secs(59)));
    cluster.transactions_are_over(NOW + Duration::from_secs(60));
    assert!(cluster.transactions_are_over(NOW + Duration::from_secs(61)));
    assert_eq!(end(&mut cluster, 5, producer, true).0, Error::ProducerFenced.code());
    assert_eq!(cluster.committed_records(TOPIC, 0).unwrap(), []);
}

#[test]
fn while_an_end_is_written_the_next_has_to_wait() {
    let mut cluster = one_node();
    cluster.config_mut().marker_delay = Duration::from_millis(10);
    let producer = begin(&mut cluster);
    add_partition(&mut cluster, producer);
    send(&mut cluster, FIRST, producer, 0);
    assert_eq!(end(&mut cluster, 4, producer, true).0, NONE);
    assert_eq!(add_partition(&mut cluster, producer), Error::ConcurrentTransactions.code());
    assert_eq!(read_committed(&mut cluster).0, 0);
    assert!(cluster.transactions_are_over(NOW + Duration::from_millis(10)));
    assert_eq!(read_committed(&mut cluster).0, 2);
}
