//! Both ends of `ottla.v1` in one process and in virtual time: the real producer over the
//! transport, the protocol crate's other end before a model cluster.

mod former;
mod other_end;
mod world;

use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_bridge_protocol::Frame;
use ottla_core::time::Clock;
use ottla_core::{Reason, Written};
use ottla_sim::cluster::ProduceFault;
use ottla_transport_ws::{Status, WsError};
use world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Sends a few batches to both partitions and lets all of it happen.
fn exchange(world: &mut World) -> Vec<(i32, String)> {
    let mut sent = Vec::new();
    for round in 0..3 {
        for partition in [0, 1] {
            for record in 0..2 {
                sent.push((partition, format!("{round}/{partition}/{record}")));
            }
        }
    }
    let deliveries: Vec<_> = sent.iter().map(|(at, value)| world.send(*at, value)).collect();
    world.pass(60 * SECOND);
    for (delivery, record) in deliveries.iter().zip(&sent) {
        let outcome = delivery.try_get().unwrap_or_else(|| panic!("{record:?} is unknown"));
        assert!(outcome.is_ok(), "{record:?}: {outcome:?}");
    }
    sent
}

#[track_caller]
fn assert_stored_once(world: &World, sent: &[(i32, String)]) {
    for partition in [0, 1] {
        let of_partition = sent.iter().filter(|(at, _)| *at == partition);
        let expected: Vec<_> = of_partition.map(|(_, value)| value.clone()).collect();
        assert_eq!(world.log(partition), expected, "partition {partition}");
    }
}

#[test]
fn records_go_through_and_come_back_with_their_offsets() {
    let mut world = World::new(&[]);
    world.know();
    let sent = exchange(&mut world);
    assert_stored_once(&world, &sent);
    assert_eq!(world.opened.len(), 1);
    let batches = world.upstream.cluster.batches("t", 0, 0, usize::MAX).unwrap();
    assert!(!batches.is_empty());
    assert!(matches!(world.transport.status(), Status::Open(_)));
}

/// Small batches, so that there are several requests, and a request is cut into several frames.
const SMALL: [(&str, &str); 2] = [("batch.size", "100"), ("linger.ms", "0")];

#[test]
fn the_websocket_may_be_cut_at_every_byte() {
    let mut world = World::new(&SMALL);
    world.know();
    let begin = (world.passed_up, world.passed_down);
    exchange(&mut world);
    let (up, down) = (world.passed_up - begin.0, world.passed_down - begin.1);
    assert!(up > 500 && down > 500, "{up} bytes up, {down} down");
    for (cut, is_up) in (0..=up).map(|cut| (cut, true)).chain((0..=down).map(|cut| (cut, false))) {
        let mut world = World::new(&SMALL);
        world.know();
        if is_up {
            world.cut_up = Some(world.passed_up + cut);
        } else {
            world.cut_down = Some(world.passed_down + cut);
        }
        let sent = exchange(&mut world);
        assert_stored_once(&world, &sent);
        assert!(world.upstream.leases.len() == 1, "cut at {cut}: the lease was resumed");
    }
}

#[test]
fn a_bridge_that_is_gone_for_a_while_is_come_back_to() {
    let mut world = World::new(&[]);
    world.know();
    world.unreachable = true;
    world.cut();
    let delivery = world.send(0, "kept");
    world.pass(60 * SECOND);
    // Full jitter: at most so often, and never at a fixed distance.
    let tries = world.opened.len();
    assert!((4..40).contains(&tries), "{tries} tries in a minute");
    world.unreachable = false;
    world.pass(60 * SECOND);
    assert!(delivery.try_get().unwrap().is_ok());
    assert_eq!(world.log(0), ["kept"]);
}

#[test]
fn an_epoch_is_raised_by_the_bridge_alone() {
    let mut world = World::new(&SMALL);
    world.know();
    let first = world.send(0, "first");
    world.pass(SECOND);
    // The broker has lost a batch that the producer believes to be there.
    assert!(world.upstream.cluster.forget_producers("t", 0));
    let fault = ProduceFault::Refuse(ResponseError::OutOfOrderSequenceNumber);
    world.upstream.cluster.faults().next_produce("t", 0, fault);
    let second = world.send(0, "second");
    world.pass(30 * SECOND);
    assert!(first.try_get().unwrap().is_ok() && second.try_get().unwrap().is_ok());
    assert_eq!(world.log(0), ["first", "second"]);
    assert_eq!(world.upstream.leases.values().collect::<Vec<_>>(), [&1]);
}

#[test]
fn what_may_be_in_the_log_is_unknown_when_the_lease_is_over() {
    let mut world = World::new(&SMALL);
    world.know();
    let _ = (world.send(0, "warm"), world.send(1, "warm"));
    world.pass(SECOND);
    // The answer to a batch is lost with the WebSocket, and then the ticket has expired.
    world.cut_down = Some(world.passed_down);
    world.upstream.forgetful = true;
    let lost = world.send(0, "lost");
    world.settle();
    let kept = world.send(1, "kept");
    world.pass(60 * SECOND);
    let error = lost.try_get().expect("there is an outcome").expect_err("nobody knows");
    assert_eq!((error.reason, error.written), (Reason::LeaseLost, Written::Maybe));
    assert!(kept.try_get().unwrap().is_ok(), "{kept:?}");
    assert_eq!(world.log(1), ["warm", "kept"]);
    assert_eq!(world.log(0), ["warm", "lost"], "and not twice");
    assert_eq!(world.upstream.leases.len(), 2);
}

#[test]
fn nothing_is_sent_while_there_is_no_lease() {
    let mut world = World::new(&[]);
    world.upstream.exhausted = true;
    world.know();
    assert_eq!(world.upstream.produced, 0);
    world.upstream.exhausted = false;
    world.pass(SECOND);
    world.know();
    let delivery = world.send(0, "later");
    world.pass(SECOND);
    assert!(delivery.try_get().unwrap().is_ok());
}

#[test]
fn a_drain_is_obeyed_without_a_failure() {
    let mut world = World::new(&SMALL);
    world.know();
    let before = world.send(0, "before");
    world.settle();
    let drain = Frame::Drain { deadline_ms: 30_000, reconnect_after_ms: 5_000 };
    world.bridge.as_mut().unwrap().say(&drain);
    world.settle();
    let after = world.send(0, "after");
    let at = world.clock.now();
    world.pass(2 * SECOND);
    assert_eq!((world.closes.as_slice(), world.opened.len()), (&[1000][..], 1));
    assert!(before.try_get().unwrap().is_ok());
    assert!(after.try_get().is_none(), "no request is begun any more");
    world.pass(10 * SECOND);
    assert_eq!(world.opened[1].since(at), 5 * SECOND);
    assert!(after.try_get().unwrap().is_ok());
    assert_eq!(world.log(0), ["before", "after"]);
}

#[test]
fn a_silent_bridge_is_left() {
    let mut world = World::new(&[]);
    world.know();
    world.bridge.as_mut().unwrap().mute = true;
    world.pass(60 * SECOND);
    assert_eq!((world.closes.as_slice(), world.opened.len()), (&[4408][..], 2));
}

#[test]
fn a_token_is_renewed_before_its_time_is_over() {
    let mut world = World::new(&[]);
    world.upstream.token_ttl_ms = 60_000;
    world.pass(600 * SECOND);
    assert_eq!(world.opened.len(), 1);
    assert!(world.passed_up > 0 && matches!(world.transport.status(), Status::Open(_)));
}

#[test]
fn a_token_that_is_refused_twice_ends_it() {
    let mut world = World::new(&[]);
    world.upstream.tokens = vec!["another".into()];
    let error = world.producer.try_send("t", ottla_core::Record::new(b"")).err();
    world.pass(10 * SECOND);
    assert!(error.is_some(), "the topic is not known yet");
    let Status::Failed(WsError::Closed { code: Some(4401), .. }) = world.transport.status() else {
        panic!("{:?}", world.transport.status())
    };
    assert_eq!(world.upstream.heard_tokens, ["token", "token"]);
}

#[test]
fn a_token_that_can_not_be_had_for_a_while_ends_nothing() {
    let mut world = World::new(&[]);
    world.know();
    world.no_token = true;
    world.cut();
    let delivery = world.send(0, "kept");
    world.pass(60 * SECOND);
    world.no_token = false;
    world.pass(40 * SECOND);
    assert!(delivery.try_get().unwrap().is_ok());
    assert_eq!(world.log(0), ["kept"]);
}

#[test]
fn who_is_not_allowed_gives_up() {
    let mut world = World::new(&[]);
    world.know();
    world.bridge.as_mut().unwrap().close = Some(4403);
    let delivery = world.send(0, "refused");
    world.pass(30 * SECOND);
    assert_eq!(world.opened.len(), 1);
    assert_eq!(delivery.try_get().unwrap().unwrap_err().reason, Reason::Authentication);
}

#[test]
fn a_websocket_that_is_full_holds_the_streams_back() {
    let mut world = World::new(&[("batch.size", "16384"), ("linger.ms", "0")]);
    world.know();
    world.wire.borrow_mut().buffered = 600 * 1024;
    let up = world.passed_up;
    let value = "x".repeat(10_000);
    let deliveries: Vec<_> = (0..200).map(|_| world.send(0, &value)).collect();
    world.pass(SECOND);
    assert_eq!(world.passed_up, up, "nothing more goes in");
    world.wire.borrow_mut().buffered = 0;
    world.pass(10 * SECOND);
    assert!(deliveries.iter().all(|delivery| delivery.try_get().is_some_and(|o| o.is_ok())));
}

#[test]
fn a_message_has_at_least_64_kib_when_there_is_that_much() {
    let mut world = World::new(&[("batch.size", "16384"), ("linger.ms", "0")]);
    world.upstream.window = 256 * 1024;
    world.know();
    let _ = (world.send(0, "warm"), world.send(1, "warm"));
    world.pass(SECOND);
    world.wire.borrow_mut().buffered = 600 * 1024;
    let value = "x".repeat(10_000);
    // Five batches wait for each of two streams, as many as may be in flight: 100 kB.
    let deliveries: Vec<_> = (0..100).map(|number| world.send(number % 2, &value)).collect();
    world.settle();
    world.sizes.clear();
    world.wire.borrow_mut().buffered = 0;
    world.pass(10 * SECOND);
    assert!(deliveries.iter().all(|delivery| delivery.try_get().is_some_and(|o| o.is_ok())));
    assert!(world.sizes[0] >= 64 * 1024, "{:?}", world.sizes);
    assert!(world.sizes.iter().all(|size| *size <= 1024 * 1024), "{:?}", world.sizes);
}

#[test]
fn withheld_credit_holds_a_stream_back() {
    let mut world = World::new(&[("batch.size", "1000"), ("linger.ms", "0")]);
    world.know();
    world.upstream.stingy = true;
    let before = world.passed_up;
    let value = "x".repeat(900);
    let deliveries: Vec<_> = (0..20).map(|_| world.send(0, &value)).collect();
    world.pass(SECOND);
    let passed = world.passed_up - before;
    assert!((2048..=4096 + 200).contains(&passed), "{passed} bytes, a window has 4096");
    world.upstream.stingy = false;
    world.bridge.as_mut().unwrap().give_credit();
    world.pass(10 * SECOND);
    assert!(deliveries.iter().all(|delivery| delivery.try_get().is_some_and(|o| o.is_ok())));
}
