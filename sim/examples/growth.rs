//! What records cost in small and in large clusters: a producer and a model of its brokers on one
//! thread, for callgrind to count (`tests/tests/instructions.rs`).
//!
//! ```text
//! growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS
//! ```
//!
//! Records are routed by nothing (the built-in partitioner chooses), to six partitions, or by keys
//! to all of them. It prints how many batches it sent. Only [`measured`] counts, without what the
//! brokers do in it, [`left_out`].

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::Duration;

use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_core::{Record, SendError, Topic};
use ottla_sim::cluster::Cluster;
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{Server, World, cluster};

const USAGE: &str = "usage: growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS";
const VALUE: [u8; 100] = [b'v'; 100];
const LIMIT: Duration = Duration::from_secs(60);

type Failure = Box<dyn Error>;
type Result<T> = std::result::Result<T, Failure>;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [partitions, topics, senders, brokers, route, records] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let (partitions, records) = (partitions.parse()?, records.parse()?);
    let names: Vec<String> =
        (0..topics.parse()?).map(|number: u32| format!("topic-{number}")).collect();
    let topics: Vec<(&str, i32)> = names.iter().map(|name| (&name[..], partitions)).collect();
    let route = Route::named(route, partitions)?;
    let brokers = Brokers { cluster: cluster(brokers.parse()?, &topics), measured: false };
    let mut world = World::new(route.config()?, brokers);
    let mut senders = senders_of(&mut world, &names, senders.parse()?)?;
    senders.warm(&mut world, partitions, route, records)?;
    world.server().measured = true;
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
) -> Result<()> {
    senders.send(world, route, records)
}

struct Brokers {
    cluster: Cluster,
    /// Whether [`measured`] runs: callgrind leaves out what would not count anyway by counting it.
    measured: bool,
}

impl Server for Brokers {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let mut answer = || self.cluster.answer(node, request, now, out);
        if self.measured { left_out(answer) } else { answer() }
    }
}

/// What it leaves out.
#[inline(never)]
fn left_out<R>(work: impl FnOnce() -> R) -> R {
    // Not as its last step: a tail call would end this function for callgrind.
    black_box(work())
}

#[derive(Clone, Copy)]
enum Route {
    Nothing,
    /// To every so manieth partition.
    Six(i32),
    Keys,
}

impl Route {
    fn named(name: &str, partitions: i32) -> Result<Self> {
        match name {
            "nothing" => Ok(Self::Nothing),
            "six" => Ok(Self::Six(partitions / 6)),
            "keys" => Ok(Self::Keys),
            _ => Err(USAGE.into()),
        }
    }

    fn config(self) -> Result<ProducerConfig> {
        // With keys, a batch has as many records in a large topic as in a small one.
        let (size, most) = match self {
            Self::Keys => ("1024", "8"),
            Self::Nothing | Self::Six(_) => ("65536", "1000000"),
        };
        Ok(ProducerConfig::from_properties([
            ("bootstrap.servers", "node-1:9092"),
            ("batch.size", size),
            ("batch.max.records", most),
            ("linger.ms", "1000"),
        ])?)
    }
}

/// So many handles at least, over the topics in turn, each of which knows its topic.
fn senders_of(world: &mut World<Brokers>, topics: &[String], count: usize) -> Result<Senders> {
    let producer = world.producer.clone();
    for topic in topics {
        let known = world.run(producer.partitions(topic), LIMIT);
        known.ok_or("the metadata did not come")??;
    }
    let names = topics.iter().cycle().take(count.max(topics.len()));
    Ok(Senders(names.map(|name| producer.topic(name)).collect()))
}

/// Handles that send in turn.
struct Senders(Vec<Topic<Simulated>>);

impl Senders {
    /// Sends something to each partition, so that all leaders are connected, and then as it will be
    /// measured.
    fn warm(
        &mut self,
        world: &mut World<Brokers>,
        partitions: i32,
        route: Route,
        records: u64,
    ) -> Result<()> {
        for topic in &mut self.0 {
            for partition in 0..partitions {
                append(world, topic, Record::new(&VALUE).partition(partition))?;
            }
        }
        self.send(world, route, records)
    }

    /// Sends so many records, and waits until they are acknowledged.
    fn send(&mut self, world: &mut World<Brokers>, route: Route, records: u64) -> Result<()> {
        for number in 0..records {
            let turn = (number % self.0.len() as u64) as usize;
            let key = number.to_be_bytes();
            let record = match route {
                Route::Nothing => Record::new(&VALUE),
                Route::Six(step) => Record::new(&VALUE).partition((number % 6) as i32 * step),
                Route::Keys => Record::new(&VALUE).key(&key),
            };
            append(world, &mut self.0[turn], record)?;
            world.poll_if_woken();
        }
        let producer = world.producer.clone();
        world.run(producer.flush(), LIMIT).ok_or("not all records have an outcome")?;
        match world.producer.metrics().records_failed {
            0 => Ok(()),
            failed => Err(format!("{failed} records failed").into()),
        }
    }
}

fn append(
    world: &mut World<Brokers>,
    topic: &mut Topic<Simulated>,
    record: Record<'_>,
) -> Result<()> {
    loop {
        match topic.try_send(record) {
            Err(SendError::BufferFull) => _ = world.poll(),
            outcome => return Ok(outcome.map(drop)?),
        }
    }
}
