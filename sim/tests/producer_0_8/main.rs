//! The 0.8 producer's modes in virtual time. The row ids are those of the feature contract.

mod modes;
mod queue;
mod settings;
#[path = "../regressions/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use ottla_core::producer_0_8::{Config, Message, Producer};
use ottla_core::{Delivery, Record};
use ottla_sim::simulation::Simulated;

use world::World;

/// A producer with 0.8's settings, which knows the topic "t".
fn old_producer(
    nodes: i32,
    topics: &[(&str, i32)],
    settings: &[(&str, &str)],
) -> (World, Producer<Simulated>) {
    let brokers = [("metadata.broker.list", "node-1:9092")];
    let config = Config::from_properties(brokers.iter().chain(settings).copied()).unwrap();
    let mut world = World::configured(nodes, topics, config.producer.clone());
    if topics.iter().any(|(topic, _)| *topic == "t") {
        world.know("t");
    }
    let producer = Producer::new(world.producer.clone(), &config);
    (world, producer)
}

fn message<'a>(topic: &'a str, value: &'a str) -> Message<'a> {
    Message { topic, record: Record::new(value.as_bytes()) }
}

type Sent = Result<Vec<Delivery<Simulated>>, ottla_core::producer_0_8::Error>;
