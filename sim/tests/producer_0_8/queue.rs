//! A3: the full queue and its three policies.

use std::task::Poll;
use std::time::Duration;

use ottla_core::producer_0_8::{Error, Message, Producer};
use ottla_core::{Record, SendError};
use ottla_sim::simulation::Simulated;

use crate::world::{World, poll};
use crate::{Sent, message, old_producer};

fn to_partition(partition: i32) -> Message<'static> {
    Message { topic: "t", record: Record::new(b"x").partition(partition) }
}

/// A queue of two, full, before a broker that doesn't answer.
fn full(policy: &str) -> (World, Producer<Simulated>) {
    let settings = [
        ("producer.type", "async"),
        ("request.required.acks", "1"),
        ("queue.buffering.max.messages", "2"),
        ("batch.num.messages", "1"),
        ("queue.enqueue.timeout.ms", policy),
    ];
    let (mut world, producer) = old_producer(1, &[("t", 1)], &settings);
    world.hold(1, true);
    for value in ["a", "b"] {
        world.wait(Box::pin(producer.send(&[message("t", value)]))).0.unwrap();
    }
    world.settle();
    (world, producer)
}

fn is_full(sent: &Sent, at: usize) -> bool {
    matches!(sent, Err(Error::QueueFull { index }) if *index == at)
}

#[test]
fn zero_drops_at_once_and_says_which() {
    let (mut world, producer) = full("0");
    let messages = [message("t", "c"), message("t", "d")];
    let (sent, waited) = world.wait(Box::pin(producer.send(&messages)));
    assert!(is_full(&sent, 0) && waited.is_zero(), "{sent:?} after {waited:?}");
    let stats = producer.stats();
    assert_eq!((stats.messages, stats.dropped, stats.queued), (4, 1, 2), "the rest is not tried");
    world.hold(1, false);
    world.settle();
    let (sent, _) = world.wait(Box::pin(producer.send(&messages)));
    assert!(sent.is_ok(), "there is room again: {sent:?}");
}

#[test]
fn positive_waits_so_long() {
    let (mut world, producer) = full("700");
    let messages = [message("t", "c")];
    let (sent, waited) = world.wait(Box::pin(producer.send(&messages)));
    assert!(is_full(&sent, 0), "{sent:?}");
    assert_eq!(waited, Duration::from_millis(700));
    let mut send = Box::pin(producer.send(&messages));
    assert!(poll(&mut send).is_pending());
    world.pass(Duration::from_millis(600));
    world.hold(1, false);
    assert!(world.wait(send).0.is_ok());
}

#[test]
fn negative_waits_in_the_order_of_coming() {
    let (mut world, producer) = full("-1");
    let (first, second) = ([message("t", "c")], [message("t", "d")]);
    let mut first = Box::pin(producer.send(&first));
    let mut second = Box::pin(producer.send(&second));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    // Less than request.timeout.ms, so that nothing is sent twice.
    world.pass(Duration::from_secs(9));
    assert!(poll(&mut second).is_pending() && poll(&mut first).is_pending());
    world.hold(1, false);
    world.settle();
    assert!(poll(&mut second).is_pending(), "there is room, but it is the other's turn");
    world.wait(&mut first).0.unwrap();
    world.wait(&mut second).0.unwrap();
    world.settle();
    assert_eq!(world.log("t", 0), ["a", "b", "c", "d"]);
}

/// A dropped wait leaves the line.
#[test]
fn a_wait_that_is_given_up_holds_up_nobody() {
    let (mut world, producer) = full("-1");
    let (first, second) = ([message("t", "c")], [message("t", "d")]);
    let mut given_up = Box::pin(producer.send(&first));
    let mut second = Box::pin(producer.send(&second));
    assert!(poll(&mut given_up).is_pending() && poll(&mut second).is_pending());
    drop(given_up);
    world.hold(1, false);
    world.wait(&mut second).0.unwrap();
    world.settle();
    assert_eq!(world.log("t", 0), ["a", "b", "d"]);
}

/// A3.4: in 0.8 whoever waited blocked everybody; here a topic that is not there blocks nobody.
#[test]
fn a_message_for_a_topic_that_is_not_there_holds_up_no_other() {
    let (mut world, producer) = full("-1");
    world.hold(1, false);
    let (nowhere, there) = ([message("nowhere", "x")], [message("t", "c")]);
    let mut nowhere = Box::pin(producer.send(&nowhere));
    assert!(poll(&mut nowhere).is_pending());
    let (sent, waited) = world.wait(Box::pin(producer.send(&there)));
    assert!(sent.is_ok() && waited < Duration::from_millis(10), "{waited:?}");
    assert!(matches!(world.wait(nowhere).0, Err(Error::Refused { index: 0, .. })));
}

/// A7.3: nor does a partition that is not there; its message fails in time.
#[test]
fn a_message_for_a_partition_that_is_not_there_holds_up_no_other() {
    let (mut world, producer) = full("-1");
    let (nowhere, there) = ([to_partition(7)], [message("t", "c")]);
    let mut nowhere = Box::pin(producer.send(&nowhere));
    let mut there = Box::pin(producer.send(&there));
    assert!(poll(&mut nowhere).is_pending() && poll(&mut there).is_pending());
    world.hold(1, false);
    world.settle();
    assert!(poll(&mut nowhere).is_pending());
    let (sent, waited) = world.wait(there);
    assert!(sent.is_ok() && waited < Duration::from_millis(10), "{waited:?}");
    let max_block = world.producer.config().max_block;
    world.pass(max_block - Duration::from_secs(1));
    assert!(poll(&mut nowhere).is_pending());
    world.pass(Duration::from_secs(1));
    let Poll::Ready(Err(Error::Refused { index: 0, error })) = poll(&mut nowhere) else { panic!() };
    assert!(matches!(error, SendError::NotInMetadata { partition: Some((7, 1)), .. }), "{error:?}");
    assert_eq!(world.log("t", 0), ["a", "b", "c"]);
}

/// Partitions may be added while a message for one of them waits (KAFKA-6833).
#[test]
fn a_message_for_a_partition_that_comes_is_sent() {
    let (mut world, producer) = full("-1");
    world.hold(1, false);
    let messages = [to_partition(1)];
    let mut send = Box::pin(producer.send(&messages));
    world.settle();
    assert!(poll(&mut send).is_pending());
    world.pass(Duration::from_secs(5));
    world.cluster(|cluster, now| cluster.add_partitions("t", 2, now).unwrap());
    let (sent, waited) = world.wait(send);
    assert!(sent.is_ok() && waited < Duration::from_secs(1), "{sent:?} after {waited:?}");
    world.settle();
    assert_eq!(world.log("t", 1), ["x"]);
}
