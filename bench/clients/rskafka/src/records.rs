//! Single records given to a `BatchProducer` for each partition, a batch's worth to one before the
//! next: it has no partitioner of its own.

use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use contract::{Mode, Pace, Payload, Tally, Task};
use rskafka::client::producer::aggregator::RecordAggregator;
use rskafka::client::producer::{BatchProducer, BatchProducerBuilder};
use rskafka::record::Record;
use tokio::sync::Semaphore;

use crate::{Partitions, batch_records, compression, record};

type Producers = Vec<Arc<BatchProducer<RecordAggregator>>>;

pub(crate) async fn send(
    task: &Arc<Task>,
    partitions: &Partitions,
    tally: &Arc<Tally>,
    payload: &Payload,
    records: u64,
) {
    let producers: Producers = partitions
        .iter()
        .map(|partition| {
            let builder = BatchProducerBuilder::new(Arc::clone(partition))
                .with_linger(task.linger)
                .with_compression(compression(task));
            Arc::new(builder.build(RecordAggregator::new(task.batch_bytes)))
        })
        .collect();
    let room = Arc::new(Semaphore::new(task.buffer_bytes / task.record_bytes));
    let lanes: Vec<_> = (0..task.threads)
        .map(|thread| {
            let (task, producers) = (Arc::clone(task), producers.clone());
            let (tally, payload) = (Arc::clone(tally), payload.clone());
            let (records, room) = (task.share(records, thread), Arc::clone(&room));
            tokio::spawn(lane(task, producers, tally, payload, records, room))
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no lane panics");
    }
    for producer in &producers {
        producer.flush().await.expect("it can be flushed");
    }
}

async fn lane(
    task: Arc<Task>,
    producers: Producers,
    tally: Arc<Tally>,
    mut payload: Payload,
    records: u64,
    room: Arc<Semaphore>,
) {
    let mut pace = Pace::start(task.mode, 1.0 / f64::from(task.threads));
    let per_batch = batch_records(&task);
    for index in 0..records {
        let (mut due, wait) = pace.next(index);
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        let partition = (index / per_batch) as usize % producers.len();
        let producer = Arc::clone(&producers[partition]);
        let record = record(payload.next_record(), Utc::now());
        if task.mode == Mode::Await {
            due = Instant::now();
            produce(&producer, &tally, partition as i32, record, tally.stamp(due)).await;
            continue;
        }
        let room = Arc::clone(&room).acquire_owned().await.expect("it stays open");
        let (tally, stamp) = (Arc::clone(&tally), tally.stamp(due));
        tokio::spawn(async move {
            produce(&producer, &tally, partition as i32, record, stamp).await;
            drop(room);
        });
    }
}

async fn produce(
    producer: &BatchProducer<RecordAggregator>,
    tally: &Tally,
    partition: i32,
    record: Record,
    stamp: u64,
) {
    match producer.produce(record).await {
        Ok(_) => tally.acknowledged(partition, stamp),
        Err(error) => tally.failed(&error),
    }
}
