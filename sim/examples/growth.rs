//! What a record costs in small and in large clusters: a producer and a model of its brokers on one
//! thread, for callgrind to count (`tests/tests/instructions.rs`).
//!
//! ```text
//! growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS
//! ```
//!
//! Records are routed by nothing (the built-in partitioner chooses), to six partitions, or by keys
//! to all of them. It prints how many batches it sent. Only [`measured`] counts, and what the
//! brokers do in it does not.

use std::env;
use std::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_core::{Deliveries, Record, SendError, Topic};
use ottla_sim::cluster::Cluster;
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{Server, World, cluster};

const VALUE: [u8; 100] = [b'v'; 100];
/// The driver is polled once in so many records: about as often as batches become full.
const RECORDS_PER_POLL: u64 = 64;
const LIMIT: Duration = Duration::from_secs(60);

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [partitions, topics, senders, brokers, route, records] = &arguments[..] else {
        return Err(
            "usage: growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS".into()
        );
    };
    let (partitions, records) = (partitions.parse()?, records.parse()?);
    let names: Vec<String> =
        (0..topics.parse()?).map(|number: u32| format!("topic-{number}")).collect();
    let topics: Vec<(&str, i32)> = names.iter().map(|name| (&name[..], partitions)).collect();
    let route = Route::named(route, partitions)?;
    let mut world = World::new(route.config()?, Brokers(cluster(brokers.parse()?, &topics)));
    let mut senders = senders_of(&mut world, &names, senders.parse()?)?;
    senders.send(&mut world, route, records)?; // to be warm
    let before = world.producer.metrics().batch_size.count;
    measured(&mut senders, &mut world, route, records)?;
    println!("{}", world.producer.metrics().batch_size.count - before);
    Ok(())
}

/// What callgrind counts.
#[inline(never)]
fn measured(
    senders: &mut Senders,
    world: &mut World<Brokers>,
    route: Route,
    records: u64,
) -> Result<(), Failure> {
    senders.send(world, route, records)
}

/// What it leaves out.
struct Brokers(Cluster);

impl Server for Brokers {
    #[inline(never)]
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        self.0.answer(node, request, now, out)
    }
}

#[derive(Clone, Copy)]
enum Route {
    Nothing,
    /// To every so manieth partition.
    Six(i32),
    Keys,
}

impl Route {
    fn named(name: &str, partitions: i32) -> Result<Self, Failure> {
        match name {
            "nothing" => Ok(Self::Nothing),
            "six" => Ok(Self::Six(partitions / 6)),
            "keys" => Ok(Self::Keys),
            other => Err(format!("no route is called {other}").into()),
        }
    }

    fn config(self) -> Result<ProducerConfig, Failure> {
        // With keys, a batch has as many records in a large topic as in a small one.
        let (size, most) = match self {
            Self::Keys => ("1024", "8"),
            Self::Nothing | Self::Six(_) => ("16384", "1000000"),
        };
        Ok(ProducerConfig::from_properties([
            ("bootstrap.servers", "node-1:9092"),
            ("batch.size", size),
            ("batch.max.records", most),
            ("linger.ms", "1000"),
        ])?)
    }
}

/// Handles that send in turn, and what became of their records.
struct Senders(Vec<(Topic<Simulated>, Deliveries<Simulated>)>);

/// So many handles at least, over the topics in turn, each of which knows its topic.
fn senders_of(
    world: &mut World<Brokers>,
    topics: &[String],
    count: usize,
) -> Result<Senders, Failure> {
    let producer = world.producer.clone();
    for topic in topics {
        let known = world.run(producer.partitions(topic), LIMIT);
        known.ok_or("the metadata did not come")??;
    }
    let names = topics.iter().cycle().take(count.max(topics.len()));
    Ok(Senders(names.map(|name| (producer.topic(name), Deliveries::new())).collect()))
}

impl Senders {
    /// Sends so many records, and waits until they are acknowledged.
    fn send(
        &mut self,
        world: &mut World<Brokers>,
        route: Route,
        records: u64,
    ) -> Result<(), Failure> {
        for number in 0..records {
            let index = number as usize % self.0.len();
            let (topic, deliveries) = &mut self.0[index];
            let key = number.to_be_bytes();
            let record = match route {
                Route::Nothing => Record::new(&VALUE),
                Route::Six(step) => Record::new(&VALUE).partition((number % 6) as i32 * step),
                Route::Keys => Record::new(&VALUE).key(&key),
            };
            loop {
                match topic.try_send(record) {
                    Ok(delivery) => break deliveries.push(delivery),
                    Err(SendError::BufferFull) => {
                        let _ = world.poll();
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if number % RECORDS_PER_POLL == 0 {
                let _ = world.poll();
            }
        }
        let producer = world.producer.clone();
        world.run(producer.flush(), LIMIT).ok_or("not all records have an outcome")?;
        for (_, deliveries) in &mut self.0 {
            while let Some((_, outcome)) = deliveries.try_next() {
                outcome?;
            }
        }
        Ok(())
    }
}
