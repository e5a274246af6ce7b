//! What goes wrong in one place must not be felt in another.

use std::task::Poll;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use ottla_core::{ErrorCode, Record, SendError};
use ottla_sim::cluster::{ProduceFault, RequestFault};

use crate::world::{World, poll};

/// A7.3: in 0.8, one topic without metadata failed the whole call, good topics included.
#[test]
fn an_unknown_topic_does_not_hold_up_a_good_one() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    let producer = world.producer.clone();
    let mut unknown = Box::pin(producer.send("nowhere", Record::new(b"x")));
    assert!(poll(&mut unknown).is_pending());
    let mut good = Box::pin(producer.send("t", Record::new(b"y")));
    let (delivery, waited) = world.wait(&mut good);
    let (outcome, stored) = world.wait(delivery.unwrap());
    assert_eq!(outcome.unwrap().offset, Some(0));
    assert!(waited + stored < Duration::from_secs(1), "{waited:?}, {stored:?}");
    let (refused, waited) = world.wait(&mut unknown);
    assert!(matches!(refused, Err(SendError::NotInMetadata { .. })));
    assert!(waited <= Duration::from_secs(60));
}

/// A7.3, with a topic that the cluster refuses by name.
#[test]
fn a_refused_topic_says_so_at_once() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    let producer = world.producer.clone();
    let mut send = Box::pin(producer.send("not a topic!", Record::new(b"x")));
    let (refused, waited) = world.wait(&mut send);
    let Err(SendError::Topic { topic, code }) = refused else { panic!("{refused:?}") };
    assert_eq!((topic.as_str(), code), ("not a topic!", ErrorCode::InvalidTopic));
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

/// A10.6: in 0.8, an exception for one broker dropped what was meant for the brokers after it.
#[test]
fn a_broker_that_fails_does_not_take_the_others_batches_with_it() {
    let mut world = World::new(3, &[("t", 3)], &[]);
    world.know("t");
    let leaders: Vec<Option<i32>> =
        (0..3).map(|p| world.cluster(|cluster, _| cluster.leader("t", p).unwrap().0)).collect();
    world.cluster(|cluster, _| {
        cluster.faults().next_request(leaders[1], ApiKey::Produce, RequestFault::CloseBefore);
    });
    let deliveries: Vec<_> = (0..3).map(|p| world.send_to(p, "x")).collect();
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    assert_eq!((0..3).map(|p| world.log("t", p).len()).collect::<Vec<_>>(), [1, 1, 1]);
}

/// B6.2: the drain began each time at an index modulo the partitions' number, which skipped the
/// same ones again and again when requests were small.
#[test]
fn every_partition_has_its_turn_in_small_requests() {
    let settings = [("max.request.size", "1500"), ("batch.size", "1000"), ("linger.ms", "0")];
    let mut world = World::new(1, &[("t", 7)], &settings);
    world.know("t");
    let value = "v".repeat(900);
    let rounds: Vec<_> = (0..3).flat_map(|_| 0..7).map(|p| world.send_to(p, &value)).collect();
    world.settle();
    for delivery in rounds {
        assert!(delivery.try_get().expect("sent without waiting for anything").is_ok());
    }
}

/// E6.3: one partition that can't be drained ended the loop over the others, and the sender then
/// polled without pause.
#[test]
fn a_partition_without_a_leader_stops_no_other_and_costs_no_polls() {
    let mut world = World::new(1, &[("t", 2)], &[("linger.ms", "0")]);
    world.know("t");
    let now = world.clock.since_unix_epoch();
    world.cluster(|cluster, _| cluster.move_leader("t", 0, None, now).unwrap());
    let (mut stuck, fine) = (world.send_to(0, "a"), world.send_to(1, "b"));
    let (outcome, waited) = world.wait(fine);
    assert!(outcome.is_ok() && waited < Duration::from_millis(10), "{waited:?}");
    let before = world.polls;
    world.pass(Duration::from_secs(20));
    assert!(poll(&mut stuck).is_pending());
    let polls = world.polls - before;
    assert!(polls < 400, "{polls} polls in 20 s");
    let now = world.clock.since_unix_epoch();
    world.cluster(|cluster, _| cluster.move_leader("t", 0, Some(1), now).unwrap());
    assert!(world.wait(stuck).0.is_ok());
}

/// A12.1: in 0.8, every metadata refresh closed and opened all connections.
#[test]
fn fresh_metadata_leaves_connections_alone() {
    let settings = [("metadata.max.age.ms", "1000"), ("connections.max.idle.ms", "-1")];
    let mut world = World::new(3, &[("t", 3)], &settings);
    world.know("t");
    for _ in 0..20 {
        let deliveries: Vec<_> = (0..3).map(|p| world.send_to(p, "x")).collect();
        for delivery in deliveries {
            assert!(world.wait(delivery).0.is_ok());
        }
        world.pass(Duration::from_millis(700));
    }
    let updates = world.producer.metrics().metadata_updates;
    assert!(updates > 8, "{updates} updates");
    let connections = world.connections();
    assert!(connections <= 4, "{connections} connections to three brokers and a bootstrap address");
}

/// A4.5: the asynchronous 0.8 producer logged what failed and told nobody.
#[test]
fn each_record_of_a_refused_batch_hears_of_it() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    world.know("t");
    let refused = ProduceFault::Refuse(ResponseError::TopicAuthorizationFailed);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refused));
    let kept = world.send_to(0, "a");
    drop(world.send_to(0, "b"));
    let error = world.wait(kept).0.unwrap_err();
    assert_eq!(error.written, ottla_core::Written::No);
    assert_eq!(world.producer.metrics().records_failed, 2, "also those that nobody waits for");
    assert!(matches!(poll(&mut world.producer.flush()), Poll::Ready(())));
}

/// On a machine with two sockets, those to the old leader and to another broker stayed open, and
/// the new leader was never reached.
#[test]
fn where_sockets_are_few_a_new_leader_takes_the_place_of_an_idle_broker() {
    let settings = [("connections.max", "2"), ("connections.max.idle.ms", "-1")];
    let mut world = World::new(4, &[("t", 1)], &settings);
    world.limit_sockets(2);
    world.know("t");
    for round in 0..12 {
        let next = round % 4 + 1;
        world.cluster(|cluster, now| cluster.move_leader("t", 0, Some(next), now)).unwrap();
        let delivery = world.send_to(0, "x");
        let (outcome, waited) = world.wait(delivery);
        assert!(outcome.is_ok() && waited < Duration::from_secs(2), "{round}: {waited:?}");
    }
    assert_eq!(world.producer.last_error(), None);
}

/// The same with a partition on each of four brokers: they take turns.
#[test]
fn more_leaders_than_sockets_take_turns() {
    let mut world = World::new(4, &[("t", 4)], &[("connections.max", "2")]);
    world.limit_sockets(2);
    world.know("t");
    for _ in 0..5 {
        let deliveries: Vec<_> = (0..4).map(|partition| world.send_to(partition, "x")).collect();
        for delivery in deliveries {
            let (outcome, waited) = world.wait(delivery);
            assert!(outcome.is_ok() && waited < Duration::from_secs(2), "{waited:?}");
        }
    }
}

/// E3: a broker that hangs has its share of the memory; who waits for more of it stops nobody that
/// sends to the others.
#[test]
fn who_waits_for_a_hung_brokers_share_of_memory_stops_no_other() {
    let settings = [("buffer.memory", "16384"), ("batch.size", "1024"), ("linger.ms", "0")];
    let mut world = World::new(2, &[("t", 2)], &settings);
    for (partition, leader) in [(0, 1), (1, 2)] {
        world.cluster(|it, now| it.move_leader("t", partition, Some(leader), now).unwrap());
    }
    world.know("t");
    for partition in 0..2 {
        assert!(world.wait(world.send_to(partition, "hello")).0.is_ok());
    }
    world.hold(1, true);
    let text = "x".repeat(900);
    let hung = Record::new(text.as_bytes()).partition(0);
    while world.producer.try_send("t", hung).is_ok() {
        world.settle();
    }
    let producer = world.producer.clone();
    let mut waiting = Box::pin(producer.send("t", hung));
    assert!(poll(&mut waiting).is_pending());
    // This one is for more than the hung broker's batches leave to all others.
    let text = "x".repeat(6_000);
    let mut large = Box::pin(producer.send("t", Record::new(text.as_bytes()).partition(0)));
    assert!(poll(&mut large).is_pending());
    world.settle();
    let healthy = Record::new(b"y").partition(1);
    let (delivery, waited) = world.wait(Box::pin(producer.send("t", healthy)));
    assert_eq!(waited, Duration::ZERO);
    assert!(world.wait(delivery.unwrap()).0.is_ok());
    assert!(world.wait(world.send("t", healthy)).0.is_ok());
    world.hold(1, false);
    for waiting in [waiting, large] {
        let delivery = world.wait(waiting).0.unwrap();
        assert!(world.wait(delivery).0.is_ok());
    }
}

/// With `reconnect.backoff.ms=0`, the driver did nothing but try a broker that refuses, and looked
/// at no other connection meanwhile.
#[test]
fn a_broker_that_refuses_is_not_tried_without_a_break() {
    let mut world = World::new(1, &[("t", 1)], &[("reconnect.backoff.ms", "0")]);
    world.cluster(|cluster, _| cluster.stop_node(1));
    let record = Record::new(b"x");
    assert_eq!(world.producer.try_send("t", record).unwrap_err(), SendError::MetadataPending);
    world.pass(Duration::from_secs(1));
}
