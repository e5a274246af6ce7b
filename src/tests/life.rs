//! Starting, sleeping and ending.

use std::cell::RefCell;
#[cfg(feature = "transactions")]
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "transactions")]
use futures_lite::future::{block_on, poll_once};

use super::{PATIENCE, broker, producer, stored_count};
#[cfg(feature = "transactions")]
use crate::transaction::TransactionalProducer;
use crate::{
    Acknowledgement, Deliveries, Interceptor, Producer, ProducerConfig, Reason, Record, SendError,
};

#[test]
fn closing_sends_what_was_accepted_and_refuses_what_comes_later() {
    let broker = broker();
    let producer = producer(broker.address(), &[("linger.ms", "60000")]);
    let other = producer.clone();
    let delivery = producer.send_blocking("closed", Record::new(b"x")).unwrap();
    producer.close_blocking(PATIENCE);
    assert!(matches!(delivery.try_get(), Some(Ok(_))));
    assert_eq!(other.try_send("closed", Record::new(b"y")).unwrap_err(), SendError::Closed);
    assert_eq!(other.send_blocking("new", Record::new(b"y")).unwrap_err(), SendError::Closed);
    other.flush_blocking();
    other.close_blocking(PATIENCE);
    assert_eq!(stored_count(&broker, "closed"), 1);
}

#[test]
fn dropping_the_last_handle_sends_what_was_accepted() {
    let broker = broker();
    let producer = producer(broker.address(), &[("linger.ms", "60000")]);
    let mut topic = producer.topic("dropped");
    topic.send_blocking(Record::new(b"x")).unwrap();
    drop(producer);
    topic.send_blocking(Record::new(b"y")).unwrap();
    let delivery = topic.send_blocking(Record::new(b"z")).unwrap();
    drop(topic);
    assert_eq!(stored_count(&broker, "dropped"), 3);
    delivery.wait().unwrap();
}

/// Thread-locals end in an order that nobody chooses: what waiting needs may be gone by then.
#[test]
fn a_thread_that_ends_may_have_the_last_handle() {
    thread_local! {
        static HELD: RefCell<Option<Producer>> = const { RefCell::new(None) };
    }
    let broker = broker();
    let producer = producer(broker.address(), &[("linger.ms", "60000")]);
    let send = move || {
        HELD.with(|held| {
            let producer = held.borrow_mut().insert(producer).clone();
            producer.send_blocking("held", Record::new(b"x")).map(drop)
        })
    };
    thread::spawn(send).join().unwrap().unwrap();
    assert_eq!(stored_count(&broker, "held"), 1);
}

#[test]
fn a_forced_close_ends_in_time_and_tells_every_delivery() {
    let broker = broker();
    let producer = producer(broker.address(), &[("linger.ms", "60000")]);
    let delivery = producer.send_blocking("forced", Record::new(b"x")).unwrap();
    drop(broker);
    let begun = Instant::now();
    producer.close_blocking(Duration::from_millis(200));
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(delivery.wait().unwrap_err().reason, Reason::Closed);
}

#[test]
fn a_forced_close_tells_of_batches_that_are_being_compressed() {
    const ROUNDS: u64 = 20;
    let broker = broker();
    for round in 0..ROUNDS {
        let properties = [("compression.type", "zstd"), ("batch.size", "2000")];
        let producer = producer(broker.address(), &properties);
        producer.partitions_blocking("compressed").unwrap();
        thread::scope(|scope| {
            for _ in 0..2 {
                let mut topic = producer.topic("compressed");
                scope.spawn(move || {
                    let mut deliveries = Deliveries::new();
                    while !matches!(
                        topic.try_send_into(Record::new(&[7; 100]), &mut deliveries),
                        Err(SendError::Closed)
                    ) {}
                    while deliveries.wait_next().is_some() {}
                });
            }
            thread::sleep(Duration::from_millis(round));
            producer.close_blocking(Duration::ZERO);
        });
    }
}

#[test]
fn a_producer_that_never_sent_ends_at_once() {
    let begun = Instant::now();
    drop(producer("127.0.0.1:1", &[]));
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn producers_without_a_name_are_numbered_and_named_ones_keep_it() {
    let unnamed = producer("127.0.0.1:1", &[]);
    assert!(unnamed.config().client_id.starts_with("producer-"));
    let named = producer("127.0.0.1:1", &[("client.id", "orders")]);
    assert_eq!(named.config().client_id, "orders");
}

/// Counts batches, and holds the producer's last handle to drop it on the I/O thread.
#[derive(Debug, Default)]
struct LastHandle {
    producer: Mutex<Option<Producer>>,
    batches: AtomicUsize,
}

impl Interceptor for LastHandle {
    fn on_acknowledgement(&self, batch: &Acknowledgement<'_>) {
        assert_eq!((batch.topic, batch.base_offset), ("intercepted", Some(0)));
        self.batches.fetch_add(1, Ordering::Relaxed);
        drop(self.producer.lock().unwrap().take());
    }
}

#[test]
fn an_interceptor_may_drop_the_last_handle() {
    let broker = broker();
    let mut config = ProducerConfig::default();
    config.linger = Duration::from_millis(200);
    config.bootstrap_servers.push(broker.address().to_string().parse().unwrap());
    let interceptor = Arc::new(LastHandle::default());
    let producer = Producer::with_interceptors(config, vec![interceptor.clone()]).unwrap();
    let delivery = producer.send_blocking("intercepted", Record::new(b"x")).unwrap();
    interceptor.producer.lock().unwrap().replace(producer);
    delivery.wait().unwrap();
    assert_eq!(interceptor.batches.load(Ordering::Relaxed), 1);
    let begun = Instant::now();
    while Arc::strong_count(&interceptor) > 1 {
        assert!(begun.elapsed() < PATIENCE, "the I/O thread goes on");
        thread::yield_now();
    }
}

/// Can't take any news.
#[derive(Debug)]
struct Panicking;

impl Interceptor for Panicking {
    fn on_acknowledgement(&self, _: &Acknowledgement<'_>) {
        panic!("on purpose");
    }
}

#[test]
fn an_interceptor_that_panics_ends_no_producer() {
    let broker = broker();
    let mut config = ProducerConfig::default();
    config.bootstrap_servers.push(broker.address().to_string().parse().unwrap());
    let producer = Producer::with_interceptors(config, vec![Arc::new(Panicking)]).unwrap();
    for _ in 0..2 {
        let delivery = producer.send_blocking("panics", Record::new(b"x")).unwrap();
        let begun = Instant::now();
        while delivery.try_get().is_none() {
            assert!(begun.elapsed() < PATIENCE, "the record has no outcome");
            thread::yield_now();
        }
        delivery.wait().unwrap();
    }
}

/// How often the I/O thread of the producer named `client_id` went to sleep so far.
#[cfg(target_os = "linux")]
fn sleeps(client_id: &str) -> u64 {
    let name = format!("ottla-io | {client_id}");
    let status = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("status")).ok())
        .find(|status| status.starts_with(&format!("Name:\t{name:.15}")))
        .expect("the thread runs");
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
    line.split_whitespace().last().unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_producer_sleeps() {
    let broker = broker();
    let producer = producer(broker.address(), &[("client.id", "idle")]);
    producer.send_blocking("idle", Record::new(b"x")).unwrap().wait().unwrap();
    let before = sleeps("idle");
    thread::sleep(Duration::from_millis(500));
    let woken = sleeps("idle") - before;
    assert!(woken < 10, "woken {woken} times with nothing to do");
}

/// It may run on an executor's thread, and there is nothing to wait for.
#[cfg(feature = "transactions")]
#[test]
fn a_transactional_producer_that_nobody_waits_for_any_more_ends_at_once() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let start = |patience| {
        TransactionalProducer::from_properties([
            ("bootstrap.servers", address.as_str()),
            ("transactional.id", "billing-1"),
            ("max.block.ms", patience),
        ])
    };
    let mut forgotten = Box::pin(start("60000"));
    assert!(block_on(poll_once(&mut forgotten)).is_none());
    let begun = Instant::now();
    drop(forgotten);
    assert!(block_on(start("100")).is_err());
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}
