//! The fixed memory: what must come back, and what must not be used too early.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake};
use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::{Flush, Record, SendError, Written};
use ottla_sim::cluster::ProduceFault;
use ottla_sim::simulation::Simulated;

use crate::world::{World, poll, refusal};

const SMALL: [(&str, &str); 4] = [
    ("buffer.memory", "4096"),
    ("batch.size", "1024"),
    ("max.block.ms", "1000"),
    ("connections.max.idle.ms", "-1"),
];

/// B4.4, B5.5: memory leaked when a wait for it timed out, and when the record that it was for was
/// given up.
#[test]
fn waits_for_memory_that_end_early_leave_none_behind() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    world.know("t");
    world.hold(1, true);
    let text = "x".repeat(900);
    let sent: Vec<_> = (0..4).map(|_| world.send_to(0, &text)).collect();
    let record = Record::new(text.as_bytes()).partition(0);
    assert_eq!(refusal(world.producer.try_send("t", record)), SendError::BufferFull);
    let producer = world.producer.clone();
    let mut dropped = Box::pin(producer.send("t", record));
    let mut late = Box::pin(producer.send("t", record));
    assert!(poll(&mut dropped).is_pending() && poll(&mut late).is_pending());
    drop(dropped);
    let (timed_out, waited) = world.wait(&mut late);
    assert!(matches!(timed_out, Err(SendError::BufferExhausted { .. })));
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_millis(1100), "{waited:?}");
    world.hold(1, false);
    for delivery in sent {
        assert!(world.wait(delivery).0.is_ok());
    }
    world.assert_memory_is_back();
}

/// B5.4: memory goes to those who wait, first come, first served.
#[test]
fn who_waits_longest_is_served_first() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    world.know("t");
    world.hold(1, true);
    let text = "x".repeat(900);
    let _sent: Vec<_> = (0..4).map(|_| world.send_to(0, &text)).collect();
    let producer = world.producer.clone();
    let (first, second) = (format!("1{text}"), format!("2{text}"));
    let mut first = Box::pin(producer.send("t", Record::new(first.as_bytes()).partition(0)));
    let mut second = Box::pin(producer.send("t", Record::new(second.as_bytes()).partition(0)));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    world.settle();
    world.hold(1, false);
    world.settle();
    let late = Record::new(b"3").partition(0);
    let (a, _) = world.wait(&mut first);
    let (b, _) = world.wait(&mut second);
    let c = world.producer.try_send("t", late);
    let offsets = [a, b, c].map(|delivery| world.wait(delivery.unwrap()).0.unwrap().offset);
    assert_eq!(offsets, [Some(4), Some(5), Some(6)]);
}

/// E6.9 (KAFKA-19012): a batch whose time was up gave its buffer back while the network was still
/// taking its bytes; the next batch was written over it.
#[test]
fn a_buffer_is_not_used_again_while_its_bytes_are_on_the_wire() {
    let settings = [
        ("buffer.memory", "2048"),
        ("batch.size", "1024"),
        ("linger.ms", "0"),
        ("retry.backoff.ms", "5000"),
        ("retry.backoff.max.ms", "5000"),
        ("request.timeout.ms", "10000"),
        ("delivery.timeout.ms", "10000"),
        ("connections.max.idle.ms", "-1"),
    ];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    assert!(world.wait(world.send_to(0, "first")).0.is_ok());
    // The second attempt begins in the middle of the batch's time, and gets stuck half-way.
    let refuse = ProduceFault::Refuse(ResponseError::NotLeaderOrFollower);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    let late = "a".repeat(900);
    let expired = world.send_to(0, &late);
    world.settle();
    world.narrow(300);
    world.pass(Duration::from_millis(10_100));
    let error = expired.try_get().expect("its time is up").unwrap_err();
    assert_eq!(error.written, Written::Maybe);
    let metrics = world.producer.metrics();
    assert_eq!(metrics.buffer_total_bytes - metrics.buffer_available_bytes, 1024);
    let next = world.send_to(0, &"b".repeat(900));
    world.narrow(usize::MAX);
    assert!(world.wait(next).0.is_ok());
    assert_eq!(world.log("t", 0), ["first", &late, &"b".repeat(900)]);
    world.assert_memory_is_back();
}

/// Four batches that are acknowledged, so that their memory is granted to a send that waits and
/// does not run.
fn granted_to_one_that_does_not_run(world: &mut World, meanwhile: impl FnOnce(&mut World)) {
    world.know("t");
    world.hold(1, true);
    let text = "x".repeat(900);
    let sent: Vec<_> = (0..4).map(|_| world.send_to(0, &text)).collect();
    let producer = world.producer.clone();
    let mut waiting = Box::pin(producer.send("t", Record::new(text.as_bytes()).partition(0)));
    assert!(poll(&mut waiting).is_pending());
    world.settle();
    meanwhile(world);
    world.hold(1, false);
    world.settle();
    assert!(sent.iter().all(|delivery| delivery.try_get().is_some()));
    let mut flush = world.producer.flush();
    let (polled, ()) = (poll(&mut flush), world.settle());
    assert!(polled.is_ready() || poll(&mut flush).is_ready());
}

/// E5: a flush waits for the records that were accepted, not for one that has only been granted
/// memory: its task may be the one that flushes.
#[test]
fn flush_does_not_wait_for_memory_that_nobody_uses() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    granted_to_one_that_does_not_run(&mut world, |_| {});
    world.pass(Duration::from_secs(1));
    world.assert_memory_is_back();
}

/// The same with closing, which grants nothing any more.
#[test]
fn close_does_not_wait_for_memory_that_nobody_uses() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    let mut close = world.producer.close(Duration::from_secs(3600));
    granted_to_one_that_does_not_run(&mut world, |_| assert!(poll(&mut close).is_pending()));
    let ((), waited) = world.wait(close);
    assert_eq!(waited, Duration::ZERO);
}

/// Whether it was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A flush that found memory in use hears of it when no batch becomes of that.
#[test]
fn flush_hears_of_memory_that_comes_back_unused() {
    let mut world = World::new(1, &[("t", 1)], &SMALL);
    world.know("t");
    let flag = Arc::new(Flag::default());
    let mut flush = world.producer.flush();
    let look = |flush: &mut Flush<Simulated>| {
        Pin::new(flush).poll(&mut Context::from_waker(&flag.clone().into()))
    };
    let producer = world.producer.clone();
    let refused = producer.try_resend("t", 0, 0, 100, |_no_batch| {
        assert!(look(&mut flush).is_pending());
        world.settle();
        assert!(look(&mut flush).is_pending(), "a batch may become of it yet");
        flag.0.store(false, Ordering::Relaxed);
    });
    assert!(refused.is_err());
    world.settle();
    assert!(flag.0.load(Ordering::Relaxed));
    assert!(look(&mut flush).is_ready());
}

/// E6.17, C4: batches that may grow beyond `batch.size` as they will be compressed took the memory
/// of all others, though they got few records; and short memory sent them as they were.
#[test]
fn many_partitions_share_memory_though_they_compress_well() {
    let settings = [
        ("compression.type", "lz4"),
        ("batch.size", "16384"),
        ("buffer.memory", "8388608"),
        ("linger.ms", "1000"),
    ];
    let mut world = World::new(1, &[("t", 300)], &settings);
    world.know("t");
    let text = "x".repeat(100);
    (0..2_000).for_each(|_| drop(world.send_to(0, &text)));
    world.pass(Duration::from_secs(2));
    let before = world.producer.metrics().batch_size.count;
    let producer = world.producer.clone();
    for n in 0..30_000 {
        let record = Record::new(text.as_bytes()).partition(n % 300);
        world.wait(Box::pin(producer.send("t", record))).0.unwrap();
    }
    world.pass(Duration::from_secs(2));
    let batches = world.producer.metrics().batch_size.count - before;
    assert!(batches <= 300, "{batches} batches for 300 partitions");
}
