//! librdkafka through rust-rdkafka's `ThreadedProducer` under the benchmark's contract.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use contract::{Meter, Mode, Pace, Payload, Report, Tally, Task};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, util};

/// How long a sender sleeps when memory is full: rust-rdkafka has no send that waits.
const FULL: Duration = Duration::from_micros(200);

struct Context(Arc<Tally>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, stamp: usize) {
        match result {
            Ok(message) => self.0.acknowledged(message.partition(), stamp as u64),
            Err((error, _)) => self.0.failed(error),
        }
    }
}

fn main() {
    let task = Task::from_args();
    let payload = Payload::read(&task);
    let tally = Arc::new(Tally::new(&task));
    let producer = connect(&task, &tally);
    send(&task, &producer, &tally, &payload, task.warmup);
    tally.forget_latencies();
    let meter = Meter::start();
    send(&task, &producer, &tally, &payload, task.records);
    let used = meter.stop();
    let acknowledged = tally.count() - task.warmup;
    let version = util::get_rdkafka_version().1;
    Report { version, acknowledged, used, latencies: tally.latencies() }.print();
}

fn connect(task: &Task, tally: &Arc<Tally>) -> ThreadedProducer<Context> {
    ClientConfig::new()
        .set("bootstrap.servers", &task.bootstrap)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", task.linger.as_millis().to_string())
        .set("batch.size", task.batch_bytes.to_string())
        .set("batch.num.messages", "1000000")
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", (task.buffer_bytes / 1024).to_string())
        .set("compression.codec", &task.compression)
        .create_with_context(Context(Arc::clone(tally)))
        .expect("the configuration is good")
}

fn send(
    task: &Task,
    producer: &ThreadedProducer<Context>,
    tally: &Tally,
    payload: &Payload,
    records: u64,
) {
    let before = tally.count();
    thread::scope(|scope| {
        for thread in 0..task.threads {
            let (payload, share) = (payload.clone(), task.share(records, thread));
            scope.spawn(move || lane(task, producer, tally, payload, share));
        }
    });
    if task.mode == Mode::Flood {
        producer.flush(Duration::from_secs(60)).expect("it can be flushed");
    }
    tally.wait_for(before + records);
}

fn lane(
    task: &Task,
    producer: &ThreadedProducer<Context>,
    tally: &Tally,
    mut payload: Payload,
    records: u64,
) {
    let mut pace = Pace::start(task.mode, 1.0 / f64::from(task.threads));
    let before = tally.count();
    for index in 0..records {
        let due = if task.mode == Mode::Await { Instant::now() } else { pace.wait(index) };
        send_one(task, producer, payload.next_record(), tally.stamp(due) as usize);
        if task.mode == Mode::Await {
            tally.wait_for(before + index + 1);
        }
    }
}

fn send_one(task: &Task, producer: &ThreadedProducer<Context>, value: &[u8], stamp: usize) {
    let mut record: BaseRecord<'_, (), [u8], usize> =
        BaseRecord::with_opaque_to(&task.topic, stamp).payload(value);
    while let Err((error, back)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        assert_eq!(error, full, "it is accepted");
        thread::sleep(FULL);
        record = back;
    }
}
