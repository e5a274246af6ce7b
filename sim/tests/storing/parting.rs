//! What a producer sends on another way because its program may end now.

use bytes::Bytes;

use super::*;

/// Lets the broker take requests that came over no connection, whose answers nobody hears.
fn post(world: &World, mut requests: &[u8]) -> usize {
    let mut count = 0;
    while let Some((size, rest)) = requests.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*size) as usize);
        world.cluster(|cluster, now| cluster.handle(1, Bytes::copy_from_slice(frame), now));
        requests = rest;
        count += 1;
    }
    count
}

fn without_store(settings: &[(&str, &str)]) -> World {
    let mut world = World::new(1, &[("t", 1)], settings);
    world.know("t");
    world
}

#[test]
fn what_has_no_answer_is_there_once_whether_the_program_lives_on_or_not() {
    for mut world in [without_store(&SETTINGS), world(1)] {
        send(&mut world, 0..1);
        world.hold(1, true);
        send(&mut world, 1..4);
        let requests = world.unanswered(48 << 10);
        assert_eq!(post(&world, &requests), 3);
        assert_eq!(world.log("t", 0), numbers(0..4), "it may end now");
        world.hold(1, false);
        send(&mut world, 4..6);
        world.pass(Duration::from_secs(5));
        assert_eq!(world.log("t", 0), numbers(0..6), "it lives on");
        world.assert_memory_is_back();
    }
}

#[test]
fn what_lingers_leaves_too() {
    let mut world = without_store(&[("linger.ms", "60000")]);
    send(&mut world, 0..1);
    world.pass(Duration::from_secs(60));
    send(&mut world, 1..4);
    let requests = world.unanswered(48 << 10);
    assert_eq!(post(&world, &requests), 1);
    assert_eq!(world.log("t", 0), numbers(0..4));
    world.settle();
    assert_eq!(world.log("t", 0), numbers(0..4));
    world.assert_memory_is_back();
}

#[test]
fn what_others_would_send_again_leaves_only_when_it_is_stored() {
    let mut world = World::new(1, &[("t", 1)], &[("linger.ms", "60000")]).storing();
    world.know("t");
    send(&mut world, 0..1);
    world.pass(Duration::from_secs(60));
    world.hold(1, true);
    send(&mut world, 1..4);
    assert_eq!(world.unanswered_and_stored(48 << 10), [], "it lingered, and is sealed now");
    world.pass(Duration::from_millis(10));
    let requests = world.unanswered_and_stored(48 << 10);
    assert_eq!(post(&world, &requests), 1);
    assert_eq!(world.log("t", 0), numbers(0..4));
    world.hold(1, false);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.log("t", 0), numbers(0..4));
}

#[test]
fn no_more_goes_than_has_room_and_than_a_broker_remembers() {
    let mut world = without_store(&SETTINGS);
    send(&mut world, 0..1);
    world.hold(1, true);
    send(&mut world, 1..20);
    let few = world.unanswered(400);
    assert!((1..=400).contains(&few.len()), "{}", few.len());
    let requests = world.unanswered(48 << 10);
    assert_eq!(post(&world, &requests), 5);
    world.hold(1, false);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.log("t", 0), numbers(0..20));
}

#[test]
fn a_broker_that_does_not_know_the_producer_gets_one_batch() {
    let mut world = without_store(&SETTINGS);
    // There is a producer id, which the broker has not seen.
    world.hold(1, true);
    send(&mut world, 0..1);
    assert_eq!(world.unanswered(48 << 10), [], "there is no producer id yet");
    world.hold(1, false);
    world.settle();
    world.pass(Duration::from_secs(400));
    world.know("t");
    world.hold(1, true);
    send(&mut world, 1..5);
    let requests = world.unanswered(48 << 10);
    assert_eq!(post(&world, &requests), 1, "it may have forgotten by now");
    world.hold(1, false);
    world.pass(Duration::from_secs(10));
    assert_eq!(world.log("t", 0), numbers(0..5));
}
