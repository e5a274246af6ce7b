//! A producer that runs for years takes no more memory than one that runs for a minute.

use std::ops::ControlFlow;
use std::time::Duration;

use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_core::{Delivery, Record};
use ottla_sim::cluster::Cluster;
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{Server, World, cluster};

const TOPIC: &str = "endless";
const LIMIT: Duration = Duration::from_secs(60);

/// What the brokers store is not the producer's memory.
struct Uncounted(Cluster);

impl Server for Uncounted {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        allocation_counter::opt_out(|| flow = self.0.answer(node, request, now, out));
        flow
    }
}

/// With times so long that nothing which waits for them is ever taken away by them.
fn world() -> World<Uncounted> {
    let config = ProducerConfig::from_properties([
        ("bootstrap.servers", "node-1:9092"),
        ("batch.max.records", "2"),
        ("linger.ms", "1000000000"),
        ("delivery.timeout.ms", "2147483647"),
    ]);
    World::new(config.unwrap(), Uncounted(cluster(1, &[(TOPIC, 1)])))
}

#[test]
fn many_batches_need_no_more_memory_than_few() {
    let mut world = world();
    let producer = world.producer.clone();
    world.run(producer.partitions(TOPIC), LIMIT).unwrap().unwrap();
    let send = || -> Delivery<Simulated> { producer.try_send(TOPIC, Record::new(b"x")).unwrap() };
    // There is always a batch with one record, which lingers while another is answered.
    let mut last = send();
    let mut batches = |count: usize| {
        for _ in 0..count {
            let (_full, open) = (send(), send());
            let full = std::mem::replace(&mut last, open);
            world.run(full, LIMIT).expect("the broker answers").unwrap();
        }
    };
    batches(200);
    let growth = allocation_counter::measure(|| batches(5_000)).bytes_current;
    assert!(growth.abs() < 4096, "{growth} bytes more after 5,000 batches");
}
