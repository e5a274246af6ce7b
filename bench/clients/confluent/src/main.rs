//! Confluent's Rust client under the benchmark's contract, by its path for slices, which skips the
//! serializers.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use confluent_kafka::common::serialization::ByteArraySerializer;
use confluent_kafka::producer::{
    Callback, KafkaProducer, Producer, ProducerConfig, ProducerRecord, callback,
};
use contract::{Meter, Mode, Pace, Payload, Report, Tally, Task};

type Client = KafkaProducer<Vec<u8>, Vec<u8>>;

#[tokio::main]
async fn main() {
    let task = Arc::new(Task::from_args());
    let payload = Payload::read(&task);
    let tally = Arc::new(Tally::new(&task));
    let producer = Arc::new(connect(&task));
    send(&task, &producer, &tally, &payload, task.warmup).await;
    tally.forget_latencies();
    let meter = Meter::start();
    send(&task, &producer, &tally, &payload, task.records).await;
    let used = meter.stop();
    let acknowledged = tally.count() - task.warmup;
    let version = "1.0.0".to_owned();
    Report { version, acknowledged, used, latencies: tally.latencies() }.print();
}

fn connect(task: &Task) -> Client {
    let linger = task.linger.as_millis().to_string();
    let (batch, buffer) = (task.batch_bytes.to_string(), task.buffer_bytes.to_string());
    let config = HashMap::from(
        [
            ("bootstrap.servers", task.bootstrap.as_str()),
            ("acks", "all"),
            ("enable.idempotence", "true"),
            ("linger.ms", &linger),
            ("batch.size", &batch),
            ("buffer.memory", &buffer),
            ("compression.type", &task.compression),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let config = ProducerConfig::new(&config).expect("the configuration is good");
    KafkaProducer::new(config, ByteArraySerializer::default(), ByteArraySerializer::default())
        .expect("the configuration is good")
}

async fn send(
    task: &Arc<Task>,
    producer: &Arc<Client>,
    tally: &Arc<Tally>,
    payload: &Payload,
    records: u64,
) {
    let lanes: Vec<_> = (0..task.threads)
        .map(|thread| {
            let share = task.share(records, thread);
            let (task, producer) = (Arc::clone(task), Arc::clone(producer));
            tokio::spawn(lane(task, producer, Arc::clone(tally), payload.clone(), share))
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no lane panics");
    }
    if task.mode != Mode::Await {
        producer.flush().await.expect("it can be flushed");
    }
}

async fn lane(
    task: Arc<Task>,
    producer: Arc<Client>,
    tally: Arc<Tally>,
    mut payload: Payload,
    records: u64,
) {
    let mut pace = Pace::start(task.mode, 1.0 / f64::from(task.threads));
    for index in 0..records {
        let (mut due, wait) = pace.next(index);
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        if task.mode == Mode::Await {
            due = Instant::now();
        }
        let record = ProducerRecord::new(task.topic.clone(), Some(payload.next_record()));
        let known = counting(&tally, tally.stamp(due));
        let delivery = producer.send(record, Some(known)).await.expect("it is accepted");
        if task.mode == Mode::Await {
            delivery.get().await.expect("it is acknowledged");
        }
    }
}

fn counting(tally: &Arc<Tally>, stamp: u64) -> Box<dyn Callback> {
    let tally = Arc::clone(tally);
    Box::new(callback::new(move |metadata, error| match (metadata, error) {
        (Some(metadata), None) => tally.acknowledged(metadata.partition(), stamp),
        (_, error) => tally.failed(&format!("{error:?}")),
    }))
}
