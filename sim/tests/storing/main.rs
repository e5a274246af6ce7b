//! Batches that are stored before they are sent: what a power failure does to them.

use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::rng::Rng;
use ottla_core::{ErrorCode, Reason, Written};
use ottla_sim::cluster::ProduceFault;

use crate::world::World;

#[path = "../regressions/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

mod parting;

/// Each record is a batch of its own.
const SETTINGS: [(&str, &str); 2] = [("batch.max.records", "1"), ("delivery.timeout.ms", "900000")];

fn world(partitions: i32) -> World {
    let mut world = World::new(1, &[("t", partitions)], &SETTINGS).storing();
    world.know("t");
    world
}

fn stored(world: &World) -> usize {
    world.store.as_ref().unwrap().batches.len()
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn send(world: &mut World, range: std::ops::Range<u32>) {
    for number in range {
        drop(world.send_to(0, &number.to_string()));
    }
    world.settle();
}

#[test]
fn nothing_leaves_before_it_is_stored() {
    let mut world = world(1);
    world.store.as_mut().unwrap().stuck = true;
    send(&mut world, 0..3);
    world.pass(Duration::from_secs(10));
    assert_eq!((world.log("t", 0).len(), stored(&world)), (0, 0));
    world.store.as_mut().unwrap().stuck = false;
    world.settle();
    assert_eq!(world.log("t", 0), numbers(0..3));
    assert_eq!(stored(&world), 0, "what has its outcome is removed");
}

#[test]
fn what_the_power_failure_found_unsent_or_unanswered_is_there_once() {
    let mut world = world(1);
    send(&mut world, 0..2);
    world.hold(1, true);
    send(&mut world, 2..9);
    assert_eq!(stored(&world), 7, "also what could not be sent");
    // Some are in the log, without an answer.
    world.hold(1, false);
    world.serve_unheard();
    let written = world.log("t", 0).len();
    assert!((3..9).contains(&written), "{written}");
    let again = world.restart(2);
    send(&mut world, 9..12);
    world.pass(Duration::from_secs(10));
    assert!(again.iter().all(|delivery| matches!(delivery.try_get(), Some(Ok(_)))), "{again:?}");
    assert_eq!(world.log("t", 0), numbers(0..12));
    assert_eq!(stored(&world), 0);
}

#[test]
fn batches_linger_for_company_before_they_are_stored() {
    let mut world = World::new(1, &[("t", 1)], &[("linger.ms", "100")]).storing();
    world.know("t");
    send(&mut world, 0..3);
    world.pass(Duration::from_millis(90));
    assert_eq!((world.log("t", 0).len(), stored(&world)), (0, 0));
    world.hold(1, true);
    send(&mut world, 3..5);
    world.pass(Duration::from_millis(200));
    world.hold(1, false);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.log("t", 0), numbers(0..5));
    send(&mut world, 5..6);
    world.pass(Duration::from_millis(200));
    assert_eq!(world.log("t", 0), numbers(0..6));
}

#[test]
fn closing_by_force_leaves_what_was_not_sent_for_the_next_producer() {
    let mut world = world(1);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..5);
    let close = world.producer.close(Duration::ZERO);
    world.wait(close);
    assert_eq!(stored(&world), 4);
    world.hold(1, false);
    world.restart(2);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.log("t", 0), numbers(0..5));
}

#[test]
fn another_sequence_is_stored_in_the_place_of_the_first() {
    let mut world = world(1);
    send(&mut world, 0..1);
    // The first in line is refused so that a new epoch begins.
    let refuse = ProduceFault::Refuse(ResponseError::OutOfOrderSequenceNumber);
    world.cluster(|cluster, _| cluster.faults().next_produce("t", 0, refuse));
    world.hold(1, true);
    send(&mut world, 1..4);
    let epoch = |world: &World, key| world.store.as_ref().unwrap().batches[&key].bytes[52];
    assert_eq!((epoch(&world, 1), epoch(&world, 3)), (0, 0));
    world.hold(1, false);
    world.serve_unheard();
    world.hold(1, true);
    world.pass(Duration::from_secs(5));
    assert_eq!((epoch(&world, 1), epoch(&world, 3)), (1, 1));
    assert_eq!(stored(&world), 3);
    world.hold(1, false);
    world.restart(2);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.log("t", 0), numbers(0..4));
}

#[test]
fn damaged_bytes_are_refused() {
    let mut world = world(1);
    world.hold(1, true);
    send(&mut world, 0..1);
    world.hold(1, false);
    world.pass(Duration::from_secs(1));
    for len in [0, 60, 61, 100, 1 << 30] {
        let outcome = world.producer.try_resend("t", 0, 1, len, |bytes| bytes.fill(2));
        let error = outcome.expect_err("these are no batch");
        assert!(error.to_string().contains("no whole record batch"), "{error}");
    }
    world.pass(Duration::from_secs(1));
    world.assert_memory_is_back();
}

/// A store that a power failure set back remembers more than the five batches that a broker knows.
#[test]
fn what_is_long_in_the_log_is_there_once() {
    let mut world = world(1);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..20);
    let before = world.store.as_ref().unwrap().batches.clone();
    world.hold(1, false);
    world.pass(Duration::from_secs(10));
    assert_eq!((world.log("t", 0).len(), stored(&world)), (20, 0));
    world.store.as_mut().unwrap().batches = before;
    let again = world.restart(2);
    send(&mut world, 20..22);
    world.pass(Duration::from_secs(10));
    assert!(again.iter().all(|delivery| matches!(delivery.try_get(), Some(Ok(_)))), "{again:?}");
    assert_eq!(world.log("t", 0), numbers(0..22));
    assert_eq!(stored(&world), 0);
    world.assert_memory_is_back();
}

#[test]
fn what_is_behind_a_batch_that_is_missing_is_given_up() {
    let mut world = world(1);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..9);
    let mut left = world.store.as_ref().unwrap().batches.clone();
    let missing = *left.keys().nth(1).unwrap();
    left.remove(&missing);
    world.store.as_mut().unwrap().batches = left;
    world.hold(1, false);
    let again = world.restart(2);
    world.pass(Duration::from_secs(20));
    assert_eq!(world.log("t", 0), numbers(0..2));
    assert_eq!(stored(&world), 6, "what was under way may still arrive");
    drop(world.send_to(0, "20"));
    world.pass(Duration::from_secs(20));
    let told: Vec<_> = again.iter().map(|delivery| delivery.try_get().unwrap()).collect();
    assert!(told[0].is_ok());
    for told in &told[1..] {
        let error = told.as_ref().unwrap_err();
        let reason = Reason::Broker(ErrorCode::OutOfOrderSequenceNumber);
        assert_eq!((&error.reason, error.written), (&reason, Written::Maybe));
    }
    assert_eq!(world.log("t", 0), ["0", "1", "20"]);
    assert_eq!(stored(&world), 0);
    world.assert_memory_is_back();
}

#[test]
fn what_an_earlier_producer_left_is_given_up_with_its_lease() {
    let mut world = world(1);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..4);
    let producer_id = world.store.as_ref().unwrap().batches[&1].producer_id();
    world.hold(1, false);
    let again = world.restart(2);
    world.lose_lease(producer_id);
    send(&mut world, 4..5);
    world.pass(Duration::from_secs(10));
    for delivery in again {
        let error = delivery.try_get().expect("an outcome").expect_err("nobody knows");
        assert!(matches!(error.reason, Reason::LeaseLost), "{error:?}");
        assert_eq!(error.written, Written::Maybe);
    }
    assert_eq!(world.log("t", 0), ["0", "4"]);
    assert_eq!(stored(&world), 0);
}

#[test]
fn what_lost_its_sequence_is_stored_with_the_next_before_it_is_sent() {
    let mut world = world(1);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..3);
    let batches = &mut world.store.as_mut().unwrap().batches;
    batches.values_mut().for_each(|batch| {
        ottla_core::records::batch::write_producer_state(&mut batch.bytes, -1, -1, -1).unwrap();
    });
    world.hold(1, false);
    world.store.as_mut().unwrap().stuck = true;
    world.restart(2);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.log("t", 0), numbers(0..1));
    world.store.as_mut().unwrap().stuck = false;
    world.hold(1, true);
    world.settle();
    assert!(world.store.as_ref().unwrap().batches.values().all(|it| it.producer_id() >= 0));
    world.hold(1, false);
    world.serve_unheard();
    world.restart(3);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.log("t", 0), numbers(0..3));
    assert_eq!(stored(&world), 0);
}

/// Sends the next record of each partition, after which there is a producer id.
fn greet(world: &mut World, next: &mut [u32]) {
    for (partition, next) in (0..).zip(next) {
        drop(world.send_to(partition, &next.to_string()));
        *next += 1;
    }
    world.settle();
}

/// Outages and power failures at random, always after what was sent could be stored.
#[test]
fn power_failures_lose_nothing_and_repeat_nothing() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let mut world = world(2);
        let mut next = [0; 2];
        greet(&mut world, &mut next);
        for _ in 0..60 {
            match rng.below(10) {
                0..=4 => {
                    let partition = rng.below(2) as usize;
                    drop(world.send_to(partition as i32, &next[partition].to_string()));
                    next[partition] += 1;
                    world.settle();
                }
                5 => world.hold(1, true),
                6 => world.hold(1, false),
                7 => world.serve_unheard(),
                8 => world.pass(Duration::from_millis(u64::from(rng.below(40_000)))),
                _ => {
                    world.hold(1, false);
                    world.restart(seed);
                    world.know("t");
                    greet(&mut world, &mut next);
                }
            }
        }
        world.hold(1, false);
        world.pass(Duration::from_secs(120));
        for (partition, next) in (0..).zip(next) {
            assert_eq!(world.log("t", partition), numbers(0..next), "seed {seed}");
        }
        assert_eq!(stored(&world), 0, "seed {seed}");
    }
}
