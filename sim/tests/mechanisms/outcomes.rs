//! What a record's sender is told (rows A5.1, B2.5, B2.7, D4, E1.2, E6.9, E6.11–E6.14).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use ottla_core::{Deliveries, ErrorCode, Reason, Record, Written};
use ottla_sim::cluster::{ProduceFault, RequestFault};

use crate::world::World;

fn refuse(world: &World, error: ResponseError) {
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, ProduceFault::Refuse(error)));
}

/// E6.9, D4: a batch that was never sent has its outcome when its time is up, and not before.
#[test]
fn a_batch_that_is_never_sent_ends_with_its_time() {
    let settings = [("delivery.timeout.ms", "31000"), ("connections.max.idle.ms", "-1")];
    let mut world = World::new(1, &[("t", 2)], &settings);
    let now = world.clock.since_unix_epoch();
    world.cluster(|cluster, _| cluster.move_leader("t", 0, None, now).unwrap());
    world.know("t");
    let (outcome, waited) = world.wait(world.send_to(0, "x"));
    let error = outcome.unwrap_err();
    assert!(matches!(error.reason, Reason::Expired { .. }), "{error:?}");
    assert_eq!(error.written, Written::No);
    assert_eq!(waited, Duration::from_secs(31));
    world.assert_memory_is_back();
}

/// A5.1: `retries` are what is tried after the first attempt.
#[test]
fn retries_are_counted_from_the_second_attempt_on() {
    let mut world = World::new(1, &[("t", 1)], &[("retries", "2"), ("linger.ms", "0")]);
    world.know("t");
    for _ in 0..3 {
        refuse(&world, ResponseError::NotEnoughReplicas);
    }
    let error = world.wait(world.send_to(0, "x")).0.unwrap_err();
    assert_eq!(error.reason, Reason::Broker(ErrorCode::NotEnoughReplicas));
    assert_eq!(error.attempts, 3);
}

/// B2.5: a record keeps its timestamp, or gets the time of its sending.
#[test]
fn a_record_without_a_timestamp_gets_that_of_its_sending() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    world.know("t");
    let now = i64::try_from(world.clock.since_unix_epoch().as_millis()).unwrap();
    let own = world.send("t", Record::new(b"a").partition(0).timestamp(12_345));
    let none = world.send_to(0, "b");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.wait(own).0.unwrap().timestamp, 12_345);
    assert_eq!(world.wait(none).0.unwrap().timestamp, now);
}

/// E6.13 (KIP-467): the broker's word about a record reaches that record.
#[test]
fn a_record_that_the_broker_names_hears_its_own_error() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    world.know("t");
    let blame = ProduceFault::RefuseRecords {
        error: ResponseError::InvalidRecord,
        records: vec![(1, Some("no key".to_owned()))],
        message: None,
    };
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, blame));
    let (good, bad) = (world.send_to(0, "good"), world.send_to(0, "bad"));
    let bad = world.wait(bad).0.unwrap_err();
    assert_eq!(bad.reason, Reason::Broker(ErrorCode::InvalidRecord));
    assert!(bad.to_string().contains("no key"), "{bad}");
    let good = world.wait(good).0.unwrap_err();
    assert_eq!(good.reason, Reason::OtherRecordInvalid);
    assert!(good.is_retriable());
}

/// E6.11, F1: what the broker has already is acknowledged, not stored twice.
#[test]
fn a_repeat_is_acknowledged_with_its_first_offset() {
    let mut world = World::new(1, &[("t", 1)], &[("linger.ms", "0")]);
    world.know("t");
    world.cluster(|cluster, _| {
        let fault = RequestFault::CloseAfter;
        cluster.faults().next_request(None, ApiKey::Produce, fault);
    });
    let stored = world.wait(world.send_to(0, "x")).0.unwrap();
    assert_eq!(stored.offset, Some(0));
    assert_eq!(world.log("t", 0), ["x"]);
}

#[derive(Debug, Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn so_far(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl ottla_core::Interceptor for Notes {
    fn on_send<'a>(&'a self, topic: &str, record: Record<'a>) -> Record<'a> {
        self.0.lock().unwrap().push(format!("send to {topic}"));
        record.partition_key(b"same")
    }

    fn on_acknowledgement(&self, batch: &ottla_core::Acknowledgement<'_>) {
        let (offset, failed) = (batch.base_offset, batch.error.is_some());
        let note = format!("{} of {}: {offset:?}, {failed}", batch.record_count, batch.topic);
        self.0.lock().unwrap().push(note);
    }
}

/// E1.2, B1.7, E6.14: interceptors see every record before it is placed, and every batch's outcome.
#[test]
fn interceptors_see_records_and_outcomes() {
    let notes = Arc::new(Notes::default());
    let mut world = World::new(1, &[("t", 1)], &[]).intercepted(notes.clone());
    world.know("t");
    let (a, b) = (world.send_to(0, "a"), world.send_to(0, "b"));
    assert!(world.wait(a).0.is_ok() && world.wait(b).0.is_ok());
    refuse(&world, ResponseError::TopicAuthorizationFailed);
    assert!(world.wait(world.send_to(0, "c")).0.is_err());
    let expected =
        ["send to t", "send to t", "2 of t: Some(0), false", "send to t", "1 of t: None, true"];
    assert_eq!(notes.so_far(), expected);
}

/// E6.9, E6.14: also of a batch whose time is up while it is on the wire, and so does its topic.
#[test]
fn interceptors_see_that_a_batch_expires_on_the_wire() {
    let notes = Arc::new(Notes::default());
    let settings =
        [("linger.ms", "0"), ("request.timeout.ms", "3000"), ("delivery.timeout.ms", "3000")];
    let mut world = World::new(1, &[("t", 1)], &settings).intercepted(notes.clone());
    world.know("t");
    assert!(world.wait(world.send_to(0, "a")).0.is_ok());
    refuse(&world, ResponseError::NotLeaderOrFollower);
    let late = world.send_to(0, "b");
    world.settle();
    world.hold(1, true);
    let error = world.wait(late).0.unwrap_err();
    assert!(matches!(error.reason, Reason::Expired { .. }), "{error:?}");
    let expected = ["send to t", "1 of t: Some(0), false", "send to t", "1 of t: None, true"];
    assert_eq!(notes.so_far(), expected);
    world.hold(1, false);
    world.pass(Duration::from_secs(10));
    assert_eq!(notes.so_far(), expected, "once");
    let topic = world.producer.topic("t");
    assert_eq!((topic.metrics().records_failed, world.producer.metrics().records_failed), (1, 1));
}

/// B1.7: each record is seen once, also one that has to wait.
#[test]
fn interceptors_see_a_record_that_waits_once() {
    let notes = Arc::new(Notes::default());
    let mut world = World::new(1, &[("t", 1)], &[]).intercepted(notes.clone());
    let mut topic = world.producer.topic("t");
    let records = [Record::new(b"a"), Record::new(b"b")];
    let (mut rest, mut deliveries) = (&records[..], Deliveries::new());
    world.wait(Box::pin(topic.send_all(&mut rest, &mut deliveries))).0.unwrap();
    assert_eq!(notes.so_far(), ["send to t", "send to t"]);
}
