//! When a batch leaves (rows E5, C2, C8, B4.7), and in which order (E6.4, E6.12).

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::Record;
use ottla_sim::cluster::{Cluster, ProduceFault};

use crate::world::{World, poll};

const LATE: Duration = Duration::from_secs(10);

/// A world in which a batch lingers for ten seconds unless there is another reason to leave.
fn lingering(settings: &[(&str, &str)]) -> World {
    let linger = [("linger.ms", "10000"), ("batch.size", "1000")];
    let mut world = World::new(1, &[("t", 2)], &[&linger[..], settings].concat());
    world.know("t");
    world
}

#[track_caller]
fn leaves_at_once(
    world: &mut World,
    delivery: ottla_core::Delivery<ottla_sim::simulation::Simulated>,
) {
    let (outcome, waited) = world.wait(delivery);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(waited < Duration::from_millis(100), "{waited:?}");
}

/// E5, E6.8: the linger is that of the batch, from its first record on.
#[test]
fn a_batch_leaves_when_it_has_lingered() {
    let mut world = lingering(&[]);
    let first = world.send_to(0, "a");
    world.pass(Duration::from_secs(6));
    let second = world.send_to(0, "b");
    let (outcome, waited) = world.wait(first);
    assert_eq!(outcome.unwrap().offset, Some(0));
    assert_eq!(waited, Duration::from_secs(4));
    assert_eq!(world.wait(second).0.unwrap().offset, Some(1));
    assert_eq!(world.producer.metrics().records_per_request.max, 2, "both left together");
}

/// E5: full, by bytes and by count.
#[test]
fn a_full_batch_leaves_at_once() {
    let mut world = lingering(&[]);
    let first = world.send_to(0, &"a".repeat(600));
    let mut second = world.send_to(0, &"b".repeat(600));
    leaves_at_once(&mut world, first);
    assert!(poll(&mut second).is_pending(), "the next batch lingers");

    let mut world = lingering(&[("batch.max.records", "3")]);
    let [a, b, c] = ["a", "b", "c"].map(|text| world.send_to(0, text));
    for delivery in [a, b, c] {
        leaves_at_once(&mut world, delivery);
    }
}

/// E5, E4: also where the record that has no room moves on to another partition (KIP-794).
#[test]
fn a_batch_that_a_record_has_no_room_in_leaves_at_once() {
    let mut world = lingering(&[]);
    let value = "a".repeat(600);
    let mut sent = Vec::new();
    for _ in 0..8 {
        sent.push(world.send("t", Record::new(value.as_bytes())));
        world.settle(); // the sender has seen the open batch
    }
    let mut last = sent.pop().unwrap();
    sent.into_iter().for_each(|delivery| leaves_at_once(&mut world, delivery));
    assert!(poll(&mut last).is_pending(), "it is in the open batch");
}

/// E4.2, E6.17: compressed records stay with a partition until its batch is full, though that has
/// more bytes than `batch.size` before it is compressed.
#[test]
fn compressed_records_fill_a_batch_before_they_move_on() {
    let mut world = lingering(&[("compression.type", "lz4")]);
    let value = "a".repeat(100);
    let mut sent: VecDeque<_> =
        (0..20_000).map(|_| world.send("t", Record::new(value.as_bytes()))).collect();
    world.pass(Duration::from_millis(100));
    while poll(&mut sent[0]).is_ready() {
        sent.pop_front();
    }
    assert!(sent.iter().all(|open| open.partition() == sent[0].partition()), "one batch is open");
    let largest = world.producer.metrics().records_per_request.max;
    assert!(largest > 3 * 1000 / 100, "{largest} records");
}

/// E6.17: a compressed batch leaves with nearly `batch.size` bytes, also where batches of a record
/// or two, which compress less, leave in between.
#[test]
fn compressed_batches_leave_nearly_full() {
    let settings = [("compression.type", "lz4"), ("batch.size", "16384")];
    let mut world = lingering(&settings);
    let mut noise = (0_u32..).map(|i| i.wrapping_mul(2_654_435_761) ^ i.rotate_left(11));
    let mut small = 0;
    for i in 0..40_000 {
        let words = noise.by_ref().take(6).map(|word| format!("{word:08x}"));
        let value = words.collect::<Vec<_>>().join(", level=INFO, user=");
        let delivery = world.send_to(0, &value);
        if i % 10_000 == 5_000 {
            (world.wait(world.producer.flush()), world.wait(delivery)).1.0.expect("it is there");
            small += 2;
            let alone = world.send_to(0, &value);
            world.wait(world.producer.flush());
            world.wait(alone).0.expect("it is there");
        }
    }
    world.pass(Duration::from_millis(100));
    let sizes = world.producer.metrics().batch_size;
    let full = sizes.sum / (sizes.count - small);
    assert!((15_900..16_600).contains(&full), "{full} bytes of 16,384 in {} batches", sizes.count);
}

/// E5, E6.15: a flush sends what there is, and nothing that comes later.
#[test]
fn a_flush_sends_what_was_there_before_it() {
    let mut world = lingering(&[]);
    let before = world.send_to(0, "a");
    let mut flush = world.producer.flush();
    assert!(poll(&mut flush).is_pending());
    leaves_at_once(&mut world, before);
    let mut after = world.send_to(1, "b");
    assert!(matches!(poll(&mut flush), Poll::Ready(())), "it does not wait for later records");
    world.pass(Duration::from_secs(5));
    assert!(poll(&mut after).is_pending());
}

/// E5: adaptive linger waits for company only as long as something is on its way to the broker.
#[test]
fn an_adaptive_linger_ends_with_the_last_answer() {
    let mut world = lingering(&[("linger.adaptive", "true")]);
    let (first, other) = (world.send_to(0, "a"), world.send_to(1, "b"));
    leaves_at_once(&mut world, first);
    leaves_at_once(&mut world, other);
    world.hold(1, true);
    let alone = world.send_to(0, "c");
    world.settle();
    let mut company = world.send_to(1, "d");
    world.pass(Duration::from_secs(1));
    assert!(poll(&mut company).is_pending());
    world.send_to(1, "e");
    world.hold(1, false);
    leaves_at_once(&mut world, alone);
    leaves_at_once(&mut world, company);
    assert_eq!(world.log("t", 1), ["b", "d", "e"]);
    assert_eq!(world.producer.metrics().records_per_request.max, 2, "d and e left together");
}

/// E5: a partition that moves lingers as long as its new leader has something to answer.
#[test]
fn an_adaptive_linger_follows_the_leader() {
    let settings =
        [("linger.ms", "10000"), ("linger.adaptive", "true"), ("metadata.max.age.ms", "2000")];
    let mut world = World::new(3, &[("t", 4)], &settings);
    let lead = |world: &World, partition, node| {
        let moved = |cluster: &mut Cluster, now| cluster.move_leader("t", partition, node, now);
        world.cluster(moved).unwrap();
    };
    for (partition, node) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
        lead(&world, partition, Some(node));
    }
    world.know("t");
    for partition in 0..4 {
        let known = world.send_to(partition, "a");
        leaves_at_once(&mut world, known);
    }
    world.hold(1, true);
    world.hold(2, true);
    let _busy = [world.send_to(0, "b"), world.send_to(2, "b")];
    world.settle();
    let mut company = world.send_to(1, "b");
    world.settle();
    lead(&world, 1, Some(2));
    world.pass(Duration::from_secs(3));
    assert!(poll(&mut company).is_pending());
    world.hold(2, false);
    leaves_at_once(&mut world, company);
}

/// E5.1: whoever waits for memory makes every batch ready.
#[test]
fn short_memory_sends_what_there_is() {
    let mut world = lingering(&[("buffer.memory", "2000")]);
    let (a, b) = (world.send_to(0, "a"), world.send_to(1, "b"));
    world.settle();
    let producer = world.producer.clone();
    let value = "c".repeat(990);
    let record = Record::new(value.as_bytes()).partition(0);
    let mut waiting = Box::pin(producer.send("t", record));
    let (accepted, waited) = world.wait(&mut waiting);
    assert!(accepted.is_ok() && waited < LATE, "{waited:?}");
    for mut delivery in [a, b] {
        let Poll::Ready(outcome) = poll(&mut delivery) else { panic!("it still lingers") };
        assert!(outcome.is_ok());
    }
}

/// E5: what was sent to make room leaves room for some of those who wait; theirs makes room for the
/// others.
#[test]
fn memory_stays_short_for_no_longer_than_it_takes_to_send() {
    let settings = [("linger.ms", "10000"), ("batch.size", "1000"), ("buffer.memory", "2000")];
    let mut world = World::new(1, &[("t", 6)], &settings);
    world.know("t");
    let sent = (world.send_to(0, "a"), world.send_to(1, "b"));
    world.settle();
    let producer = world.producer.clone();
    let send = |partition| Box::pin(producer.send("t", Record::new(b"c").partition(partition)));
    let mut waiting: Vec<_> = (2..6).map(send).collect();
    for send in &mut waiting {
        assert!(poll(send).is_pending());
    }
    for send in waiting {
        let (accepted, waited) = world.wait(send);
        assert!(accepted.is_ok() && waited < LATE, "{waited:?}");
    }
    drop(sent);
}

/// C2, E6.16: a close sends what there is, and takes nothing more.
#[test]
fn a_close_sends_what_there_is() {
    let mut world = lingering(&[]);
    let delivery = world.send_to(0, "a");
    let close = world.producer.close(LATE);
    let ((), waited) = world.wait(close);
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    assert!(delivery.try_get().expect("closed").is_ok());
    let refused = world.producer.try_send("t", Record::new(b"b"));
    assert!(matches!(refused, Err(ottla_core::SendError::Closed)));
    world.assert_memory_is_back();
}

/// E5.2: a batch that waits to be tried again is not hurried by a flush.
#[test]
fn a_backoff_outlasts_a_flush() {
    let settings = [("retry.backoff.ms", "1000"), ("retry.backoff.max.ms", "1000")];
    let mut world = lingering(&settings);
    let refuse = ProduceFault::Refuse(ResponseError::NotEnoughReplicas);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    let _delivery = world.send_to(0, "a");
    let flush = world.producer.flush();
    let ((), waited) = world.wait(flush);
    let (least, most) = (Duration::from_millis(800), Duration::from_millis(1200));
    assert!(waited >= least && waited <= most, "{waited:?}");
}

/// C8: a batch that is ready takes no other along.
#[test]
fn a_ready_batch_leaves_alone() {
    let mut world = lingering(&[]);
    let mut other = world.send_to(1, "other");
    let _filled = world.send_to(0, &"a".repeat(600));
    let _next = world.send_to(0, &"b".repeat(600));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.log("t", 0).len(), 1);
    assert!(poll(&mut other).is_pending(), "it has its own time");
}

/// E6.4, D5: without idempotence a partition has one batch in flight, so a retry reorders nothing.
#[test]
fn order_holds_without_idempotence() {
    let settings = [("enable.idempotence", "false"), ("linger.ms", "0"), ("batch.size", "100")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    let refuse = ProduceFault::Refuse(ResponseError::NotEnoughReplicas);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    let texts: Vec<String> = (0..6).map(|n| format!("{n}{}", ".".repeat(90))).collect();
    let deliveries: Vec<_> = texts.iter().map(|text| world.send_to(0, text)).collect();
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    assert_eq!(world.log("t", 0), texts);
}
