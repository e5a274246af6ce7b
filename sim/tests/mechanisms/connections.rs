//! Connections: how long they wait, live and are left alone (rows A12.3, C5, D13, E6.7, F3).

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use ottla_core::Written;
use ottla_sim::cluster::RequestFault;

use crate::world::World;

fn fault(world: &World, fault: RequestFault) {
    world.cluster(|cluster, _| cluster.faults().next_request(None, ApiKey::Produce, fault));
}

/// F3: a request without an answer ends its connection, and its batch is sent again.
#[test]
fn a_request_without_an_answer_ends_its_connection() {
    let settings = [("request.timeout.ms", "2000"), ("linger.ms", "0")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    assert!(world.wait(world.send_to(0, "first")).0.is_ok());
    let before = world.connections();
    fault(&world, RequestFault::LoseAnswer);
    let (outcome, waited) = world.wait(world.send_to(0, "x"));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(3), "{waited:?}");
    assert_eq!(world.connections(), before + 1);
    assert_eq!(world.log("t", 0), ["first", "x"], "the broker knows the second as a repeat");
}

/// F3: a connection that nobody uses is closed, and opened when somebody does.
#[test]
fn an_idle_connection_is_closed() {
    let settings = [("connections.max.idle.ms", "30000"), ("metadata.max.age.ms", "3600000")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    assert!(world.wait(world.send_to(0, "x")).0.is_ok());
    let (opened, closed) = (world.connections(), world.producer.metrics().connections_closed);
    world.pass(Duration::from_secs(60));
    assert!(world.producer.metrics().connections_closed > closed);
    assert!(world.wait(world.send_to(0, "y")).0.is_ok());
    assert!(world.connections() > opened);
}

/// F3: a broker that can't be reached is tried again after a backoff that doubles.
#[test]
fn a_broker_that_is_down_is_left_alone_longer_and_longer() {
    let settings = [("reconnect.backoff.ms", "100"), ("reconnect.backoff.max.ms", "2000")];
    let mut world = World::new(2, &[("t", 2)], &settings);
    world.know("t");
    let leader = |p| world.cluster(|cluster, _| cluster.leader("t", p).unwrap().0);
    let partition = if leader(0) == Some(2) { 0 } else { 1 };
    world.cluster(|cluster, _| cluster.stop_node(2));
    let _stuck = world.send_to(partition, "x");
    let failed = world.producer.metrics().connections_closed;
    world.pass(Duration::from_secs(20));
    let tries = world.producer.metrics().connections_closed - failed;
    // 100, 200, … 1600 ms in the first seconds, then every other second.
    assert!((8..=40).contains(&tries), "{tries} tries in 20 s");
}

/// C5 (KIP-219): a broker that throttles is left alone for that time, and no other is.
#[test]
fn a_throttled_client_waits() {
    let mut world = World::new(1, &[("t", 1)], &[("linger.ms", "0")]);
    world.know("t");
    fault(&world, RequestFault::Throttle(Duration::from_secs(3)));
    assert!(world.wait(world.send_to(0, "a")).0.is_ok());
    let (outcome, waited) = world.wait(world.send_to(0, "b"));
    assert!(outcome.is_ok());
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
    assert_eq!(world.producer.metrics().throttle_time.count, 1);
}

/// A12.3, E6.7: with `acks=0` a record is delivered when it is on the wire, and has no offset.
#[test]
fn without_acknowledgements_a_record_is_done_when_it_is_sent() {
    let settings = [("acks", "0"), ("enable.idempotence", "false"), ("linger.ms", "0")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    assert!(world.wait(world.send_to(0, "first")).0.is_ok());
    world.hold(1, true);
    let (outcome, waited) = world.wait(world.send_to(0, "x"));
    assert_eq!(outcome.unwrap().offset, None);
    assert_eq!(waited, Duration::ZERO);
    world.hold(1, false);
    world.settle();
    assert_eq!(world.log("t", 0), ["first", "x"]);
}

/// A10.4: a connection that ends says nothing about the log; the error says so.
#[test]
fn a_lost_connection_leaves_it_open_whether_the_record_was_written() {
    let settings = [("enable.idempotence", "false"), ("retries", "0"), ("linger.ms", "0")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    fault(&world, RequestFault::CloseAfter);
    let error = world.wait(world.send_to(0, "x")).0.unwrap_err();
    assert_eq!((error.written, error.attempts), (Written::Maybe, 1));
    assert_eq!(world.log("t", 0), ["x"]);
}

/// C5: of two throttled answers the longer time counts, also if the shorter one comes later.
#[test]
fn a_shorter_throttle_ends_no_longer_one() {
    let mut world = World::new(1, &[("t", 2)], &[("linger.ms", "0")]);
    world.know("t");
    assert!(world.wait(world.send_to(0, "first")).0.is_ok());
    world.hold(1, true);
    let on_their_way = [0, 1].map(|partition| {
        let delivery = world.send_to(partition, "a");
        world.settle();
        delivery
    });
    for millis in [3_000, 10] {
        fault(&world, RequestFault::Throttle(Duration::from_millis(millis)));
    }
    world.hold(1, false);
    for delivery in on_their_way {
        assert!(world.wait(delivery).0.is_ok());
    }
    assert_eq!(world.producer.metrics().throttle_time.count, 2);
    let (outcome, waited) = world.wait(world.send_to(0, "b"));
    assert!(outcome.is_ok());
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
}
