//! A producer whose memory is fixed at the start takes no more of it later, whatever happens.

use std::ops::ControlFlow;
use std::time::Duration;

use ottla_core::Record;
use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_sim::cluster::Cluster;
use ottla_sim::wire::{Server, World, cluster};

const LIMIT: Duration = Duration::from_secs(60);
const A_FORTNIGHT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What the brokers store is not the producer's memory.
struct Brokers(Cluster);

impl Server for Brokers {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let (mut flow, mut answer) = (ControlFlow::Continue(()), Vec::new());
        allocation_counter::opt_out(|| flow = self.0.answer(node, request, now, &mut answer));
        out.extend_from_slice(&answer);
        allocation_counter::opt_out(|| drop(answer));
        flow
    }
}

/// Three brokers, and a producer that never gives a record up.
fn world(partitions: i32) -> World<Brokers> {
    let mut config = ProducerConfig::small();
    config.bootstrap_servers = ["node-1:9092".parse().unwrap()].into();
    config.delivery_timeout = A_FORTNIGHT;
    config.max_block = A_FORTNIGHT;
    World::new(config, Brokers(cluster(3, &[("readings", partitions)])))
}

fn send(world: &mut World<Brokers>, partition: i32) {
    let producer = world.producer.clone();
    let record = Record::new(b"a reading").partition(partition);
    let delivery = world.run(producer.send("readings", record), LIMIT).expect("it is accepted");
    world.run(delivery.unwrap(), LIMIT).expect("it has its outcome").expect("it is stored");
}

/// Bytes of heap that `round` leaves behind when it has been done often already: from one moment to
/// another at which as many connections are open, of which each has its own in this test.
fn growth(world: &mut World<Brokers>, mut round: impl FnMut(&mut World<Brokers>)) -> i64 {
    (0..50).for_each(|_| round(world));
    let before = open_connections(world);
    let rounds = || {
        (0..2_000).for_each(|_| round(world));
        while open_connections(world) != before {
            round(world);
        }
    };
    allocation_counter::measure(rounds).bytes_current
}

fn open_connections(world: &World<Brokers>) -> u64 {
    let metrics = world.producer.metrics();
    metrics.connections_opened - metrics.connections_closed
}

#[test]
fn a_batch_that_waits_for_long_costs_nothing_elsewhere() {
    let mut world = world(2);
    send(&mut world, 0);
    assert!(world.server().0.move_leader("readings", 0, None, Duration::ZERO).unwrap());
    let producer = world.producer.clone();
    let waiting = Record::new(b"waits").partition(0);
    let waiting = producer.try_send("readings", waiting).unwrap();
    assert_eq!(growth(&mut world, |world| send(world, 1)), 0);
    assert!(waiting.try_get().is_none());
}

#[test]
fn a_topic_that_is_forgotten_and_asked_for_again_costs_nothing() {
    let mut world = world(1);
    let config = ProducerConfig::small();
    let forgotten = config.metadata_max_idle + config.metadata_max_age;
    let grown = growth(&mut world, |world| {
        send(world, 0);
        world.pass(forgotten);
    });
    assert_eq!(grown, 0);
}

#[test]
fn brokers_that_come_and_go_cost_nothing() {
    let mut world = world(3);
    let grown = growth(&mut world, |world| {
        let fresh = ProducerConfig::small().metadata_max_age;
        allocation_counter::opt_out(|| world.server().0.stop_node(3));
        world.pass(fresh);
        allocation_counter::opt_out(|| {
            let mut server = world.server();
            server.0.start_node(3, Duration::ZERO).unwrap();
            server.0.move_leader("readings", 2, Some(3), Duration::ZERO).unwrap();
        });
        world.pass(fresh);
        send(world, 2);
    });
    assert_eq!(grown, 0);
}
