//! What a record costs in small and in large clusters: a producer and a model of its brokers on one
//! thread, for callgrind to count. `cargo xtask growth` runs it.
//!
//! ```text
//! growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS
//! ```
//!
//! Records are routed by nothing (the built-in partitioner chooses), to six partitions, or by keys
//! to all of them. Only [`measured`] counts, and [`answer`] in it does not.

use std::cell::RefCell;
use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ottla_core::config::{BrokerAddress, ProducerConfig};
use ottla_core::time::Clock;
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_core::{Deliveries, Driver, Record, SendError, Topic, producer};
use ottla_sim::cluster::{Cluster, ClusterConfig, Reply};
use ottla_sim::simulation::{Simulated, VirtualClock};

const VALUE: [u8; 100] = [b'v'; 100];
/// The driver is polled once in so many records: as often as batches become full.
const RECORDS_PER_POLL: u64 = 64;
const TIME_PER_POLL: Duration = Duration::from_micros(64);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [partitions, topics, senders, brokers, route, records] = &arguments[..] else {
        return Err(
            "usage: growth PARTITIONS TOPICS SENDERS BROKERS nothing|six|keys RECORDS".into()
        );
    };
    let (partitions, topics) = (partitions.parse()?, topics.parse()?);
    let (brokers, records) = (brokers.parse()?, records.parse()?);
    let mut world = World::new(partitions, topics, brokers, route)?;
    let senders = world.senders(senders.parse()?)?;
    measure(&mut world, &senders, records)
}

fn measure(
    world: &mut World,
    senders: &[Topic<Simulated>],
    records: u64,
) -> Result<(), Box<dyn Error>> {
    world.send(senders, records)?; // to be warm
    let before = world.producer.metrics().batch_size.count;
    measured(world, senders, records)?;
    println!("batches {}", world.producer.metrics().batch_size.count - before);
    Ok(())
}

/// What callgrind counts.
#[inline(never)]
fn measured(
    world: &mut World,
    senders: &[Topic<Simulated>],
    records: u64,
) -> Result<(), Box<dyn Error>> {
    world.send(senders, records)
}

/// What it leaves out.
#[inline(never)]
fn answer(cluster: &mut Cluster, node: NodeId, request: &[u8], now: Duration, out: &mut Vec<u8>) {
    if let Reply::Send { frame, .. } =
        cluster.handle(node.0.max(1), Bytes::copy_from_slice(request), now)
    {
        out.extend_from_slice(&frame);
    }
}

struct World {
    producer: ottla_core::Producer<Simulated>,
    driver: Driver<Simulated, Memory>,
    clock: VirtualClock,
    topics: Vec<String>,
    route: Route,
    partitions: i32,
}

#[derive(Clone, Copy)]
enum Route {
    Nothing,
    Six,
    Keys,
}

impl World {
    fn new(
        partitions: i32,
        topics: usize,
        brokers: i32,
        route: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let clock = VirtualClock::default();
        let mut cluster = Cluster::in_memory(ClusterConfig::default(), brokers);
        let topics: Vec<String> = (0..topics).map(|number| format!("topic-{number}")).collect();
        for topic in &topics {
            cluster
                .create_topic(topic, partitions, clock.since_unix_epoch())
                .map_err(|error| format!("{error:?}"))?;
        }
        let (route, size, most) = match route {
            "nothing" => (Route::Nothing, "16384", "1000000"),
            "six" => (Route::Six, "16384", "1000000"),
            // So that a batch has as many records in a large topic as in a small one.
            "keys" => (Route::Keys, "1024", "8"),
            other => return Err(format!("no route is called {other}").into()),
        };
        let config = ProducerConfig::from_properties([
            ("bootstrap.servers", "node-1:9092"),
            ("batch.size", size),
            ("batch.max.records", most),
            ("linger.ms", "1000"),
        ])?;
        let memory = Memory { cluster: Rc::new(RefCell::new(cluster)), clock: clock.clone() };
        let (producer, driver) = producer(config, clock.clone(), 7, memory)?;
        Ok(Self { producer, driver, clock, topics, route, partitions })
    }

    /// So many handles, over the topics in turn.
    fn senders(&mut self, count: usize) -> Result<Vec<Topic<Simulated>>, Box<dyn Error>> {
        let names = self.topics.iter().cycle().take(count.max(self.topics.len()));
        let senders: Vec<_> = names.map(|name| self.producer.topic(name)).collect();
        for sender in &senders {
            while let Err(error) = sender.try_send(Record::new(&VALUE)) {
                if error != SendError::MetadataPending {
                    return Err(error.into());
                }
                self.poll();
            }
        }
        self.finish();
        Ok(senders)
    }

    /// Sends so many records, by all senders in turn, and waits until they are acknowledged.
    fn send(&mut self, senders: &[Topic<Simulated>], records: u64) -> Result<(), Box<dyn Error>> {
        let mut deliveries: Vec<_> = senders.iter().map(|_| Deliveries::new()).collect();
        for number in 0..records {
            let index = number as usize % senders.len();
            let key = number.to_be_bytes();
            let record = match self.route {
                Route::Nothing => Record::new(&VALUE),
                Route::Six => {
                    Record::new(&VALUE).partition((number % 6) as i32 * (self.partitions / 6))
                }
                Route::Keys => Record::new(&VALUE).key(&key),
            };
            loop {
                match senders[index].try_send(record) {
                    Ok(delivery) => break deliveries[index].push(delivery),
                    Err(SendError::BufferFull) => self.poll(),
                    Err(error) => return Err(error.into()),
                }
            }
            if number % RECORDS_PER_POLL == 0 {
                self.poll();
            }
        }
        self.finish();
        for deliveries in &mut deliveries {
            while let Some((_, outcome)) = deliveries.try_next() {
                outcome?;
            }
            if !deliveries.is_empty() {
                return Err("a record has no outcome".into());
            }
        }
        Ok(())
    }

    fn poll(&mut self) {
        let _ = self.driver.poll(&mut Context::from_waker(Waker::noop()));
        self.clock.advance_to(self.clock.now() + TIME_PER_POLL);
    }

    fn finish(&mut self) {
        let mut flush = std::pin::pin!(self.producer.flush());
        while flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            let _ = self.driver.poll(&mut Context::from_waker(Waker::noop()));
            self.clock.advance_to(self.clock.now() + TIME_PER_POLL);
        }
    }
}

/// Connections that lead to the model.
struct Memory {
    cluster: Rc<RefCell<Cluster>>,
    clock: VirtualClock,
}

impl Transport for Memory {
    type Connection = Pipe;

    fn connect(&mut self, node: NodeId, _: Option<&BrokerAddress>) -> Result<Pipe, Infallible> {
        let (cluster, clock) = (self.cluster.clone(), self.clock.clone());
        Ok(Pipe {
            node,
            cluster,
            clock,
            requests: Vec::new(),
            responses: Vec::new(),
            asked_at: None,
        })
    }
}

struct Pipe {
    node: NodeId,
    cluster: Rc<RefCell<Cluster>>,
    clock: VirtualClock,
    requests: Vec<u8>,
    responses: Vec<u8>,
    /// Answers come later than they were asked for.
    asked_at: Option<ottla_core::time::Instant>,
}

impl Connection for Pipe {
    type Error = Infallible;

    fn poll_read(
        &mut self,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Infallible>> {
        if self.responses.is_empty() || self.asked_at == Some(self.clock.now()) {
            return Poll::Pending;
        }
        let count = self.responses.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.responses[..count]);
        self.responses.drain(..count);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        &mut self,
        _: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, Infallible>> {
        for slice in slices {
            self.requests.extend_from_slice(slice);
        }
        let mut answered = 0;
        while let Some((size, rest)) = self.requests[answered..].split_first_chunk()
            && let Some(frame) = rest.get(..u32::from_be_bytes(*size) as usize)
        {
            let now = self.clock.since_unix_epoch();
            answer(&mut self.cluster.borrow_mut(), self.node, frame, now, &mut self.responses);
            answered += size.len() + frame.len();
        }
        self.requests.drain(..answered);
        self.asked_at = Some(self.clock.now());
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }
}
