//! rskafka under the benchmark's contract, in two ways: `way=batches` builds its batches by hand,
//! `way=records` gives single records to its `BatchProducer`s.
#![forbid(unsafe_code)]

mod batches;
mod records;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use contract::{Meter, Payload, Report, Tally, Task};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::record::Record;

type Partitions = Vec<Arc<PartitionClient>>;

#[tokio::main]
async fn main() {
    let task = Arc::new(Task::from_args());
    let payload = Payload::read(&task);
    let tally = Arc::new(Tally::new(&task));
    let partitions = connect(&task).await;
    send(&task, &partitions, &tally, &payload, task.warmup).await;
    tally.forget_latencies();
    let meter = Meter::start();
    send(&task, &partitions, &tally, &payload, task.records).await;
    let used = meter.stop();
    let acknowledged = tally.count() - task.warmup;
    let version = "0.6.0".to_owned();
    Report { version, acknowledged, used, latencies: tally.latencies() }.print();
}

async fn connect(task: &Task) -> Partitions {
    let brokers = task.bootstrap.split(',').map(Into::into).collect();
    let client = ClientBuilder::new(brokers).build().await.expect("the broker is there");
    let mut partitions = Vec::new();
    for index in 0..task.partitions {
        let retry = UnknownTopicHandling::Retry;
        let partition = client.partition_client(&task.topic, index as i32, retry).await;
        partitions.push(Arc::new(partition.expect("the topic is there")));
    }
    partitions
}

async fn send(
    task: &Arc<Task>,
    partitions: &Partitions,
    tally: &Arc<Tally>,
    payload: &Payload,
    records: u64,
) {
    let before = tally.count();
    if task.way == "records" {
        records::send(task, partitions, tally, payload, records).await;
    } else {
        batches::send(task, partitions, tally, payload, records).await;
    }
    tally.wait_for(before + records);
}

fn compression(task: &Task) -> Compression {
    match task.compression.as_str() {
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

fn record(value: &[u8], timestamp: DateTime<Utc>) -> Record {
    Record { key: None, value: Some(value.to_vec()), headers: BTreeMap::new(), timestamp }
}

/// Records of one batch: a record of a hundred bytes takes some eight more.
fn batch_records(task: &Task) -> u64 {
    (task.batch_bytes / (task.record_bytes + 8)).max(1) as u64
}
