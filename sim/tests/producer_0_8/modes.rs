//! Synchronous and asynchronous calls, and how they end.

use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::producer_0_8::{Error, Failure};
use ottla_core::{Record, SendError, Written};
use ottla_sim::cluster::ProduceFault;

use crate::world::poll;
use crate::{message, old_producer};

/// A2.1: a synchronous call ends with the outcome, an asynchronous one before.
#[test]
fn sync_waits_for_the_outcome_and_async_does_not() {
    let (mut world, sync) = old_producer(1, &[("t", 1)], &[("request.required.acks", "1")]);
    let messages = [message("t", "a"), message("t", "b")];
    let (sent, _) = world.wait(Box::pin(sync.send(&messages)));
    let offsets = sent.unwrap().into_iter().map(|it| it.try_get().unwrap().unwrap().offset);
    assert_eq!(offsets.collect::<Vec<_>>(), [Some(0), Some(1)]);

    let settings = [("request.required.acks", "1"), ("producer.type", "async")];
    let (mut world, r#async) = old_producer(1, &[("t", 1)], &settings);
    let (sent, waited) = world.wait(Box::pin(r#async.send(&messages)));
    assert!(waited.is_zero() && sent.unwrap()[0].try_get().is_none());
    // A4.2: `queue.buffering.max.ms` is 5 s.
    world.pass(Duration::from_millis(4_999));
    assert!(world.log("t", 0).is_empty());
    world.pass(Duration::from_millis(1));
    assert_eq!(world.log("t", 0), ["a", "b"]);
}

/// A4.2: `batch.num.messages` ends the wait early.
#[test]
fn a_batch_leaves_when_it_has_its_number_of_messages() {
    let settings = [("producer.type", "async"), ("batch.num.messages", "3")];
    let (mut world, producer) = old_producer(1, &[("t", 1)], &settings);
    for value in ["a", "b"] {
        world.wait(Box::pin(producer.send(&[message("t", value)]))).0.unwrap();
    }
    world.settle();
    assert!(world.log("t", 0).is_empty());
    world.wait(Box::pin(producer.send(&[message("t", "c")]))).0.unwrap();
    world.settle();
    assert_eq!(world.log("t", 0), ["a", "b", "c"]);
}

/// A2.3, A7.3: a synchronous call tells of each message that failed; a bad topic fails alone.
#[test]
fn a_call_over_topics_tells_which_messages_failed() {
    let settings = [("request.required.acks", "1"), ("message.send.max.retries", "0")];
    let (mut world, producer) = old_producer(1, &[("t", 1), ("u", 1)], &settings);
    let refuse = ProduceFault::Refuse(ResponseError::TopicAuthorizationFailed);
    world.cluster(|cluster, _| cluster.faults().next_produce("u", 0, refuse));
    let messages = [message("nowhere", "x"), message("t", "y"), message("u", "z")];
    let (sent, _) = world.wait(Box::pin(producer.send(&messages)));
    let Err(Error::Failed { failures }) = sent else { panic!("{sent:?}") };
    assert_eq!(failures.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2]);
    assert!(matches!(failures[0].1, Failure::Refused(SendError::NotInMetadata { .. })));
    let Failure::NotAcknowledged(error) = &failures[1].1 else { panic!("{failures:?}") };
    assert_eq!(error.written, Written::No);
    assert_eq!(world.log("t", 0), ["y"]);
}

/// A5.1: three retries are four attempts, `retry.backoff.ms` apart; then the call fails.
#[test]
fn retries_are_counted() {
    let settings = [("request.required.acks", "1"), ("retry.backoff.ms", "200")];
    let (mut world, producer) = old_producer(1, &[("t", 1)], &settings);
    for _ in 0..4 {
        let refuse = ProduceFault::Refuse(ResponseError::NotEnoughReplicas);
        world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    }
    let messages = [message("t", "a")];
    let (sent, waited) = world.wait(Box::pin(producer.send(&messages)));
    assert!(matches!(sent, Err(Error::Failed { .. })));
    let about = Duration::from_millis(480)..Duration::from_millis(721);
    assert!(about.contains(&waited), "{waited:?}");
    assert_eq!(producer.stats().resent, 3);
    assert!(world.wait(Box::pin(producer.send(&messages))).0.is_ok());
}

/// A4.5: what 0.8 only logged is reported.
#[test]
fn an_asynchronous_message_that_is_lost_is_reported() {
    let settings = [("request.required.acks", "1"), ("producer.type", "async")];
    let (mut world, producer) = old_producer(1, &[("t", 1)], &settings);
    let refuse = ProduceFault::Refuse(ResponseError::TopicAuthorizationFailed);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    drop(world.wait(Box::pin(producer.send(&[message("t", "a")]))).0.unwrap());
    world.pass(Duration::from_secs(6));
    let lost = producer.take_lost();
    assert_eq!((lost.len(), &*lost[0].topic, lost[0].partition), (1, "t", 0));
    assert!(producer.take_lost().is_empty());
    assert_eq!(producer.stats().failed, 1);
}

/// A2.4, A4.6: closing sends what is queued; the second close does nothing, and a later send says
/// that it is too late.
#[test]
fn close_sends_what_is_queued() {
    let settings = [("request.required.acks", "1"), ("producer.type", "async")];
    let (mut world, producer) = old_producer(1, &[("t", 1)], &settings);
    world.wait(Box::pin(producer.send(&[message("t", "a")]))).0.unwrap();
    let (_, waited) = world.wait(Box::pin(producer.close()));
    assert!(waited < Duration::from_millis(10), "{waited:?}");
    assert_eq!(world.log("t", 0), ["a"]);
    world.wait(Box::pin(producer.close()));
    let messages = [message("t", "b")];
    let mut late = Box::pin(producer.send(&messages));
    assert!(matches!(poll(&mut late), std::task::Poll::Ready(Err(Error::Closed))));
}

/// A1.2: the partition key routes and is not stored.
#[test]
fn a_partition_key_routes_and_is_not_stored() {
    let (mut world, producer) = old_producer(1, &[("t", 16)], &[("request.required.acks", "1")]);
    let record = Record::new(b"v").key(b"stored");
    let routed = record.partition_key(b"route");
    let alone = Record::new(b"v").key(b"route");
    let send = |record| [ottla_core::producer_0_8::Message { topic: "t", record }];
    let (first, second) = (send(routed), send(alone));
    let first = world.wait(Box::pin(producer.send(&first))).0.unwrap()[0].partition();
    let second = world.wait(Box::pin(producer.send(&second))).0.unwrap()[0].partition();
    assert_eq!(first, second);
    let stored = world.cluster(|cluster, _| cluster.records("t", first, 0, 1 << 20).unwrap());
    assert_eq!(stored[0].key.as_deref(), Some(&b"stored"[..]));
}

/// A8.3: without a key, one partition per `topic.metadata.refresh.interval.ms`.
#[test]
fn messages_without_a_key_stay_for_the_interval() {
    let settings =
        [("request.required.acks", "1"), ("topic.metadata.refresh.interval.ms", "60000")];
    let (mut world, producer) = old_producer(1, &[("t", 16)], &settings);
    let mut partitions = Vec::new();
    for _ in 0..40 {
        let messages = [message("t", "v")];
        partitions.push(world.wait(Box::pin(producer.send(&messages))).0.unwrap()[0].partition());
        world.pass(Duration::from_secs(10));
    }
    let changes = partitions.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!((3..=7).contains(&changes), "{partitions:?}");
}
