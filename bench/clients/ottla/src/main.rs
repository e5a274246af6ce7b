//! ottla under the benchmark's contract: every record's outcome is looked at, as the peers'
//! callbacks do.
#![forbid(unsafe_code)]

mod lane;
mod one_thread;

use std::thread;

use contract::{Latencies, Meter, Payload, Report, Task};
use ottla::{Producer, ProducerConfig, Topic};

use crate::lane::Lane;
use crate::one_thread::OneThread;

fn main() {
    let task = Task::from_args();
    let payload = Payload::read(&task);
    let config = ProducerConfig::from_properties([
        ("bootstrap.servers", task.bootstrap.as_str()),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("linger.ms", &task.linger.as_millis().to_string()),
        ("batch.size", &task.batch_bytes.to_string()),
        ("buffer.memory", &task.buffer_bytes.to_string()),
        ("compression.type", &task.compression),
    ])
    .expect("the configuration is good");
    match task.way.as_str() {
        "" => measure(&task, with_io_thread(&task, &payload, config)),
        way => measure(&task, with_one_thread(&task, payload, config, way == "together")),
    }
}

/// Has `send` send so many records and await their outcomes, before and while it is measured.
fn measure(task: &Task, mut send: impl FnMut(u64) -> (u64, Latencies)) {
    send(task.warmup);
    let meter = Meter::start();
    let (acknowledged, latencies) = send(task.records);
    let used = meter.stop();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Report { version, acknowledged, used, latencies }.print();
}

fn with_one_thread(
    task: &Task,
    mut payload: Payload,
    config: ProducerConfig,
    together: bool,
) -> impl FnMut(u64) -> (u64, Latencies) {
    let mut producer = OneThread::start(task, config);
    move |records| {
        let acknowledged = if together {
            producer.send_together(&payload, records)
        } else {
            producer.send_each(&mut payload, records)
        };
        (acknowledged, Latencies::default())
    }
}

fn with_io_thread(
    task: &Task,
    payload: &Payload,
    config: ProducerConfig,
) -> impl FnMut(u64) -> (u64, Latencies) {
    let producer = Producer::new(config).expect("the configuration is good");
    let topic = producer.topic(&task.topic);
    move |records| send(task, &topic, payload, records)
}

/// Sends so many from all threads and awaits their outcomes.
fn send(task: &Task, topic: &Topic, payload: &Payload, records: u64) -> (u64, Latencies) {
    let lanes: Vec<Lane<'_>> = (0..task.threads)
        .map(|thread| Lane::new(task, topic.clone(), payload.clone(), task.share(records, thread)))
        .collect();
    thread::scope(|scope| {
        let threads: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(|| lane.run())).collect();
        let mut sum = (0, Latencies::default());
        for thread in threads {
            let (acknowledged, latencies) = thread.join().expect("no thread panics");
            sum.0 += acknowledged;
            sum.1.merge(&latencies);
        }
        sum
    })
}
