//! krafka under the benchmark's contract.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use contract::{Meter, Mode, Pace, Payload, Report, Tally, Task};
use krafka::producer::{Acks, DeliveryHandle, Producer};
use krafka::{Compression, Kafka, Record};

/// Acknowledgements are looked for whenever so many more were sent.
const LOOK_INTERVAL: u64 = 1024;

#[tokio::main]
async fn main() {
    let task = Arc::new(Task::from_args());
    let payload = Payload::read(&task);
    let tally = Arc::new(Tally::new(&task));
    let producer = Arc::new(connect(&task).await);
    send(&task, &producer, &tally, &payload, task.warmup).await;
    tally.forget_latencies();
    let meter = Meter::start();
    send(&task, &producer, &tally, &payload, task.records).await;
    let used = meter.stop();
    let acknowledged = tally.count() - task.warmup;
    let version = "0.28.1".to_owned();
    Report { version, acknowledged, used, latencies: tally.latencies() }.print();
}

async fn connect(task: &Task) -> Producer {
    let compression = match task.compression.as_str() {
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::None,
    };
    let kafka = Kafka::builder(task.bootstrap.clone()).allow_auto_create_topics(true);
    let kafka = kafka.connect().await.expect("the broker is there");
    kafka
        .producer()
        .acks(Acks::All)
        .idempotent(true)
        .linger(task.linger)
        .batch_size(task.batch_bytes)
        .buffer_memory(task.buffer_bytes)
        .compression(compression)
        .build()
        .await
        .expect("the configuration is good")
}

async fn send(
    task: &Arc<Task>,
    producer: &Arc<Producer>,
    tally: &Arc<Tally>,
    payload: &Payload,
    records: u64,
) {
    let before = tally.count();
    let lanes: Vec<_> = (0..task.threads)
        .map(|thread| {
            let share = task.share(records, thread);
            let (task, producer) = (Arc::clone(task), Arc::clone(producer));
            let (tally, payload) = (Arc::clone(tally), payload.clone());
            tokio::spawn(async move {
                match task.mode {
                    Mode::Await => send_awaited(&task, &producer, &tally, payload, share).await,
                    Mode::Flood => flood(&task, &producer, &tally, payload, share).await,
                    Mode::Pace(_) => send_paced(&task, &producer, &tally, payload, share).await,
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no lane panics");
    }
    tally.wait_for(before + records);
}

async fn enqueue(task: &Task, producer: &Producer, payload: &mut Payload) -> DeliveryHandle {
    let record = Record::new(task.topic.clone(), payload.next_record().to_vec());
    producer.enqueue(record).await.expect("it is accepted")
}

async fn send_awaited(
    task: &Task,
    producer: &Producer,
    tally: &Tally,
    mut payload: Payload,
    records: u64,
) {
    for _ in 0..records {
        let stamp = tally.stamp(Instant::now());
        let outcome = enqueue(task, producer, &mut payload).await.await;
        tally.acknowledged(outcome.expect("it is acknowledged").partition, stamp);
    }
}

async fn flood(
    task: &Task,
    producer: &Producer,
    tally: &Tally,
    mut payload: Payload,
    records: u64,
) {
    let mut sent = VecDeque::new();
    for index in 0..records {
        sent.push_back(enqueue(task, producer, &mut payload).await);
        if index % LOOK_INTERVAL == 0 {
            look(&mut sent, tally);
        }
    }
    producer.flush().await.expect("it can be flushed");
    for delivery in sent {
        tally.acknowledged(delivery.await.expect("it is acknowledged").partition, 0);
    }
}

/// Takes the outcomes that are known by now.
fn look(sent: &mut VecDeque<DeliveryHandle>, tally: &Tally) {
    let mut context = Context::from_waker(Waker::noop());
    while let Some(delivery) = sent.front_mut() {
        let Poll::Ready(outcome) = Pin::new(delivery).poll(&mut context) else { break };
        tally.acknowledged(outcome.expect("it is acknowledged").partition, 0);
        sent.pop_front();
    }
}

async fn send_paced(
    task: &Task,
    producer: &Producer,
    tally: &Arc<Tally>,
    mut payload: Payload,
    records: u64,
) {
    let mut pace = Pace::start(task.mode, 1.0 / f64::from(task.threads));
    for index in 0..records {
        let (due, wait) = pace.next(index);
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        let delivery = enqueue(task, producer, &mut payload).await;
        let (tally, stamp) = (Arc::clone(tally), tally.stamp(due));
        tokio::spawn(async move {
            let outcome = delivery.await.expect("it is acknowledged");
            tally.acknowledged(outcome.partition, stamp);
        });
    }
}
