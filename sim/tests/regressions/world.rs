//! A producer, a model cluster and a network without faults of its own, all in the test's hand:
//! nothing happens but what the test lets happen.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use embedded_io::ErrorKind;
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::{Connection, NodeId, Transport};
use ottla_core::{
    BrokerAddress, Delivery, Driver, Interceptor, Producer, ProducerConfig, Record, SendError,
};
use ottla_sim::cluster::{Cluster, ClusterConfig, Reply};
use ottla_sim::records::StoredRecord;
use ottla_sim::simulation::{Simulated, VirtualClock};

/// Polls of the driver at one instant, beyond which it spins.
const MOST_POLLS: u32 = 1_000;

/// Answers a frame that came over a connection, or lets it through to the cluster.
pub(crate) type Door = Box<dyn FnMut(u32, &Bytes) -> Option<Reply>>;

/// See the [module](self).
pub(crate) struct World {
    pub(crate) clock: VirtualClock,
    pub(crate) producer: Producer<Simulated>,
    driver: Driver<Simulated, Network>,
    wire: Rc<RefCell<Wire>>,
    config: ProducerConfig,
    /// What outlives the producer, where batches are stored before they are sent.
    pub(crate) store: Option<Store>,
    /// How often the driver was polled.
    pub(crate) polls: u32,
}

/// Batches by their keys.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) batches: BTreeMap<u64, StoredBatch>,
    next: u64,
    /// Nothing is stored for now.
    pub(crate) stuck: bool,
}

#[derive(Clone)]
pub(crate) struct StoredBatch {
    topic: String,
    partition: i32,
    pub(crate) bytes: Vec<u8>,
}

impl StoredBatch {
    /// Whose sequence it bears.
    pub(crate) fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.bytes[43..51].try_into().expect("eight bytes"))
    }
}

/// The bytes between the producer and the brokers.
struct Wire {
    cluster: Cluster,
    pipes: BTreeMap<u32, Pipe>,
    connections: u32,
    /// Brokers that are sent to but don't look at it.
    held: Vec<i32>,
    /// What brokers say before the cluster is asked.
    door: Option<Door>,
    /// How long an answer takes.
    latency: Duration,
    /// How many bytes the network takes before it pushes back.
    room: usize,
    /// How many connections there may be at a time.
    sockets: usize,
}

#[derive(Default)]
struct Pipe {
    broker: i32,
    up: VecDeque<u8>,
    /// Answers on their way, and when they arrive.
    late: VecDeque<(Duration, Bytes)>,
    down: VecDeque<u8>,
    closed: bool,
}

impl World {
    /// `nodes` brokers with these topics, and a producer with these settings.
    pub(crate) fn new(nodes: i32, topics: &[(&str, i32)], settings: &[(&str, &str)]) -> Self {
        let bootstrap = [("bootstrap.servers", "node-1:9092")];
        let settings = bootstrap.iter().chain(settings).copied();
        Self::configured(nodes, topics, ProducerConfig::from_properties(settings).unwrap())
    }

    /// The same with a configuration that has all settings.
    pub(crate) fn configured(nodes: i32, topics: &[(&str, i32)], config: ProducerConfig) -> Self {
        let brokers = ClusterConfig {
            auto_create: ottla_sim::cluster::AutoCreate::Never,
            ..ClusterConfig::default()
        };
        let clock = VirtualClock::default();
        clock.advance_to(Instant::ZERO + Duration::from_secs(1));
        let mut cluster = Cluster::in_memory(brokers, nodes);
        for (topic, partitions) in topics {
            cluster.create_topic(topic, *partitions, clock.since_unix_epoch()).unwrap();
        }
        let pipes = BTreeMap::new();
        let wire = Wire {
            cluster,
            pipes,
            connections: 0,
            held: Vec::new(),
            door: None,
            latency: Duration::ZERO,
            room: usize::MAX,
            sockets: usize::MAX,
        };
        let wire = Rc::new(RefCell::new(wire));
        let network = Network(wire.clone());
        let (producer, driver) = ottla_core::producer(config.clone(), clock.clone(), 1, network)
            .expect("a valid configuration");
        Self { clock, producer, driver, wire, config, store: None, polls: 0 }
    }

    /// Another producer in the place of the first, with an interceptor.
    pub(crate) fn intercepted(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        let (config, network) = (self.config.clone(), Network(self.wire.clone()));
        let interceptors = vec![interceptor];
        (self.producer, self.driver) =
            ottla_core::producer_with(config, interceptors, self.clock.clone(), 1, network)
                .expect("it was valid");
        self
    }

    /// Stores batches before they are sent.
    pub(crate) fn storing(mut self) -> Self {
        self.store = Some(Store::default());
        self.driver.store_batches();
        self
    }

    /// The power fails, and comes back: another producer, which is given what was stored.
    pub(crate) fn restart(&mut self, seed: u64) -> Vec<Delivery<Simulated>> {
        let (config, network) = (self.config.clone(), Network(self.wire.clone()));
        let (producer, mut driver) =
            ottla_core::producer(config, self.clock.clone(), seed, network).expect("it was valid");
        driver.store_batches();
        (self.producer, self.driver) = (producer, driver);
        let stored = std::mem::take(&mut self.store.as_mut().expect("a store").batches);
        let topics: BTreeSet<String> = stored.values().map(|batch| batch.topic.clone()).collect();
        for topic in topics {
            self.know(&topic);
        }
        let again = |(key, batch): (&u64, &StoredBatch)| {
            let read = |to: &mut [u8]| to.copy_from_slice(&batch.bytes);
            let (topic, len) = (&batch.topic, batch.bytes.len());
            let delivery = self.producer.try_resend(topic, batch.partition, *key, len, read);
            delivery.expect("there is room for what was there before")
        };
        let deliveries = stored.iter().map(again).collect();
        self.store.as_mut().expect("a store").batches = stored;
        deliveries
    }

    /// What whoever polls the driver does then. Returns whether there was anything to store.
    fn keep(&mut self) -> bool {
        let Some(store) = self.store.as_mut().filter(|store| !store.stuck) else { return false };
        let mut any = false;
        while let Some(batch) = self.driver.next_to_store() {
            let (topic, bytes) = (batch.topic.to_owned(), batch.bytes.to_vec());
            let stored = StoredBatch { topic, partition: batch.partition, bytes };
            let (ticket, key) = (batch.ticket, batch.replaces.unwrap_or(store.next));
            store.next = store.next.max(key + 1);
            store.batches.insert(key, stored);
            self.driver.stored(ticket, Some(key));
            any = true;
        }
        while let Some(key) = self.driver.next_to_remove() {
            assert!(store.batches.remove(&key).is_some(), "{key} is removed once");
        }
        any
    }

    /// The lease of an earlier producer's id is over.
    pub(crate) fn lose_lease(&mut self, producer_id: i64) {
        self.driver.lose_lease(producer_id);
    }

    /// What a program that is about to end sends another way: Produce requests with their sizes.
    pub(crate) fn unanswered(&mut self, most: usize) -> Vec<u8> {
        self.driver.unanswered(most, false)
    }

    /// The same, where others send again what is not stored.
    pub(crate) fn unanswered_and_stored(&mut self, most: usize) -> Vec<u8> {
        self.driver.unanswered(most, true)
    }

    /// The brokers take what is on its way to them, and the producer does not hear of it.
    pub(crate) fn serve_unheard(&self) {
        let now = self.clock.since_unix_epoch();
        while self.wire.borrow_mut().serve(now) {}
    }

    /// Changes or asks the cluster.
    pub(crate) fn cluster<R>(&self, f: impl FnOnce(&mut Cluster, Duration) -> R) -> R {
        f(&mut self.wire.borrow_mut().cluster, self.clock.since_unix_epoch())
    }

    /// Lets a broker receive without answering, or go on.
    pub(crate) fn hold(&self, broker: i32, hold: bool) {
        let held = &mut self.wire.borrow_mut().held;
        held.retain(|other| *other != broker);
        if hold {
            held.push(broker);
        }
    }

    /// From now on the network takes only so many bytes until they are answered.
    pub(crate) fn narrow(&self, room: usize) {
        self.wire.borrow_mut().room = room;
    }

    /// From now on the machine has so many sockets.
    pub(crate) fn limit_sockets(&self, sockets: usize) {
        self.wire.borrow_mut().sockets = sockets;
    }

    /// Puts somebody before the brokers.
    pub(crate) fn guard(&self, door: Door) {
        self.wire.borrow_mut().door = Some(door);
    }

    /// From now on answers take this long.
    pub(crate) fn delay(&self, latency: Duration) {
        self.wire.borrow_mut().latency = latency;
    }

    /// When something happens next.
    fn next(&self) -> Option<Instant> {
        let arrival = self.wire.borrow().next_arrival();
        let (now, unix) = (self.clock.now(), self.clock.since_unix_epoch());
        let arrival = arrival.map(|at| now + at.saturating_sub(unix));
        [self.driver.next_wake(), arrival].into_iter().flatten().min()
    }

    /// Connections opened so far.
    pub(crate) fn connections(&self) -> u32 {
        self.wire.borrow().connections
    }

    /// Lets everything happen that happens without time passing.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MOST_POLLS {
            self.polls += 1;
            let _ = self.driver.poll(&mut Context::from_waker(Waker::noop()));
            let stored = self.keep();
            let now = self.clock.since_unix_epoch();
            let served = self.wire.borrow_mut().serve(now);
            let due = self.driver.next_wake().is_some_and(|next| next <= self.clock.now());
            if !served && !stored && !due {
                return;
            }
        }
        panic!("the driver spins");
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.clock.now() + time;
        self.settle();
        let before = self.polls;
        while let Some(next) = self.next().filter(|next| *next <= end) {
            assert!(self.polls - before < MOST_POLLS, "the driver spins");
            self.clock.advance_to(next);
            self.settle();
        }
        self.clock.advance_to(end);
        self.settle();
    }

    /// Lets time pass until a future is ready, and says how long that took.
    pub(crate) fn wait<F: Future + Unpin>(&mut self, mut future: F) -> (F::Output, Duration) {
        let begun = self.clock.now();
        for _ in 0..MOST_POLLS {
            if let Poll::Ready(output) = poll(&mut future) {
                return (output, self.clock.now().since(begun));
            }
            self.settle();
            if let Poll::Ready(output) = poll(&mut future) {
                return (output, self.clock.now().since(begun));
            }
            let next = self.next().expect("nothing will ever happen");
            self.clock.advance_to(next);
        }
        panic!("it takes forever");
    }

    /// Lets the producer learn of a topic.
    pub(crate) fn know(&mut self, topic: &str) -> u32 {
        let partitions = self.producer.partitions(topic);
        self.wait(partitions).0.expect("the topic is there")
    }

    /// Sends a record that must be accepted at once.
    pub(crate) fn send(&self, topic: &str, record: Record<'_>) -> Delivery<Simulated> {
        self.producer.try_send(topic, record).expect("the record is accepted")
    }

    /// Sends a record to a partition; it must be accepted at once.
    pub(crate) fn send_to(&self, partition: i32, value: &str) -> Delivery<Simulated> {
        self.send("t", Record::new(value.as_bytes()).partition(partition))
    }

    /// The values in a partition's log.
    pub(crate) fn log(&self, topic: &str, partition: i32) -> Vec<String> {
        let read = |cluster: &mut Cluster, _| cluster.records(topic, partition, 0, usize::MAX);
        let records: Vec<StoredRecord> = self.cluster(read).expect("the log can be read");
        let text = |record: StoredRecord| {
            String::from_utf8(record.value.unwrap_or_default().to_vec()).expect("tests send text")
        };
        records.into_iter().map(text).collect()
    }

    /// All memory is back and nobody waits for it.
    #[track_caller]
    pub(crate) fn assert_memory_is_back(&self) {
        let metrics = self.producer.metrics();
        assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes);
        assert_eq!(metrics.waiting_for_memory, 0);
    }
}

/// Polls once; the tests look again by themselves.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A record's refusal.
pub(crate) fn refusal<T>(result: Result<T, SendError>) -> SendError {
    result.err().expect("the record is refused")
}

impl Wire {
    /// Brokers answer what they got. False if there was nothing.
    fn serve(&mut self, now: Duration) -> bool {
        let mut busy = false;
        for (id, pipe) in self.pipes.iter_mut().filter(|(_, pipe)| !pipe.closed) {
            while !self.held.contains(&pipe.broker)
                && let Some(frame) = pipe.next_frame()
            {
                busy = true;
                let answered = self.door.as_mut().and_then(|door| door(*id, &frame));
                match answered.unwrap_or_else(|| self.cluster.handle(pipe.broker, frame, now)) {
                    Reply::Send { frame, .. } => pipe.late.push_back((now + self.latency, frame)),
                    Reply::Nothing => {}
                    Reply::Close => pipe.closed = true,
                    Reply::Later { .. } => panic!("these clusters answer at once"),
                }
            }
        }
        for pipe in self.pipes.values_mut() {
            while pipe.late.front().is_some_and(|(at, _)| *at <= now)
                && let Some((_, frame)) = pipe.late.pop_front()
            {
                busy = true;
                pipe.down.extend(frame);
            }
        }
        busy
    }

    fn next_arrival(&self) -> Option<Duration> {
        self.pipes.values().filter_map(|pipe| Some(pipe.late.front()?.0)).min()
    }
}

impl Pipe {
    fn next_frame(&mut self) -> Option<Bytes> {
        let bytes = self.up.make_contiguous();
        let (size, rest) = bytes.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*size) as usize;
        let frame = Bytes::copy_from_slice(rest.get(..size)?);
        self.up.drain(..4 + size);
        Some(frame)
    }
}

/// Opens pipes by host name.
struct Network(Rc<RefCell<Wire>>);

impl Transport for Network {
    type Connection = End;

    fn connect(&mut self, _: NodeId, address: Option<&BrokerAddress>) -> Result<End, ErrorKind> {
        let mut wire = self.0.borrow_mut();
        let address = address.ok_or(ErrorKind::InvalidInput)?.to_string();
        let broker =
            wire.cluster.nodes().iter().find(|n| format!("{}:{}", n.host, n.port) == address);
        let broker = broker.filter(|node| node.up).ok_or(ErrorKind::ConnectionRefused)?.id;
        if wire.pipes.len() >= wire.sockets {
            return Err(ErrorKind::OutOfMemory);
        }
        wire.connections += 1;
        let id = wire.connections;
        wire.pipes.insert(id, Pipe { broker, ..Pipe::default() });
        Ok(End { wire: self.0.clone(), id })
    }
}

/// The producer's end of a pipe.
struct End {
    wire: Rc<RefCell<Wire>>,
    id: u32,
}

impl Connection for End {
    type Error = ErrorKind;

    fn poll_read(&mut self, _: &mut Context<'_>, out: &mut [u8]) -> Poll<Result<usize, ErrorKind>> {
        let mut wire = self.wire.borrow_mut();
        let Some(pipe) = wire.pipes.get_mut(&self.id) else { return Poll::Ready(Ok(0)) };
        let count = out.len().min(pipe.down.len());
        for (to, from) in out.iter_mut().zip(pipe.down.drain(..count)) {
            *to = from;
        }
        if count == 0 && !pipe.closed { Poll::Pending } else { Poll::Ready(Ok(count)) }
    }

    fn poll_write_vectored(
        &mut self,
        _: &mut Context<'_>,
        slices: &[&[u8]],
    ) -> Poll<Result<usize, ErrorKind>> {
        let mut wire = self.wire.borrow_mut();
        let room = wire.room;
        let Some(pipe) = wire.pipes.get_mut(&self.id) else { return Poll::Ready(Ok(0)) };
        let before = pipe.up.len();
        for slice in slices {
            let count = slice.len().min(room.saturating_sub(pipe.up.len()));
            pipe.up.extend(&slice[..count]);
        }
        match pipe.up.len() - before {
            0 => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.wire.borrow_mut().pipes.remove(&self.id);
    }
}
