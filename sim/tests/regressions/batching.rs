//! Batches that are split, and those who wait for them.

use std::task::Poll;

use crate::world::{World, poll};

/// E6.15: a flush waited for the batch that was split, not for what it was split into.
#[test]
fn a_flush_waits_for_the_parts_of_a_split_batch() {
    let mut world = World::new(1, &[("t", 1)], &[("batch.size", "16384"), ("linger.ms", "1000")]);
    world.know("t");
    world.cluster(|cluster, _| cluster.config_mut().max_message_bytes = 600);
    let texts: Vec<String> = (0..40).map(|n| format!("{n:>100}")).collect();
    let mut deliveries: Vec<_> = texts.iter().map(|text| world.send_to(0, text)).collect();
    let flush = world.producer.flush();
    world.wait(flush);
    for delivery in &mut deliveries {
        let Poll::Ready(outcome) = poll(delivery) else { panic!("flushed, but no outcome") };
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    assert!(world.producer.metrics().batch_splits > 0);
    assert_eq!(world.log("t", 0), texts, "in order, each once");
    world.assert_memory_is_back();
}

/// A batch of one record that is too large fails; splitting it would go on for ever.
#[test]
fn a_single_record_that_is_too_large_fails_with_the_brokers_word() {
    let mut world = World::new(1, &[("t", 1)], &[]);
    world.know("t");
    world.cluster(|cluster, _| cluster.config_mut().max_message_bytes = 600);
    let (outcome, _) = world.wait(world.send_to(0, &"x".repeat(1000)));
    let error = outcome.unwrap_err();
    assert_eq!(error.written, ottla_core::Written::No);
    assert!(error.to_string().contains("MESSAGE_TOO_LARGE"), "{error}");
    let (outcome, _) = world.wait(world.send_to(0, "small"));
    assert!(outcome.is_ok(), "its sequence numbers are not missed: {outcome:?}");
}

/// E6.17: where `batch.size` is the broker's limit, every other full batch was too large for it.
#[test]
fn batches_that_were_too_large_are_smaller_from_then_on() {
    let settings = [("batch.size", "16384"), ("linger.ms", "1000"), ("compression.type", "lz4")];
    let mut world = World::new(1, &[("t", 1)], &settings);
    world.know("t");
    world.cluster(|cluster, _| cluster.config_mut().max_message_bytes = 16_384);
    let mut random = 1_u64;
    let mut half = || {
        let noise = (0..8).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{:08x}", random >> 32)
        });
        format!("{}{:>64}", noise.collect::<String>(), "")
    };
    for _ in 0..1_000 {
        (0..200).for_each(|_| drop(world.send_to(0, &half())));
        world.settle();
    }
    let metrics = world.producer.metrics();
    assert!(metrics.batch_splits <= 2, "{} splits", metrics.batch_splits);
}
