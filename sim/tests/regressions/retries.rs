//! What is sent again.

use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::Record;
use ottla_sim::cluster::ProduceFault;

use crate::world::World;

/// A5.4: 0.8 chose a partition anew for every attempt.
#[test]
fn a_record_keeps_its_partition_when_it_is_sent_again() {
    let mut world = World::new(1, &[("t", 2)], &[]);
    world.know("t");
    let delivery = world.send("t", Record::new(b"x"));
    let partition = delivery.partition();
    let now = world.clock.since_unix_epoch();
    world.cluster(|cluster, _| {
        let refuse = ProduceFault::Refuse(ResponseError::NotLeaderOrFollower);
        cluster.faults().next_produce("t", partition, refuse.clone());
        cluster.faults().next_produce("t", partition, refuse);
        cluster.add_partitions("t", 30, now).unwrap();
    });
    let stored = world.wait(delivery).0.unwrap();
    assert_eq!(stored.partition, partition);
    assert_eq!(world.log("t", partition), ["x"]);
    assert_eq!(world.know("t"), 32, "the metadata was refreshed in between");
}

/// A8.5: 0.8 used a partition's place in a list as its id. They differ where some have no leader.
#[test]
fn a_partition_is_meant_by_its_id_not_by_its_place_among_the_available() {
    let mut world = World::new(1, &[("t", 3)], &[("partitioner.class", "random")]);
    let now = world.clock.since_unix_epoch();
    world.cluster(|cluster, _| cluster.move_leader("t", 0, None, now).unwrap());
    world.know("t");
    for _ in 0..50 {
        let delivery = world.send("t", Record::new(b"x"));
        let partition = delivery.partition();
        assert!([1, 2].contains(&partition), "partition {partition} has no leader");
        assert_eq!(world.wait(delivery).0.unwrap().partition, partition);
    }
    let stored = world.log("t", 1).len() + world.log("t", 2).len();
    assert_eq!(stored, 50);
}

/// E5.4: a batch that has to be sent again waits for its backoff, not for company once more.
#[test]
fn a_batch_that_is_sent_again_does_not_linger_again() {
    let settings = [("linger.ms", "5000"), ("retry.backoff.ms", "100")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    let refuse = ProduceFault::Refuse(ResponseError::NotEnoughReplicas);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    let (outcome, waited) = world.wait(world.send_to(0, "x"));
    assert!(outcome.is_ok());
    let longest = Duration::from_millis(5000 + 120);
    assert!(waited >= Duration::from_millis(5080) && waited <= longest, "{waited:?}");
}

/// E6.10: an answer that leaves a partition out left its batch waiting for ever.
#[test]
fn a_partition_missing_from_the_answer_is_asked_about_again() {
    let mut world = World::new(1, &[("t", 2)], &[]);
    world.know("t");
    world.cluster(|cluster, _| {
        cluster.faults().next_produce("t", 0, ProduceFault::AppendThenOmit);
    });
    let (omitted, told) = (world.send_to(0, "a"), world.send_to(1, "b"));
    assert_eq!(world.wait(told).0.unwrap().offset, Some(0));
    assert_eq!(world.wait(omitted).0.unwrap().offset, Some(0));
    assert_eq!(world.log("t", 0), ["a"], "it was in the log already, and stays there once");
}

/// A broker that knows nothing of a producer takes any sequence; then a second batch must not be
/// on the wire beside a first one that may be refused.
#[test]
fn a_refused_first_batch_is_not_overtaken() {
    let mut world = World::new(1, &[("t", 1)], &[("linger.ms", "0"), ("batch.size", "100")]);
    world.know("t");
    let refuse = ProduceFault::Refuse(ResponseError::NotLeaderOrFollower);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    let texts: Vec<String> = (0..9).map(|n| format!("{n}{}", ".".repeat(90))).collect();
    let deliveries: Vec<_> = texts.iter().map(|text| world.send_to(0, text)).collect();
    for delivery in deliveries {
        assert!(world.wait(delivery).0.is_ok());
    }
    assert_eq!(world.log("t", 0), texts);
}
