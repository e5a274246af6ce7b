//! Every response cut at every byte and every byte of it flipped: an error, or another valid
//! meaning; never a panic, a hang, unbounded memory, or another record's outcome.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ApiKey;
use ottla_core::config::ProducerConfig;
use ottla_core::transport::NodeId;
use ottla_core::{Delivery, DeliveryError, Record, RecordMetadata, SendError, Written};
use ottla_sim::cluster::{ApiRanges, Cluster, ProduceFault};
use ottla_sim::simulation::Simulated;
use ottla_sim::wire::{Server, World, cluster};
use ottla_tests::answers::produce_answers;
use ottla_tests::{Progress, budget};

/// Where records go: several answers in one response, to be mistaken for each other.
const PARTITIONS: [(&str, i32); 3] = [("left", 0), ("left", 1), ("right", 0)];

/// Records per partition, in one batch.
const RECORDS: usize = 2;

/// More than a producer with these buffers, its brokers and their largest response take.
const MEMORY_MAX: u64 = 2 << 20;

/// Behind every timeout of [`config`].
const LIMIT: Duration = Duration::from_secs(60);

fn config() -> ProducerConfig {
    let mut config = ProducerConfig::from_properties([
        ("bootstrap.servers", "node-1:9092"),
        ("linger.ms", "10"),
        ("batch.size", "1024"),
        ("buffer.memory", "65536"),
        ("max.block.ms", "10000"),
        ("request.timeout.ms", "5000"),
        ("delivery.timeout.ms", "30000"),
    ])
    .unwrap();
    config.client_id = "damage".into();
    config
}

/// What is done to the bytes of one response.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Harm {
    /// Only so many bytes come, then the connection ends.
    Cut(usize),
    /// Only so many bytes come, and the connection stays but is silent from then on.
    Stall(usize),
    /// Bytes at these places are changed by exclusive or.
    Flip(Vec<(usize, u8)>),
}

/// A broker whose answer number `nth` is harmed.
struct Broker {
    cluster: Cluster,
    nth: usize,
    harm: Option<Harm>,
    /// To whom the stalled connection leads.
    silent: Option<NodeId>,
    /// The sizes of all answers so far.
    answers: Vec<usize>,
    /// A Produce response that was flipped, and its version.
    flipped: Option<(i16, Vec<u8>)>,
}

impl Broker {
    fn new(apis: &ApiRanges, nth: usize, harm: Option<Harm>) -> Self {
        let mut cluster = cluster(1, &[("left", 2), ("right", 1)]);
        cluster.node_mut(1).unwrap().apis = apis.clone();
        // One of three answers is a refusal: it must stay with its own records.
        let fault = ProduceFault::Refuse(ResponseError::PolicyViolation);
        cluster.faults().next_produce("left", 1, fault);
        Self { cluster, nth, harm, silent: None, answers: Vec::new(), flipped: None }
    }

    fn send(
        &mut self,
        node: NodeId,
        request: &[u8],
        frame: &[u8],
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let key = i16::from_be_bytes([request[0], request[1]]);
        if self.silent == Some(node) {
            if key != ApiKey::ApiVersions as i16 {
                return ControlFlow::Continue(());
            }
            self.silent = None; // a new connection
        }
        let own = self.answers.len() == self.nth;
        self.answers.push(frame.len());
        let Some(harm) = self.harm.as_ref().filter(|_| own) else {
            out.extend_from_slice(frame);
            return ControlFlow::Continue(());
        };
        match harm {
            Harm::Cut(at) => {
                out.extend_from_slice(&frame[..*at]);
                ControlFlow::Break(())
            }
            Harm::Stall(at) => {
                self.silent = Some(node);
                out.extend_from_slice(&frame[..*at]);
                ControlFlow::Continue(())
            }
            Harm::Flip(places) => {
                let start = out.len();
                out.extend_from_slice(frame);
                places.iter().for_each(|(at, mask)| out[start + at] ^= mask);
                if key == ApiKey::Produce as i16 {
                    let version = i16::from_be_bytes([request[2], request[3]]);
                    self.flipped = Some((version, out[start + 4..].to_vec()));
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// Where a value is in a partition's log, if it is.
    fn stored(&self, topic: &str, partition: i32, value: &[u8]) -> Vec<i64> {
        let records = self.cluster.records(topic, partition, 0, usize::MAX).unwrap();
        let own = records.iter().filter(|record| record.value.as_deref() == Some(value));
        own.map(|record| record.offset).collect()
    }

    /// What the flipped response says of a partition, read by another decoder: error and base
    /// offset, if it speaks of it once.
    fn flipped_meaning(&self, topic: &str, partition: i32) -> Option<(i16, i64)> {
        let (version, bytes) = self.flipped.as_ref()?;
        let answers = produce_answers(bytes, *version)?;
        let id = self.cluster.topics().find(|(name, ..)| *name == topic)?.1;
        let name = if *version >= 13 { id.as_bytes() } else { topic.as_bytes() };
        let mut own = answers.iter().filter(|a| a.topic == name && a.partition == partition);
        let answer = own.next()?;
        own.next().is_none().then_some((answer.error, answer.base_offset))
    }
}

impl Server for Broker {
    fn answer(
        &mut self,
        node: NodeId,
        request: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> ControlFlow<()> {
        let mut frame = Vec::new();
        self.cluster.answer(node, request, now, &mut frame)?;
        if frame.is_empty() {
            ControlFlow::Continue(())
        } else {
            self.send(node, request, &frame, out)
        }
    }
}

type Outcome = Result<RecordMetadata, DeliveryError>;

/// Sends the records through a broker that does `harm`; returns the sizes of its answers.
fn attempt(apis: &ApiRanges, nth: usize, harm: Option<Harm>) -> Vec<usize> {
    let mut world = World::new(config(), Broker::new(apis, nth, harm));
    let deliveries: Vec<_> = (0..PARTITIONS.len() * RECORDS).map(|n| send(&mut world, n)).collect();
    let producer = world.producer.clone();
    world.run(producer.flush(), LIMIT).expect("flush hangs");
    for (number, delivery) in deliveries.iter().enumerate() {
        if let Ok(delivery) = delivery {
            let outcome = delivery.try_get().expect("a record has no outcome after flush");
            allocation_counter::opt_out(|| check(&world.server(), number, &outcome));
        }
    }
    world.run(producer.close(Duration::from_secs(1)), LIMIT).expect("close hangs");
    let metrics = producer.metrics();
    assert_eq!(metrics.buffer_available_bytes, metrics.buffer_total_bytes, "memory was kept");
    world.server().answers.clone()
}

fn send(world: &mut World<Broker>, number: usize) -> Result<Delivery<Simulated>, SendError> {
    let (topic, partition) = PARTITIONS[number % PARTITIONS.len()];
    let value = value(number);
    let record = Record::new(value.as_bytes()).partition(partition);
    let producer = world.producer.clone();
    world.run(producer.send(topic, record), LIMIT).expect("send hangs")
}

fn value(number: usize) -> String {
    format!("record {number}")
}

/// The outcome is true, or what the flipped bytes really say of this record.
fn check(broker: &Broker, number: usize, outcome: &Outcome) {
    let (topic, partition) = PARTITIONS[number % PARTITIONS.len()];
    let stored = broker.stored(topic, partition, value(number).as_bytes());
    let meaning = broker.flipped_meaning(topic, partition);
    let truth = || format!("record {number}: {outcome:?}, stored at {stored:?}, told {meaning:?}");
    match outcome {
        Ok(metadata) => {
            assert_eq!(metadata.partition, partition, "{}", truth());
            let in_batch = (number / PARTITIONS.len()) as i64;
            let told = match meaning {
                Some((0, base)) if base >= 0 => metadata.offset == base.checked_add(in_batch),
                Some((0 | 46, _)) => metadata.offset.is_none(), // DUPLICATE_SEQUENCE_NUMBER
                _ => false,
            };
            let exact = metadata.offset.is_some_and(|offset| stored.contains(&offset));
            assert!(exact || told, "{}", truth());
        }
        Err(error) => {
            let told = meaning.is_some_and(|(code, _)| code != 0);
            assert!(stored.is_empty() || error.written != Written::No || told, "{}", truth());
        }
    }
}

/// Every cut and every single flip of every answer in an undisturbed run, and every number that
/// may be in it as large as it can be.
fn exhaustive(answers: &[usize]) -> VecDeque<(usize, Harm)> {
    let mut inputs = VecDeque::new();
    for (nth, &size) in answers.iter().enumerate() {
        for at in 0..size {
            let masks = (0..8).map(|bit| 1 << bit).chain([0xff]);
            let flips = masks.map(|mask| Harm::Flip(vec![(at, mask)]));
            // Most numbers are small.
            let largest =
                |len: usize| (at..size.min(at + len)).map(|i| (i, 0xff >> (i == at) as u8));
            let numbers = [4, 8].map(|len| Harm::Flip(largest(len).collect()));
            let harms = [Harm::Cut(at), Harm::Stall(at)].into_iter().chain(flips).chain(numbers);
            inputs.extend(harms.map(|harm| (nth, harm)));
        }
    }
    inputs
}

/// Several bytes of one answer changed, decided by `seed`.
fn random(answers: &[usize], seed: u64) -> (usize, Harm) {
    let mut state = seed;
    let mut below = |bound: usize| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    };
    let nth = below(answers.len());
    let count = 2 + below(6);
    let places = (0..count).map(|_| (below(answers[nth]), 1 + below(255) as u8)).collect();
    (nth, Harm::Flip(places))
}

/// Tries `count` inputs and more if it takes more to try them all; returns how many.
fn damage(name: &str, apis: &ApiRanges, count: u64) -> u64 {
    let answers = attempt(apis, usize::MAX, None);
    let mut inputs = exhaustive(&answers);
    let count = count.max(inputs.len() as u64);
    let mut progress = Progress::new(format!("damaging answers of {name}"));
    for number in 0..count {
        let (nth, harm) = inputs.pop_front().unwrap_or_else(|| random(&answers, number));
        let input = format!("answer {nth} of {name}, {harm:?}");
        let mut outcome = Ok(Vec::new());
        let run = || outcome = catch_unwind(AssertUnwindSafe(|| attempt(apis, nth, Some(harm))));
        let memory = allocation_counter::measure(run);
        assert!(outcome.is_ok(), "this input was too much: {input}");
        assert!(memory.bytes_max < MEMORY_MAX, "{} bytes for {input}", memory.bytes_max);
        progress.tick(|| format!("{number} of {count} inputs"));
    }
    count
}

#[test]
fn damaged_answers_are_errors_or_mean_something_else() {
    let each = budget::get("damage.inputs") / 2;
    let current = damage("a current broker", &ApiRanges::current(), each);
    let oldest = damage("a broker 2.1", &ApiRanges::kafka_2_1(), each);
    println!("full: {} damaged responses, none took effect on another record", current + oldest);
}

/// A size prefix of 2 GiB is refused as it is read; the buffer does not grow for it.
#[test]
fn a_size_of_2_gib_allocates_nothing() {
    struct Huge;
    impl Server for Huge {
        fn answer(
            &mut self,
            _: NodeId,
            _: &[u8],
            _: Duration,
            out: &mut Vec<u8>,
        ) -> ControlFlow<()> {
            out.extend_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
            ControlFlow::Continue(())
        }
    }
    let mut world = World::new(config(), Huge);
    let producer = world.producer.clone();
    let mut error = None;
    let memory = allocation_counter::measure(|| {
        let outcome = world.run(producer.send("any", Record::new(b"x")), LIMIT);
        error = outcome.expect("send hangs").err();
    });
    let text = error.expect("there is no topic").to_string();
    assert!(
        text.ends_with(
            "node-1:9092: response size 2147483647 is above the limit of 104857600 bytes: \
             this is probably not a Kafka broker"
        ),
        "{text}"
    );
    assert!(memory.bytes_max < 64 << 10, "{} bytes", memory.bytes_max);
}
