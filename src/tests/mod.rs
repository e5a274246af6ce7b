//! The whole producer over TCP against the dev broker.

mod executors;
mod failures;
mod life;
mod one_thread;
mod sending;

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::records::{Record as StoredRecord, RecordBatchDecoder};
use ottla_sim::dev::{DevBroker, DevBrokerOptions};

use crate::Producer;

/// Longer than anything here takes, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(20);

fn broker() -> DevBroker {
    DevBroker::start(DevBrokerOptions::default()).unwrap()
}

/// A producer at `bootstrap` with further `properties`.
fn producer(bootstrap: impl ToString, properties: &[(&str, &str)]) -> Producer {
    let bootstrap = bootstrap.to_string();
    let first = [("bootstrap.servers", bootstrap.as_str())];
    Producer::from_properties(first.iter().chain(properties).copied()).unwrap()
}

/// All records of a topic, partition after partition, read by an independent decoder.
fn stored(broker: &DevBroker, topic: &str) -> Vec<Vec<StoredRecord>> {
    let cluster = broker.cluster();
    let partitions = cluster.topics().find(|(name, ..)| *name == topic).map_or(0, |found| found.2);
    let read = |partition| {
        let batches = cluster.batches(topic, partition as i32, 0, usize::MAX).unwrap();
        batches.into_iter().flat_map(|batch| decode(batch.bytes)).collect()
    };
    (0..partitions).map(read).collect()
}

fn decode(mut batch: Bytes) -> Vec<StoredRecord> {
    RecordBatchDecoder::decode(&mut batch).unwrap().records
}

/// How many records of a topic are stored.
fn stored_count(broker: &DevBroker, topic: &str) -> usize {
    stored(broker, topic).iter().map(Vec::len).sum()
}
