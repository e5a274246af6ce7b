//! What is asked of the cluster, and how often (rows A9, E2).

use std::time::Duration;

use kafka_protocol::messages::ApiKey;
use ottla_core::{Reason, Record, SendError};
use ottla_sim::cluster::{ApiRanges, RequestFault};

use crate::world::{World, poll, refusal};

fn updates(world: &World) -> u64 {
    world.producer.metrics().metadata_updates
}

/// E2.9: however many wait for a topic that is not there, one asks, and no more often than the
/// backoff allows.
#[test]
fn those_who_wait_for_a_topic_ask_once_for_all() {
    let mut world = World::new(1, &[], &[("retry.backoff.ms", "100")]);
    let producer = world.producer.clone();
    let mut waiting: Vec<_> =
        (0..50).map(|_| Box::pin(producer.send("nowhere", Record::new(b"x")))).collect();
    for send in &mut waiting {
        assert!(poll(send).is_pending());
    }
    world.pass(Duration::from_secs(10));
    let asked = updates(&world);
    // After 100, 200, 400, 800 ms, and then once a second.
    assert!((5..=20).contains(&asked), "{asked} answers in 10 s");
}

/// E2.9: whoever comes to wait for a topic while it is asked about has to be content with that.
#[test]
fn who_waits_for_an_answer_under_way_asks_for_no_other() {
    let mut world = World::new(1, &[("t", 1)], &[("retry.backoff.ms", "100")]);
    world.delay(Duration::from_millis(50));
    let producer = world.producer.clone();
    let send = || Box::pin(producer.send("t", Record::new(b"x")));
    let mut waiting = vec![send()];
    while poll(&mut waiting[0]).is_pending() {
        let mut next = send();
        assert!(poll(&mut next).is_pending());
        waiting.push(next);
        world.pass(Duration::from_millis(10));
    }
    world.pass(Duration::from_secs(2));
    assert!(waiting.iter_mut().skip(1).all(|send| poll(send).is_ready()));
    assert_eq!(updates(&world), 1);
}

/// B6.1, E5.5: a partition without a leader is nobody's business while it has no batches: an idle
/// producer asks for nothing, one that sends to others only as often as the backoff allows, and
/// no more once there is a leader.
#[test]
fn an_empty_partition_without_a_leader_makes_nobody_ask() {
    let mut world = World::new(1, &[("t", 2)], &[("linger.ms", "0")]);
    let lead = |world: &World, leader| {
        world.cluster(|cluster, now| cluster.move_leader("t", 0, leader, now).unwrap());
    };
    lead(&world, None);
    world.know("t");
    let known = updates(&world);
    world.pass(Duration::from_secs(60));
    assert_eq!(updates(&world), known, "while nothing is sent");
    let send_for_ten_seconds = |world: &mut World| {
        for _ in 0..100 {
            assert!(world.wait(world.send_to(1, "x")).0.is_ok());
            world.pass(Duration::from_millis(100));
        }
    };
    send_for_ten_seconds(&mut world);
    let asked = updates(&world) - known;
    assert!((5..=20).contains(&asked), "{asked} answers in 10 s of sending");

    lead(&world, Some(1));
    world.pass(Duration::from_secs(2));
    assert!(world.wait(world.send_to(1, "y")).0.is_ok());
    world.pass(Duration::from_secs(2));
    let found = updates(&world);
    send_for_ten_seconds(&mut world);
    assert_eq!(updates(&world), found, "since it has a leader");
}

/// E2.1: a topic that nothing was sent to for `metadata.max.idle.ms` is asked about no more.
#[test]
fn a_topic_that_is_not_used_is_forgotten() {
    let settings = [
        ("metadata.max.idle.ms", "10000"),
        ("metadata.max.age.ms", "4000"),
        ("connections.max.idle.ms", "-1"),
    ];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    assert!(world.wait(world.send_to(0, "x")).0.is_ok());
    world.pass(Duration::from_secs(30));
    let (requests, topics) = {
        let asked = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let seen = asked.clone();
        world.guard(Box::new(move |_, frame| {
            if frame.first_chunk::<2>() == Some(&[0, ApiKey::Metadata as u8]) {
                seen.borrow_mut().push(frame.windows(2).any(|bytes| bytes == [2, b't']));
            }
            None
        }));
        world.pass(Duration::from_secs(30));
        let asked = asked.borrow();
        (asked.len(), asked.iter().filter(|names_it| **names_it).count())
    };
    assert_eq!(topics, 0, "of {requests} requests");
    let producer = world.producer.clone();
    let mut again = Box::pin(producer.send("t", Record::new(b"y")));
    let delivery = world.wait(&mut again).0.unwrap();
    assert!(world.wait(delivery).0.is_ok(), "the next record asks again");
}

/// A9.4, E2.10 (KIP-899): when no broker that is known answers, the bootstrap servers are asked.
#[test]
fn a_cluster_that_is_gone_is_looked_for_where_it_was_found() {
    let settings = [
        ("metadata.recovery.rebootstrap.trigger.ms", "1000"),
        ("request.timeout.ms", "1000"),
        ("metadata.max.age.ms", "2000"),
    ];
    let mut world = World::new(2, &[("t", 2)], &settings);
    world.know("t");
    for _ in 0..20 {
        world.cluster(|cluster, _| {
            cluster.faults().next_request(None, ApiKey::Metadata, RequestFault::CloseBefore);
        });
    }
    world.pass(Duration::from_secs(20));
    world.cluster(|cluster, _| cluster.faults().clear());
    assert!(world.wait(world.send_to(0, "x")).0.is_ok());
}

/// KIP-516: a topic that was created anew has the partitions that it has now, and none of what was
/// sent to the others waits for them in vain.
#[test]
fn a_topic_that_comes_back_with_fewer_partitions_has_no_others() {
    let settings = [("linger.ms", "0"), ("batch.size", "0"), ("metadata.max.age.ms", "1000")];
    let mut world = World::new(1, &[("t", 4)], &settings);
    world.know("t");
    for partition in 0..4 {
        assert!(world.wait(world.send_to(partition, "old")).0.is_ok());
    }
    world.hold(1, true);
    let on_the_way = world.send_to(3, "on its way");
    world.settle();
    world.cluster(|cluster, now| {
        cluster.delete_topic("t").unwrap();
        cluster.create_topic("t", 2, now).unwrap();
    });
    world.hold(1, false);
    world.pass(Duration::from_secs(10));
    let error = on_the_way.try_get().expect("it has its outcome").unwrap_err();
    assert_eq!(error.reason, Reason::TopicRecreated);
    assert_eq!(world.know("t"), 2);
    for _ in 0..16 {
        let (outcome, _) = world.wait(world.send("t", Record::new(b"new")));
        assert!(outcome.is_ok_and(|stored| stored.partition < 2));
    }
    world.cluster(|cluster, now| cluster.add_partitions("t", 2, now).unwrap());
    world.pass(Duration::from_secs(2));
    assert_eq!(world.know("t"), 4);
    assert!(world.wait(world.send_to(3, "again")).0.is_ok());
    world.assert_memory_is_back();
}

/// E2.9: one topic that isn't there does not keep the others from being asked about by age.
#[test]
fn an_unknown_topic_does_not_stop_the_refresh_of_the_others() {
    let settings =
        [("metadata.max.age.ms", "5000"), ("connections.max.idle.ms", "-1"), ("linger.ms", "0")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    assert_eq!(world.know("t"), 1);
    let refused = refusal(world.producer.try_send("typo", Record::new(b"x")));
    assert!(matches!(refused, SendError::MetadataPending));
    world.pass(Duration::from_secs(2));
    world.cluster(|cluster, now| cluster.add_partitions("t", 2, now).unwrap());
    for _ in 0..10 {
        assert!(world.wait(world.send_to(0, "x")).0.is_ok());
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(world.know("t"), 3);
}

/// E2.1: a topic that nobody sends to any more is forgotten, though it was never there.
#[test]
fn a_topic_that_does_not_exist_is_forgotten() {
    let settings = [("metadata.max.idle.ms", "10000"), ("max.block.ms", "1000")];
    let mut world = World::new(1, &[], &settings);
    let refused = refusal(world.producer.try_send("typo", Record::new(b"x")));
    assert!(matches!(refused, SendError::MetadataPending));
    world.pass(Duration::from_secs(30));
    let before = updates(&world);
    world.pass(Duration::from_secs(300));
    assert_eq!(updates(&world), before);
}

/// E2.1: a topic is not forgotten while its batches wait for a leader, however long that takes.
#[test]
fn a_topic_whose_batches_wait_is_not_forgotten() {
    let settings =
        [("metadata.max.idle.ms", "10000"), ("delivery.timeout.ms", "3600000"), ("linger.ms", "0")];
    let mut world = World::new(2, &[("t", 1)], &settings);
    world.cluster(|cluster, now| cluster.move_leader("t", 0, Some(2), now).unwrap());
    world.know("t");
    assert!(world.wait(world.send_to(0, "x")).0.is_ok());
    world.cluster(|cluster, _| cluster.stop_node(2));
    let waiting = world.send_to(0, "y");
    world.pass(Duration::from_secs(60));
    assert!(waiting.try_get().is_none());
    world.cluster(|cluster, now| cluster.elect_leaders(now).unwrap());
    let (outcome, waited) = world.wait(waiting);
    assert!(outcome.is_ok() && waited < Duration::from_secs(10), "{waited:?}");
}

/// E2.4: who may not wait at all asks all the same, so that the next send finds the topic.
#[test]
fn a_send_that_may_not_wait_asks_for_the_topic() {
    let mut world = World::new(1, &[("t", 1)], &[("max.block.ms", "0")]);
    let producer = world.producer.clone();
    let error = world.wait(producer.send("t", Record::new(b"x"))).0.map(|_| ()).unwrap_err();
    assert!(matches!(error, SendError::NotInMetadata { .. }));
    world.settle();
    assert!(world.wait(producer.send("t", Record::new(b"x"))).0.is_ok());
}

/// An answer may name more brokers than any cluster has: it is taken in all the same, and a client
/// that doesn't know them all sends to those that it knows.
#[test]
fn an_answer_with_too_many_brokers_is_taken_in() {
    let mut world = World::new(70_000, &[("t", 1)], &[]);
    world.cluster(|cluster, now| cluster.move_leader("t", 0, Some(1), now).unwrap());
    world.know("t");
    assert!(world.wait(world.send_to(0, "x")).0.is_ok());
}

/// E2.8: brokers without topic ids don't tell that a topic was created anew. Its epochs begin again
/// all the same, so a lower one is believed when the leader refuses.
#[test]
fn a_topic_created_anew_has_other_epochs_where_brokers_know_no_ids() {
    let mut world = World::new(2, &[("t", 1)], &[("linger.ms", "0")]);
    world.cluster(|cluster, now| {
        for id in [1, 2] {
            cluster.node_mut(id).unwrap().apis = ApiRanges::kafka_2_1();
        }
        cluster.config_mut().leader_hints = false;
        cluster.config_mut().transaction_version = 0;
        for leader in [1, 2, 1, 2] {
            cluster.move_leader("t", 0, Some(leader), now).unwrap();
        }
    });
    world.know("t");
    assert!(world.wait(world.send_to(0, "old")).0.is_ok());
    world.cluster(|cluster, _| cluster.delete_topic("t").unwrap());
    let delivery = world.send_to(0, "new");
    world.pass(Duration::from_secs(2));
    world.cluster(|cluster, now| {
        cluster.create_topic("t", 1, now).unwrap();
        assert_eq!(cluster.leader("t", 0).unwrap().0, Some(1), "another than before");
    });
    let (outcome, waited) = world.wait(delivery);
    assert!(outcome.is_ok() && waited < Duration::from_secs(10), "{outcome:?} {waited:?}");
}

/// E2.8: while a cluster is upgraded from a Kafka that knows no epochs, those of its brokers that
/// tell none are believed too.
#[test]
fn a_leader_is_believed_without_an_epoch() {
    let mut world = World::new(2, &[("t", 1)], &[("linger.ms", "0")]);
    world.cluster(|cluster, now| {
        let apis = ApiRanges::current().with_max(ApiKey::Metadata, 6);
        cluster.node_mut(2).unwrap().apis = apis;
        cluster.move_leader("t", 0, Some(1), now).unwrap();
    });
    world.know("t");
    assert!(world.wait(world.send_to(0, "a")).0.is_ok());
    world.cluster(|cluster, now| {
        cluster.stop_node(1);
        cluster.elect_leaders(now).unwrap();
    });
    let (outcome, waited) = world.wait(world.send_to(0, "b"));
    assert!(outcome.is_ok() && waited < Duration::from_secs(30), "{outcome:?} {waited:?}");
}
