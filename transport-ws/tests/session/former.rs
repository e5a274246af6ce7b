//! Leases of earlier programs, and going without a WebSocket for a while.

use ottla_transport_ws::HeldLease;

use super::*;
use crate::other_end::ticket;

fn former(world: &mut World, producer_id: i64, known: bool) {
    if known {
        world.upstream.leases.insert(producer_id, 0);
    }
    let ticket = ticket(producer_id, 0);
    world.transport.resume(HeldLease { producer_id, ticket, is_former: true });
}

fn held(world: &World) -> Vec<i64> {
    world.transport.leases().iter().map(|lease| lease.producer_id).collect()
}

#[test]
fn earlier_leases_are_resumed_beside_an_own_one_and_lost_where_the_bridge_refuses() {
    let mut world = World::new(&[]);
    former(&mut world, 8_000, true);
    former(&mut world, 8_001, false);
    world.know();
    assert_eq!(held(&world), [8_000, 9_001]);
    assert_eq!(world.transport.take_lost_lease(), Some(8_001));
    assert_eq!(world.transport.take_lost_lease(), None);
    let sent = exchange(&mut world);
    world.cut();
    world.pass(60 * SECOND);
    assert_eq!(held(&world), [8_000, 9_001], "both are resumed with the next WebSocket");
    assert_stored_once(&world, &sent);
    let changes = world.transport.lease_changes();
    let fresh = [&ticket(8_000, 0)[..], b"fresh"].concat();
    let lease =
        ottla_bridge_protocol::Lease { producer_id: 8_000, epoch: 0, ttl_ms: 1, ticket: &fresh };
    world.bridge.as_mut().unwrap().say(&Frame::Ticket(lease));
    world.settle();
    assert_ne!(world.transport.lease_changes(), changes);
    assert_eq!(world.transport.leases()[0].ticket, fresh);
    let own = world.transport.leases()[1].producer_id;
    assert_eq!(own, 9_001, "another's ticket is not the producer's");
}

#[test]
fn a_lease_that_is_released_is_not_resumed() {
    let mut world = World::new(&[]);
    former(&mut world, 8_000, true);
    former(&mut world, 8_001, true);
    world.know();
    world.transport.release(8_000);
    world.transport.release(8_001);
    world.pass(SECOND);
    assert_eq!(world.upstream.leases.keys().collect::<Vec<_>>(), [&9_002]);
    world.cut();
    let sent = exchange(&mut world);
    assert_eq!(held(&world), [9_002]);
    assert_stored_once(&world, &sent);
}

#[test]
fn a_lease_is_asked_for_again_although_another_is_being_released_then() {
    let mut world = World::new(&[]);
    former(&mut world, 8_000, true);
    world.upstream.exhausted = true;
    world.know();
    assert_eq!(held(&world), [8_000]);
    world.upstream.exhausted = false;
    world.bridge.as_mut().unwrap().mute = true;
    world.transport.release(8_000);
    world.pass(2 * SECOND);
    assert!(held(&world).is_empty(), "the bridge has not answered");
    let bridge = world.bridge.as_mut().unwrap();
    bridge.mute = false;
    bridge.say(&Frame::Ping(1));
    world.pass(SECOND);
    assert_eq!(held(&world).len(), 1);
    let sent = exchange(&mut world);
    assert_stored_once(&world, &sent);
}

#[test]
fn a_suspended_transport_stays_away_until_it_is_woken_up() {
    let mut world = World::new(&[]);
    world.know();
    world.transport.suspend(world.clock.now());
    let delivery = world.send(0, "later");
    world.pass(60 * SECOND);
    assert_eq!((world.opened.len(), delivery.try_get().is_none()), (1, true));
    assert_eq!(world.closes, [1000]);
    world.transport.wake_up(world.clock.now());
    world.pass(SECOND);
    assert!(matches!(delivery.try_get(), Some(Ok(_))), "without back-off");
    assert_eq!(world.upstream.leases.len(), 1, "the lease was resumed");
}

#[test]
fn an_id_that_comes_back_after_its_lease_begins_anew() {
    let mut world = World::new(&[]);
    world.know();
    let mut sent = exchange(&mut world);
    // Nothing is on its way; the lease ends while the page is away, and the id is lent again, to
    // this page of all.
    world.upstream.forgetful = true;
    world.upstream.lend_next = Some((9_000, 5));
    world.cut();
    world.pass(60 * SECOND);
    assert_eq!(held(&world), [9_000]);
    sent.extend(exchange(&mut world));
    assert_stored_once(&world, &sent);
    let batches = world.upstream.cluster.batches("t", 0, 0, usize::MAX).unwrap();
    assert_eq!(batches.last().unwrap().header.producer_epoch, 5);
}
