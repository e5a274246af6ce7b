//! ottla under the benchmark's contract: every record's outcome is looked at, as the peers'
//! callbacks do.
#![forbid(unsafe_code)]

mod lane;

use std::thread;

use contract::{Latencies, Meter, Payload, Report, Task};
use ottla::{Producer, Topic};

use crate::lane::Lane;

fn main() {
    let task = Task::from_args();
    let payload = Payload::read(&task);
    let producer = Producer::from_properties([
        ("bootstrap.servers", task.bootstrap.as_str()),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("linger.ms", &task.linger.as_millis().to_string()),
        ("batch.size", &task.batch_bytes.to_string()),
        ("buffer.memory", &task.buffer_bytes.to_string()),
        ("compression.type", &task.compression),
    ]);
    let topic = producer.expect("the configuration is good").topic(&task.topic);
    send(&task, &topic, &payload, task.warmup);
    let meter = Meter::start();
    let (acknowledged, latencies) = send(&task, &topic, &payload, task.records);
    let used = meter.stop();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Report { version, acknowledged, used, latencies }.print();
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
