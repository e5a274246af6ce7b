//! Brokers die, freeze and restart while records flow: nothing that was acknowledged is lost,
//! nothing is stored twice, order is kept, and every record gets its outcome.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ottla::{Delivery, Producer, Record, RecordMetadata};
use ottla_tests::kafka::{Cluster, NEWEST};
use ottla_tests::{budget, calm_after};

const PARTITIONS: i32 = 6;
const KEYS: u64 = 997;

/// Within this every record has its outcome: its `delivery.timeout.ms` and some slack.
const PATIENCE: Duration = Duration::from_secs(400);

/// How many records may be without an outcome at a time.
const UNRESOLVED: usize = 200_000;

/// For all producers: a frozen broker is given up before it wakes, no record for a long time.
const PATIENT: [(&str, &str); 3] =
    [("acks", "all"), ("request.timeout.ms", "4000"), ("delivery.timeout.ms", "300000")];

/// Records numbered from 0, sent by one thread through a producer of its own.
struct Flow {
    topic: &'static str,
    properties: &'static [(&'static str, &'static str)],
    /// Whether retries may leave repeats in the log.
    repeats: bool,
}

const FLOWS: [Flow; 3] = [
    Flow { topic: "plain", properties: &[], repeats: false },
    Flow {
        topic: "compressed",
        properties: &[("compression.type", "lz4"), ("linger.ms", "20")],
        repeats: false,
    },
    Flow {
        topic: "one-in-flight",
        properties: &[
            ("enable.idempotence", "false"),
            ("max.in.flight.requests.per.connection", "1"),
        ],
        repeats: true,
    },
];

/// Where a record was read back.
type Place = (i32, i64);

#[test]
fn nothing_is_lost_repeated_or_reordered() {
    // A leader that is frozen for seconds loses its partitions, and wakes up believing otherwise.
    let sessions = [("broker.session.timeout.ms", "4000"), ("broker.heartbeat.interval.ms", "500")];
    let kafka = Cluster::start(NEWEST, 3, &sessions);
    for flow in &FLOWS {
        kafka.create_topic(flow.topic, PARTITIONS, 3, &[("min.insync.replicas", "2")]);
    }
    let count = budget::get("chaos.records") / FLOWS.len() as u64 + 1;
    let calm = AtomicBool::new(false);
    let acknowledged: Vec<Vec<RecordMetadata>> = thread::scope(|scope| {
        let flows: Vec<_> =
            FLOWS.iter().map(|flow| scope.spawn(|| run(&kafka, flow, count, &calm))).collect();
        let faults = scope.spawn(|| calm_after(&calm, || make_faults(&kafka)));
        faults.join().expect("the faults went wrong");
        flows.into_iter().map(|flow| flow.join().expect("a flow went wrong")).collect()
    });
    for (flow, acknowledged) in FLOWS.iter().zip(&acknowledged) {
        kafka.await_in_sync(flow.topic);
        check(&kafka, flow, acknowledged);
    }
}

fn make_faults(kafka: &Cluster) {
    let in_sync = || FLOWS.iter().for_each(|flow| kafka.await_in_sync(flow.topic));
    for _ in 0..budget::get("chaos.kills") {
        kafka.launch(kafka.kill_leader(FLOWS[0].topic, 0, PATIENCE));
        in_sync();
    }
    let frozen = kafka.leader(FLOWS[0].topic, 0);
    kafka.pause(frozen);
    thread::sleep(Duration::from_secs(budget::get("chaos.pause_seconds")));
    kafka.resume(frozen);
    in_sync();
    let restarts = usize::try_from(budget::get("chaos.restarts")).unwrap();
    for node in kafka.node_ids().take(restarts) {
        kafka.restart(node);
        in_sync();
    }
}

/// Sends at least `count` records and until all is calm; returns the outcomes in order.
fn run(kafka: &Cluster, flow: &Flow, count: u64, calm: &AtomicBool) -> Vec<RecordMetadata> {
    let bootstrap = kafka.bootstrap();
    let first = [("bootstrap.servers", bootstrap.as_str())];
    let properties = first.iter().chain(&PATIENT).chain(flow.properties).copied();
    let producer = Producer::from_properties(properties).unwrap();
    let (deliveries, receiver) = sync_channel(UNRESOLVED);
    let resolver = thread::spawn(move || resolve(&receiver));
    let mut topic = producer.topic(flow.topic);
    // Spread over about the time of the faults, so that records flow during every one.
    let planned = Duration::from_secs(budget::get("chaos.seconds"));
    let begun = Instant::now();
    let mut number = 0;
    loop {
        let is_calm = calm.load(Ordering::Relaxed);
        if is_calm && number >= count {
            break;
        }
        let (key, value) = (key(number), value(number));
        let record = Record::new(value.as_bytes()).key(key.as_bytes());
        deliveries.send(topic.send_blocking(record).unwrap()).unwrap();
        number += 1;
        let due = planned.mul_f64(number as f64 / count as f64);
        if !is_calm && let Some(early) = due.checked_sub(begun.elapsed()) {
            thread::sleep(early);
        }
    }
    drop(deliveries);
    producer.flush_blocking();
    let outcomes = resolver.join().expect("a record failed");
    let metrics = producer.metrics();
    println!(
        "full: {}: {number} records, {} sent again, {} epochs, {} connections",
        flow.topic, metrics.records_retried, metrics.epoch_bumps, metrics.connections_opened
    );
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes, "memory was kept");
    outcomes
}

fn key(number: u64) -> String {
    (number % KEYS).to_string()
}

fn value(number: u64) -> String {
    format!("{number} is the number of this record, and this is what fills it up a little")
}

/// Waits for every outcome in turn; all must be acknowledgements.
fn resolve(deliveries: &Receiver<Delivery>) -> Vec<RecordMetadata> {
    let outcome = |delivery: Delivery| {
        let begun = Instant::now();
        loop {
            if let Some(outcome) = delivery.try_get() {
                return outcome.expect("no fault here lasts as long as delivery.timeout.ms");
            }
            assert!(begun.elapsed() < PATIENCE, "a record never got its outcome");
            thread::sleep(Duration::from_millis(1));
        }
    };
    deliveries.iter().map(outcome).collect()
}

/// Compares what is stored with what was acknowledged.
fn check(kafka: &Cluster, flow: &Flow, acknowledged: &[RecordMetadata]) {
    let topic = flow.topic;
    let mut stored: Vec<Option<Place>> = vec![None; acknowledged.len()];
    let mut last = [None; PARTITIONS as usize];
    let mut repeats = 0;
    let records = kafka.consume(topic, |record| {
        let place = (record.partition, record.offset);
        let number = number(record.value.as_deref());
        assert_eq!(record.key, Some(key(number).into_bytes()), "{topic} {place:?}");
        assert_eq!(record.value, Some(value(number).into_bytes()), "{topic} {place:?}");
        if let Some(first) = stored[number as usize] {
            assert!(flow.repeats, "{topic}: record {number} twice, at {first:?} and {place:?}");
            repeats += 1;
            return;
        }
        stored[number as usize] = Some(place);
        let last = last[record.partition as usize].replace(number);
        assert!(last < Some(number), "{topic} {place:?}: {number} after {last:?}");
    });
    for (number, (metadata, stored)) in acknowledged.iter().zip(&stored).enumerate() {
        let (partition, offset) = stored.unwrap_or_else(|| panic!("{topic}: {number} is lost"));
        assert_eq!(metadata.partition, partition, "{topic}: record {number}");
        // A repeat is acknowledged with its own offset.
        let exact = metadata.offset.is_none_or(|told| told == offset);
        assert!(exact || flow.repeats, "{topic}: {number} at {offset}, told {metadata:?}");
    }
    assert_eq!(records, acknowledged.len() as u64 + repeats);
    println!("full: {topic}: none lost, {repeats} repeated, all in order");
    assert!(kafka.dump_log_segments(1, topic).iter().all(|batch| batch.valid));
}

fn number(value: Option<&[u8]>) -> u64 {
    let text = str::from_utf8(value.unwrap_or_default()).unwrap_or_default();
    let number = text.split(' ').next().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("not a record of this test: {text}"))
}
