//! What the producer sends is what Kafka's own consumer reads: every line of a real text, in order
//! per key, on the partitions that Java's producer chooses, in batches that Kafka finds valid.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Instant;

use ottla::{Delivery, Producer, Record};
use ottla_tests::budget;
use ottla_tests::command::ottla;
use ottla_tests::kafka::{Cluster, LAST_3, NEWEST, OLDEST};
use ottla_tests::text::{ReadBack, SEPARATOR, Text};

const PARTITIONS: i32 = 6;

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A way to send every line to a topic with a codec; every one is acknowledged.
type Produce = fn(&Cluster, &str, &str, &Text);

#[test]
fn three_brokers_get_the_text_from_the_command() {
    ottla(["--version"]); // builds it, before the clock runs
    check(Cluster::shared(NEWEST, 3), "identity.records", produce_by_command);
}

#[test]
fn kafka_3_gets_the_text_from_the_library() {
    check(Cluster::shared(LAST_3, 1), "identity.records", produce);
}

#[test]
fn the_oldest_kafka_gets_the_text_from_the_library() {
    check(Cluster::shared(OLDEST, 1), "identity.oldest_records", produce);
}

fn check(kafka: &Cluster, records: &str, produce: Produce) {
    let records = usize::try_from(budget::get(records)).unwrap();
    let text = Text::write(kafka.scratch(), records);
    let java = java_partitions(kafka, &text);
    for codec in CODECS {
        let topic = format!("text-{codec}");
        create_topic(kafka, &topic);
        let begun = Instant::now();
        produce(kafka, &topic, codec, &text);
        let rate = records as f64 / begun.elapsed().as_secs_f64();
        println!("full: {records} records with {codec} at {rate:.0} records/s");
        check_segments(kafka, &topic, codec, records);
        assert_eq!(read_back(kafka, &topic, &text), java, "Java's producer partitions otherwise");
    }
}

fn create_topic(kafka: &Cluster, topic: &str) {
    let nodes = i16::try_from(kafka.node_ids().count()).unwrap();
    kafka.create_topic(topic, PARTITIONS, nodes, &[]);
}

/// Where Java's producer puts each key of the text.
fn java_partitions(kafka: &Cluster, text: &Text) -> BTreeMap<String, i32> {
    let keys = text.one_line_per_key();
    create_topic(kafka, "text-java");
    let separator = SEPARATOR.to_string();
    kafka.java_console_producer("text-java", keys.path(), Some(&separator), &[("acks", "all")]);
    read_back(kafka, "text-java", &keys)
}

fn produce_by_command(kafka: &Cluster, topic: &str, codec: &str, text: &Text) {
    let path = text.path().to_str().expect("a path in ASCII");
    let (bootstrap, separator) = (kafka.bootstrap(), SEPARATOR.to_string());
    ottla(["produce", "-b", &bootstrap, "-t", topic, "-K", &separator, "-z", codec, path]);
}

fn produce(kafka: &Cluster, topic: &str, codec: &str, text: &Text) {
    let bootstrap = kafka.bootstrap();
    let properties =
        [("bootstrap.servers", bootstrap.as_str()), ("compression.type", codec), ("acks", "all")];
    let producer = Producer::from_properties(properties).unwrap();
    let mut handle = producer.topic(topic);
    let send = |line: &ottla_tests::text::Line| {
        let record = Record::new(line.value.as_bytes()).key(line.key.as_bytes());
        handle.send_blocking(record).unwrap()
    };
    let deliveries: Vec<Delivery> = text.lines().iter().map(send).collect();
    producer.flush_blocking();
    for (delivery, line) in deliveries.iter().zip(text.lines()) {
        acknowledged(delivery.try_get(), line);
    }
}

#[track_caller]
fn acknowledged<E: Debug>(outcome: Option<Result<ottla::RecordMetadata, E>>, line: impl Debug) {
    let metadata = outcome.expect("flush waits for every outcome");
    let metadata = metadata.unwrap_or_else(|error| panic!("{line:?}: {error:?}"));
    assert!(metadata.offset.is_some(), "{line:?}");
}

/// Compares a topic with the text, and says where each key is.
fn read_back(kafka: &Cluster, topic: &str, text: &Text) -> BTreeMap<String, i32> {
    let mut back = ReadBack::of(text);
    kafka.consume(topic, |record| back.take(&record));
    let keys = back.finish().into_iter();
    keys.map(|(key, partition)| (key.to_owned(), partition)).collect()
}

/// Every batch on disk is valid, compressed as asked unless it would not shrink, and numbered in
/// the order in which it was sent, by one idempotent producer.
fn check_segments(kafka: &Cluster, topic: &str, codec: &str, records: usize) {
    kafka.await_in_sync(topic);
    let batches = kafka.dump_log_segments(1, topic);
    let count: i32 = batches.iter().map(|batch| batch.count).sum();
    assert_eq!(usize::try_from(count), Ok(records));
    let producer_id = batches[0].producer_id;
    for batch in &batches {
        assert!(batch.valid && batch.magic == 2, "{batch:?}");
        assert!(batch.codec == codec || batch.codec == "none", "{batch:?}");
        assert!(producer_id >= 0 && batch.producer_id == producer_id, "{batch:?}");
        assert_eq!(i64::from(batch.base_sequence), batch.base_offset, "{batch:?}");
        assert_eq!(batch.producer_epoch, 0, "a gap in the sequences? {batch:?}");
    }
    let compressed = batches.iter().filter(|batch| batch.codec == codec).count();
    assert!(compressed * 10 > batches.len() * 9, "{compressed} of {} batches", batches.len());
}
