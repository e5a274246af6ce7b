//! All brokers stand still while a sender goes on: memory stays bounded, `try_send` says so at
//! once, `send` waits its turn and gives up in time, and when the brokers go on, so does all else.

use std::fs;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ottla::{Delivery, Producer, Record, SendError};
use ottla_tests::kafka::{Cluster, NEWEST};

const TOPIC: &str = "pressed";
const BUFFER_MEMORY: u64 = 8 << 20;
const RESIDENT_MAX: u64 = 32 << 20;
const MAX_BLOCK: Duration = Duration::from_secs(2);

/// How long the brokers may take to find each other again after a stop.
const PATIENCE: Duration = Duration::from_secs(100);

#[test]
fn a_standstill_bounds_memory_and_ends_well() {
    let kafka = Cluster::start(NEWEST, 3, &[]);
    kafka.create_topic(TOPIC, 6, 3, &[]);
    let pressed = producer(&kafka, BUFFER_MEMORY, MAX_BLOCK);
    let patient = producer(&kafka, 64 << 10, PATIENCE);
    kafka.node_ids().for_each(|node| kafka.pause(node));

    let mut accepted = fill(&pressed);
    sends_end_after_max_block(&pressed);
    a_dropped_wait_leaves_no_trace(&pressed);
    accepted.extend(fill(&patient));
    let waiting = wait_in_line(&patient);
    let resident = peak_resident_bytes();
    println!("full: {} MiB resident at most, {} records held", resident >> 20, accepted.len());
    assert!(resident < RESIDENT_MAX, "{resident} bytes resident");

    kafka.node_ids().for_each(|node| kafka.resume(node));
    accepted.extend(waiting.served_in_order());
    accepted.extend((0..1000).map(|_| send(&pressed).unwrap()));
    let count = accepted.len() as u64;
    for delivery in accepted {
        delivery.wait().expect("the brokers are back");
    }
    for producer in [pressed, patient] {
        producer.flush_blocking();
        let metrics = producer.metrics();
        assert_eq!(metrics.waiting_for_memory, 0);
        assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
    }
    let warm_ups = 2;
    assert_eq!(kafka.consume(TOPIC, |_| {}), count + warm_ups);
}

/// A producer that knows the topic and is connected.
fn producer(kafka: &Cluster, memory: u64, max_block: Duration) -> Producer {
    let (bootstrap, memory) = (kafka.bootstrap(), memory.to_string());
    let max_block = max_block.as_millis().to_string();
    let producer = Producer::from_properties([
        ("bootstrap.servers", bootstrap.as_str()),
        ("buffer.memory", &memory),
        ("max.block.ms", &max_block),
        ("delivery.timeout.ms", "300000"),
    ]);
    let producer = producer.unwrap();
    send(&producer).unwrap().wait().unwrap();
    producer
}

const VALUE: [u8; 1000] = [b'v'; 1000];

fn record() -> Record<'static> {
    Record::new(&VALUE).partition(0)
}

fn send(producer: &Producer) -> Result<Delivery, SendError> {
    producer.send_blocking(TOPIC, record())
}

/// Offers records until memory is full, and far more than that afterwards.
fn fill(producer: &Producer) -> Vec<Delivery> {
    let mut accepted = Vec::new();
    let mut refused = 0;
    while refused < 200_000 {
        match producer.try_send(TOPIC, record()) {
            Ok(delivery) => accepted.push(delivery),
            Err(error) => {
                assert_eq!(error, SendError::BufferFull);
                refused += 1;
            }
        }
    }
    let held = (accepted.len() * VALUE.len()) as u64;
    let total = producer.metrics().buffer_total_bytes;
    // One broker of three leads this partition, and may hold ⁴⁄₅ of the memory at most.
    assert!(held <= total && held * 10 > total * 6, "{held} of {total} bytes");
    accepted
}

fn sends_end_after_max_block(producer: &Producer) {
    let begun = Instant::now();
    let error = send(producer).unwrap_err();
    let elapsed = begun.elapsed();
    assert!(elapsed >= MAX_BLOCK && elapsed < MAX_BLOCK * 10, "{elapsed:?}");
    let SendError::BufferExhausted { waited } = error else { panic!("{error}") };
    assert!(waited >= MAX_BLOCK, "{waited:?}");
    let text = format!(
        "buffer.memory stayed full for {} ms (max.block.ms): the brokers are slower than the sender",
        waited.as_millis()
    );
    assert_eq!(error.to_string(), text);
}

fn a_dropped_wait_leaves_no_trace(producer: &Producer) {
    let before = producer.metrics();
    for _ in 0..1000 {
        let mut wait = pin!(producer.send(TOPIC, record()));
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(producer.metrics().waiting_for_memory, 1);
    }
    let after = producer.metrics();
    assert_eq!(after.waiting_for_memory, 0);
    assert_eq!(after.buffer_available_bytes, before.buffer_available_bytes);
}

/// Notes that its send was told to go on.
struct Turn {
    number: usize,
    told: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.told.lock().unwrap().push(self.number);
    }
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<Delivery, SendError>> + 'a>>;

/// Sends that wait for memory, in the order of their numbers.
struct Line<'a> {
    waiting: Vec<(usize, Waiting<'a>)>,
    told: Arc<Mutex<Vec<usize>>>,
}

/// Ten sends wait; two of them are dropped.
fn wait_in_line(producer: &Producer) -> Line<'_> {
    let mut line = Line { waiting: Vec::new(), told: Arc::default() };
    for number in 0..10 {
        let mut wait: Waiting<'_> = Box::pin(producer.send(TOPIC, record()));
        assert!(line.poll(number, &mut wait).is_pending());
        line.waiting.push((number, wait));
    }
    line.waiting.retain(|(number, _)| ![0, 5].contains(number));
    assert_eq!(producer.metrics().waiting_for_memory, 8);
    line
}

impl Line<'_> {
    fn poll(&self, number: usize, wait: &mut Waiting<'_>) -> Poll<Result<Delivery, SendError>> {
        let waker = Arc::new(Turn { number, told: self.told.clone() }).into();
        wait.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// Waits until each was told to go on: in their order.
    fn served_in_order(mut self) -> Vec<Delivery> {
        let mut served = Vec::new();
        let begun = Instant::now();
        for (number, mut wait) in std::mem::take(&mut self.waiting) {
            let delivery = loop {
                let told = self.told.lock().unwrap().get(served.len()).copied();
                if told.is_some() {
                    assert_eq!(told, Some(number), "{:?}", self.told);
                    break self.poll(number, &mut wait);
                }
                assert!(begun.elapsed() < PATIENCE, "nobody told {number} to go on");
                thread::sleep(Duration::from_millis(1));
            };
            let Poll::Ready(delivery) = delivery else { panic!("{number} was told too early") };
            served.push(delivery.expect("there is memory for it"));
        }
        served
    }
}

/// The most memory that this process ever had.
fn peak_resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kibibytes << 10
}
