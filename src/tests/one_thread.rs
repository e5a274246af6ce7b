//! A producer without a thread: the test's own does its work.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use super::{PATIENCE, broker, stored_count};
use crate::one_thread::{self, Deliveries, IoLoop, Producer, Topic};
use crate::{ProducerConfig, Record, SendError};

const NOW: Option<Duration> = Some(Duration::ZERO);

fn start(bootstrap: &str, properties: &[(&str, &str)]) -> (Producer, IoLoop) {
    let first = [("bootstrap.servers", bootstrap)];
    let config = ProducerConfig::from_properties(first.iter().chain(properties).copied());
    one_thread::start(config.unwrap()).unwrap()
}

/// Sends until the topic's metadata is there.
fn send_first(io: &mut IoLoop, topic: &mut Topic) {
    let delivery = io.block_on(topic.send(Record::new(b"first"))).unwrap().unwrap();
    io.block_on(delivery).unwrap().unwrap();
}

#[test]
fn records_go_through_less_memory_than_they_take() {
    const RECORDS: usize = 20_000;
    let broker = broker();
    let small = [("buffer.memory", "65536"), ("batch.size", "4096"), ("linger.ms", "0")];
    let (producer, mut io) = start(&broker.address().to_string(), &small);
    let mut topic = producer.topic("little");
    let mut deliveries = Deliveries::new();
    let (mut full, mut acknowledged) = (0, 0);
    for number in 0..RECORDS {
        let value = [number as u8; 100];
        match topic.try_send_into(Record::new(&value), &mut deliveries) {
            Err(SendError::BufferFull | SendError::MetadataPending) => {
                full += 1;
                let sent = io.block_on(topic.send(Record::new(&value))).unwrap();
                deliveries.push(sent.unwrap());
            }
            sent => sent.unwrap(),
        }
    }
    io.block_on(producer.flush()).unwrap();
    while let Some((records, outcome)) = deliveries.try_next() {
        outcome.unwrap();
        acknowledged += records as usize;
    }
    assert_eq!((acknowledged, stored_count(&broker, "little")), (RECORDS, RECORDS));
    assert!(full > 10, "memory never ran out");
    io.block_on(producer.close(PATIENCE)).unwrap();
    for _ in 0..2 {
        assert!(!io.turn(None).unwrap(), "nothing is left to do");
    }
}

#[test]
fn it_says_when_a_turn_is_worth_it() {
    let broker = broker();
    let rare = [("batch.size", "1000"), ("linger.ms", "100000")];
    let (producer, mut io) = start(&broker.address().to_string(), &rare);
    let mut topic = producer.topic("rare");
    // A partition for each, so that none of this test's batches is full of others' records.
    let record = |value| Record::new(value).partition(1);
    let first = io.block_on(topic.send(Record::new(b"first").partition(0))).unwrap().unwrap();
    io.block_on(producer.flush()).unwrap();
    io.block_on(first).unwrap().unwrap();
    topic.try_send(record(b"begins a batch")).unwrap();
    assert!(io.wants_turn(), "to know when to send it");
    io.turn(NOW).unwrap();
    topic.try_send(record(b"joins it")).unwrap();
    assert!(!io.wants_turn(), "nothing is to be done for it");
    topic.try_send(record(&[0; 960])).unwrap();
    assert!(io.wants_turn(), "a batch is full");
}

/// The producer is for one thread, but others may have what it waits for.
#[test]
fn another_thread_ends_its_rest() {
    let broker = broker();
    // By name: a thread of the resolver tells the loop what it found.
    let name = format!("localhost:{}", broker.address().port());
    let (producer, mut io) = start(&name, &[("linger.ms", "0")]);
    send_first(&mut io, &mut producer.topic("fed"));
    let (say_where, hears_where) = mpsc::channel::<Waker>();
    let (give, given) = mpsc::channel();
    let other = thread::spawn(move || {
        let waker = hears_where.recv().unwrap();
        thread::sleep(Duration::from_millis(50)); // so that the loop rests
        give.send("from elsewhere").unwrap();
        waker.wake();
    });
    let got = io.block_on(poll_fn(|cx| match given.try_recv() {
        Ok(got) => Poll::Ready(got),
        Err(_) => {
            say_where.send(cx.waker().clone()).unwrap();
            Poll::Pending
        }
    }));
    assert_eq!(got.unwrap(), "from elsewhere");
    other.join().unwrap();
}

#[test]
fn a_turn_rests_no_longer_than_it_may() {
    let broker = broker();
    let (producer, mut io) = start(&broker.address().to_string(), &[]);
    send_first(&mut io, &mut producer.topic("idle"));
    let started = std::time::Instant::now();
    while started.elapsed() < Duration::from_millis(30) {
        assert!(io.turn(Some(Duration::from_millis(5))).unwrap());
    }
    assert!(started.elapsed() < PATIENCE);
}
