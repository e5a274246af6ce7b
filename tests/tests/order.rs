//! Order per partition where brokers alone don't keep it.

use std::time::Duration;

use kafka_protocol::ResponseError;
use ottla_core::config::ProducerConfig;
use ottla_core::{Delivery, Record};
use ottla_sim::cluster::ProduceFault;
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{World, cluster};

const TOPIC: &str = "ordered";
const LIMIT: Duration = Duration::from_secs(60);

/// A broker that has never heard of a producer takes any sequence. So it may refuse a partition's
/// first batch, because it does not lead yet, and take the second one if that is there already.
#[test]
fn a_refused_first_batch_stays_first() {
    let mut cluster = cluster(1, &[(TOPIC, 1)]);
    let fault = ProduceFault::Refuse(ResponseError::NotLeaderOrFollower);
    cluster.faults().next_produce(TOPIC, 0, fault);
    let config = ProducerConfig::from_properties([
        ("bootstrap.servers", "node-1:9092"),
        ("batch.max.records", "1"),
        ("linger.ms", "1000"),
    ]);
    let mut world = World::new(config.unwrap(), cluster);
    let producer = world.producer.clone();
    world.run(producer.partitions(TOPIC), LIMIT).unwrap().unwrap();
    let values: Vec<String> = (0..9).map(|number| number.to_string()).collect();
    let send = |value: &String| producer.try_send(TOPIC, Record::new(value.as_bytes())).unwrap();
    let deliveries: Vec<Delivery<Simulated>> = values.iter().map(send).collect();
    world.run(producer.flush(), LIMIT).expect("flush hangs");

    let stored = world.server().records(TOPIC, 0, 0, usize::MAX).unwrap();
    let stored: Vec<_> = stored.iter().map(|r| r.value.as_deref().unwrap().to_vec()).collect();
    assert_eq!(stored, values.iter().map(|v| v.as_bytes().to_vec()).collect::<Vec<_>>());
    for (offset, delivery) in (0..).zip(deliveries) {
        assert_eq!(delivery.try_get().unwrap().unwrap().offset, Some(offset));
    }
}
