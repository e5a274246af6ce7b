//! Which partition records get, with everything that happens when a batch is begun (rows E1.4, E4).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ottla_core::partitioner::{PartitionInput, Partitioner, PartitionerKind};
use ottla_core::{ProducerConfig, Record};

use crate::world::{World, poll};

const ALONE: [(&str, &str); 2] = [("batch.size", "0"), ("linger.ms", "0")];

/// Four partitions that take turns, each record in a batch of its own.
fn taking_turns() -> World {
    let settings = [&ALONE[..], &[("partitioner.class", "round_robin")]].concat();
    let mut world = World::new(1, &[("t", 4)], &settings);
    world.know("t");
    world
}

/// KAFKA-9965: Java's round robin took two turns where a batch was begun, and so left out every
/// second partition.
#[test]
fn round_robin_leaves_out_no_partition_where_batches_are_begun() {
    let mut world = taking_turns();
    let producer = world.producer.clone();
    let (mut tried, mut waited) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..8 {
        *tried.entry(world.send("t", Record::new(b"x")).partition()).or_insert(0) += 1;
        world.settle();
    }
    let mut topic = producer.topic("t");
    for _ in 0..8 {
        let (delivery, _) = world.wait(Box::pin(topic.send(Record::new(b"x"))));
        *waited.entry(delivery.unwrap().partition()).or_insert(0) += 1;
        world.settle();
    }
    let even = BTreeMap::from([(0, 2), (1, 2), (2, 2), (3, 2)]);
    assert_eq!((tried, waited), (even.clone(), even));
}

/// The turn that a record has taken is still its own when there is memory at last.
#[test]
fn a_record_that_waits_for_memory_keeps_its_turn() {
    let settings = [("buffer.memory", "1024"), ("partitioner.class", "round_robin")];
    let settings = [&ALONE[..], &settings].concat();
    let mut world = World::new(1, &[("t", 4)], &settings);
    world.know("t");
    world.hold(1, true);
    let text = "x".repeat(900);
    let record = Record::new(text.as_bytes());
    let first = world.send("t", record);
    let producer = world.producer.clone();
    let mut waiting = Box::pin(producer.send("t", record));
    assert!(poll(&mut waiting).is_pending());
    world.hold(1, false);
    let (second, _) = world.wait(waiting);
    assert_eq!(second.unwrap().partition(), (first.partition() + 1) % 4);
}

/// Counts what it is asked.
#[derive(Debug, Default)]
struct Counting {
    partitions: AtomicU32,
    new_batches: AtomicU32,
}

impl Partitioner for Counting {
    fn partition(&self, _: &PartitionInput<'_>) -> i32 {
        self.partitions.fetch_add(1, Ordering::Relaxed);
        0
    }

    fn on_new_batch(&self, _: &str, _: i32) {
        self.new_batches.fetch_add(1, Ordering::Relaxed);
    }
}

/// KIP-480: where a batch would be begun a partitioner hears of it and is asked once more.
#[test]
fn a_partitioner_is_asked_once_more_where_a_batch_is_begun() {
    let counting = Arc::new(Counting::default());
    let settings = [("bootstrap.servers", "node-1:9092")].into_iter().chain(ALONE);
    let mut config = ProducerConfig::from_properties(settings).unwrap();
    config.partitioner = PartitionerKind::Custom(counting.clone());
    let mut world = World::configured(1, &[("t", 4)], config);
    world.know("t");
    world.send("t", Record::new(b"x"));
    let asked = counting.partitions.load(Ordering::Relaxed);
    assert_eq!((asked, counting.new_batches.load(Ordering::Relaxed)), (2, 1));
}
