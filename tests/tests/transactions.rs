//! Transactions on real clusters, of version 2 (Kafka 4.3) and version 1 (Kafka 3.9): a producer
//! whose id another has taken hears of it; consume, transform, produce counts every record exactly
//! once. What holds whoever dies meanwhile is in `atomicity.rs`.

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use ottla::transaction::{
    ConsumedOffset, FatalError, GroupMetadata, TransactionError, TransactionalProducer,
};
use ottla::{Producer, Reason, Record};
use ottla_tests::kafka::{Cluster, GroupReader, LAST_3, NEWEST};
use ottla_tests::transactional::producer;
use ottla_tests::{Guarded, budget};
use rustix::process::Signal;

const PARTITIONS: i32 = 3;

/// In the child process that consumes, transforms and produces: where.
const TRANSFORM: &str = "OTTLA_TEST_TRANSFORM";
const GROUP: &str = "transformers";

#[test]
fn a_producer_whose_id_another_has_taken_hears_of_it() {
    for version in [NEWEST, LAST_3] {
        let kafka = Cluster::start(version, 1, &[]);
        kafka.create_topic("taken", 1, 1, &[]);
        let bootstrap = kafka.bootstrap();
        let mut first = producer(&bootstrap, "one id");
        let transaction = first.begin_blocking().unwrap();
        let delivery = transaction.send_blocking("taken", Record::new(b"of the first")).unwrap();
        delivery.wait().unwrap();

        let mut second = producer(&bootstrap, "one id");
        let commit = transaction.commit_blocking();
        assert_eq!(commit, Err(TransactionError::Fatal(FatalError::Fenced)), "{version}");
        let again = first.begin_blocking().map(drop);
        assert_eq!(again, Err(TransactionError::Fatal(FatalError::Fenced)), "{version}");
        first.close_blocking(Duration::from_secs(5));

        let transaction = second.begin_blocking().unwrap();
        transaction.send_blocking("taken", Record::new(b"of the second")).unwrap();
        transaction.commit_blocking().unwrap();
        let mut values = Vec::new();
        kafka.consume_committed("taken", 1, |record| values.extend(record.value));
        assert_eq!(values, [b"of the second"], "{version}");
    }
}

#[test]
fn what_the_brokers_refuse_is_said() {
    let kafka = Cluster::shared(NEWEST, 1);
    kafka.create_topic("refused", 1, 1, &[("max.message.bytes", "2000")]);
    let bootstrap = kafka.bootstrap();
    let start = |timeout| {
        TransactionalProducer::from_properties_blocking([
            ("bootstrap.servers", bootstrap.as_str()),
            ("transactional.id", "refused"),
            ("transaction.timeout.ms", timeout),
        ])
    };
    let error = start("1000000000").unwrap_err().to_string();
    assert!(error.contains("transaction.max.timeout.ms"), "{error}");

    // One record too many dooms the transaction, and only that.
    let mut producer = start("60000").unwrap();
    let transaction = producer.begin_blocking().unwrap();
    let fine = transaction.send_blocking("refused", Record::new(b"fine")).unwrap();
    fine.wait().unwrap();
    let large = transaction.send_blocking("refused", Record::new(&[0; 3000])).unwrap();
    assert!(large.wait().is_err());
    let late = transaction.send_blocking("refused", Record::new(b"late")).unwrap();
    assert_eq!(late.wait().unwrap_err().reason, Reason::TransactionAborted);
    let error = transaction.commit_blocking().unwrap_err();
    assert!(error.to_string().contains("MESSAGE_TOO_LARGE"), "{error}");
    assert!(!error.is_fatal());

    let transaction = producer.begin_blocking().unwrap();
    transaction.send_blocking("refused", Record::new(b"next")).unwrap();
    transaction.commit_blocking().unwrap();
    let mut values = Vec::new();
    kafka.consume_committed("refused", 1, |record| values.extend(record.value));
    assert_eq!(values, [b"next"]);
}

#[test]
fn consume_transform_produce_counts_every_record_once_on_the_newest() {
    transform_with_crashes(NEWEST);
}

#[test]
fn consume_transform_produce_counts_every_record_once_on_3_9() {
    transform_with_crashes(LAST_3);
}

fn transform_with_crashes(version: &str) {
    let kafka = Cluster::start(version, 1, &[]);
    kafka.create_topic("in", 1, 1, &[]);
    kafka.create_topic("out", PARTITIONS, 1, &[]);
    let count = budget::get("transactions.transformed");
    fill(&kafka, count);
    let address = kafka.address(kafka.node_ids().next().unwrap());
    let place = format!("{address} {count}");
    let launch = || Guarded::spawn_test("the_transforming_process", (TRANSFORM, &place)).unwrap();
    let reader = GroupReader { address, group: GROUP, topic: "in", partition: 0 };
    let crashes = budget::get("transactions.crashes");
    for crash in 1..=crashes {
        let child = launch();
        let until = (count * crash / (crashes + 1)) as i64;
        let begun = Instant::now();
        while reader.committed() < until {
            assert!(begun.elapsed() < Duration::from_secs(300), "nothing is transformed");
            thread::sleep(Duration::from_millis(20));
        }
        child.signal(Signal::KILL);
    }
    assert!(launch().wait().unwrap().success());
    assert_eq!(reader.committed(), count as i64);
    let mut seen = vec![false; count as usize];
    kafka.consume_committed("out", count, |record| {
        let value = String::from_utf8(record.value.expect("every record has one")).unwrap();
        let number: usize = value.strip_prefix("twice ").unwrap().parse().unwrap();
        assert!(!std::mem::replace(&mut seen[number / 2], true), "{value} again");
    });
    assert!(seen.into_iter().all(|seen| seen));
    println!("full: {version}: {count} records transformed through {crashes} kills");
}

fn fill(kafka: &Cluster, count: u64) {
    let bootstrap = kafka.bootstrap();
    let producer = Producer::from_properties([("bootstrap.servers", bootstrap.as_str())]).unwrap();
    let mut topic = producer.topic("in");
    let deliveries: Vec<_> = (0..count)
        .map(|number| topic.send_blocking(Record::new(number.to_string().as_bytes())).unwrap())
        .collect();
    for delivery in deliveries {
        delivery.wait().unwrap();
    }
}

/// Not a test of its own: what is killed and started again.
#[test]
fn the_transforming_process() {
    let Ok(place) = env::var(TRANSFORM) else { return };
    let (address, count) = place.split_once(' ').unwrap();
    let count: i64 = count.parse().unwrap();
    let mut producer = producer(address, "transformer");
    let address = address.parse().unwrap();
    let reader = GroupReader { address, group: GROUP, topic: "in", partition: 0 };
    let mut offset = reader.committed();
    while offset < count {
        let records: Vec<_> = reader.fetch(offset).into_iter().take(200).collect();
        let mut transaction = producer.begin_blocking().unwrap();
        for (at, value) in &records {
            let number: u64 = str::from_utf8(value).unwrap().parse().unwrap();
            let value = format!("twice {}", number * 2);
            transaction.send_blocking("out", Record::new(value.as_bytes())).unwrap();
            offset = at + 1;
        }
        let consumed = [ConsumedOffset::new("in", 0, offset)];
        let group = GroupMetadata::of_group(GROUP);
        transaction.send_offsets_blocking(&consumed, &group).unwrap();
        transaction.commit_blocking().unwrap();
    }
}
