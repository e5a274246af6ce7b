//! A client with a receive buffer of 4 KiB in a cluster whose metadata is longer.

use std::ops::ControlFlow;
use std::time::Duration;

use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_core::{Delivery, Record};
use ottla_sim::cluster::Cluster;
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{Server, World, cluster};

const BROKERS: i32 = 500;
const LIMIT: Duration = Duration::from_secs(60);

struct Brokers {
    cluster: Cluster,
    longest_answer: usize,
}

impl Server for Brokers {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let start = out.len();
        let mut flow = ControlFlow::Continue(());
        // What the brokers store is not the producer's memory.
        allocation_counter::opt_out(|| flow = self.cluster.answer(node, request, now, out));
        self.longest_answer = self.longest_answer.max(out.len() - start);
        flow
    }
}

/// 500 brokers with these topics, and the small profile.
fn world(topics: &[(&str, i32)]) -> World<Brokers> {
    world_of(BROKERS, topics)
}

fn world_of(brokers: i32, topics: &[(&str, i32)]) -> World<Brokers> {
    let cluster = cluster(brokers, topics);
    let mut config = ProducerConfig::small();
    config.bootstrap_servers = ["node-1:9092".parse().unwrap()].into();
    assert_eq!(config.receive_max_bytes, 4096);
    World::new(config, Brokers { cluster, longest_answer: 0 })
}

#[test]
fn the_brokers_that_lead_are_found_among_many() {
    let mut world = world(&[("others", 5_000), ("readings", 3)]);
    let producer = world.producer.clone();
    let count = world.run(producer.partitions("readings"), LIMIT).expect("it finds the leaders");
    assert_eq!(count, Ok(3));
    let send = |number: i32| -> Delivery<Simulated> {
        let value = number.to_string();
        let record = Record::new(value.as_bytes()).partition(number % 3);
        producer.try_send("readings", record).unwrap()
    };
    let deliveries: Vec<_> = (0..30).map(send).collect();
    for delivery in deliveries {
        world.run(delivery, LIMIT).expect("the leader answers").expect("it is stored");
    }
    assert!(world.server().longest_answer > 4096, "{}", world.server().longest_answer);
}

#[test]
fn a_topic_that_is_too_large_itself_is_told() {
    let mut world = world(&[("huge", 5_000)]);
    let producer = world.producer.clone();
    let _ = world.run(producer.partitions("huge"), LIMIT);
    let error = producer.last_error().expect("something is wrong");
    assert!(error.contains("receive.message.max.bytes (4096)"), "{error}");
}

#[test]
fn brokers_that_lead_nothing_take_no_memory() {
    let bytes = |brokers| {
        let mut world = world_of(brokers, &[("readings", 1)]);
        let producer = world.producer.clone();
        let known = allocation_counter::measure(|| {
            world.run(producer.partitions("readings"), LIMIT).unwrap().unwrap();
        });
        assert!(world.server().longest_answer <= 4096, "it is not condensed");
        known.bytes_current
    };
    let (few, many) = (bytes(10), bytes(100));
    assert!(many - few < 4096, "{few} bytes with 10 brokers, {many} with 100");
}
