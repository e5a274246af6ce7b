//! What a seed stands for: a configuration, a cluster, a network, an application and its bad luck.

use std::time::Duration;

use ottla_core::partitioner::PartitionerKind;
use ottla_core::{Acks, BrokerAddress, Codec, Compression, ProducerConfig};

use super::dice::{Dice, Stream};
use super::faults::{Fault, Targets};
use super::network::Weather;
use crate::cluster::{ApiRanges, AutoCreate, Cluster, ClusterConfig, Node, UnknownProducer};

/// The topics that the application knows.
pub(crate) const TOPICS: [&str; 3] = ["a", "b", "c"];

/// See the [module](self).
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) config: ProducerConfig,
    pub(crate) brokers: ClusterConfig,
    pub(crate) nodes: Vec<Node>,
    /// Partitions of each topic that is there from the beginning.
    pub(crate) topics: Vec<i32>,
    pub(crate) weather: Weather,
    pub(crate) tasks: u32,
    /// What each task does in turn, about so many times.
    pub(crate) steps: u32,
    /// How long the tasks take about.
    pub(crate) span: Duration,
    /// The size of the largest values.
    pub(crate) largest: u32,
    pub(crate) faults: Vec<(Duration, Fault)>,
    /// How long closing may take.
    pub(crate) close: Duration,
    /// Closes while the tasks still send.
    pub(crate) impatient: bool,
}

impl Scenario {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Stream::Scenario);
        let dice = &mut dice;
        let nodes = nodes(dice);
        let topics: Vec<i32> = (0..dice.between(1, 2)).map(|_| dice.between(1, 4) as i32).collect();
        let config = config(dice, &nodes);
        let brokers = brokers(dice, &nodes, &config);
        let span = dice.millis(20, 400) * dice.skewed(6);
        let close = if dice.percent(20) { dice.millis(0, 500) } else { Duration::from_secs(600) };
        let mut scenario = Self {
            brokers,
            nodes,
            topics,
            weather: weather(dice),
            tasks: dice.between(1, 3),
            steps: dice.between(2, 25),
            span,
            largest: if dice.percent(20) { 9000 } else { 1500 },
            faults: Vec::new(),
            close,
            impatient: dice.percent(8),
            config,
        };
        scenario.faults = scenario.choose_faults(&mut Dice::new(seed, Stream::Faults));
        let mut dice = Dice::new(seed, Stream::Transactions);
        if scenario.config.enable_idempotence && dice.percent(40) {
            scenario.use_transactions(&mut dice);
        }
        scenario
    }

    /// The same seed as one that sends in transactions, if it isn't.
    pub(crate) fn send_in_transactions(&mut self, seed: u64) {
        if self.config.transactional_id.is_none() {
            self.config.enable_idempotence = true;
            self.config.acks = Acks::All;
            self.use_transactions(&mut Dice::new(seed, Stream::Transactions));
        }
    }

    /// Sends in transactions, with more that can go wrong.
    fn use_transactions(&mut self, dice: &mut Dice) {
        self.config.transactional_id = Some("transactions".to_owned());
        self.config.resend_valid_records = false;
        self.config.transaction_timeout =
            if dice.percent(80) { Duration::from_secs(60) } else { dice.millis(200, 5000) };
        if dice.percent(80) {
            self.config.max_block = Duration::from_secs(60);
        }
        let current = self.nodes.iter().all(|node| node.apis == ApiRanges::current());
        let second = current && dice.percent(75);
        self.brokers.transaction_version = if second { 2 } else { i16::from(dice.percent(50)) };
        if dice.percent(40) {
            self.brokers.marker_delay = dice.millis(0, 80);
        }
        // What was in a topic that is deleted is neither committed nor aborted.
        self.faults.retain(|(_, fault)| !matches!(fault, Fault::RecreateTopic { .. }));
        let span = self.span.as_micros() as u32;
        for _ in 0..dice.below(4) {
            self.faults.push((dice.micros(0, span), Fault::of_transactions(dice)));
        }
    }

    fn choose_faults(&self, dice: &mut Dice) -> Vec<(Duration, Fault)> {
        let place = |(topic, count): (&&str, &i32)| -> Vec<(String, i32)> {
            (0..*count).map(|partition| ((*topic).to_owned(), partition)).collect()
        };
        let targets = Targets {
            nodes: self.nodes.iter().map(|node| node.id).collect(),
            places: TOPICS.iter().zip(&self.topics).flat_map(place).collect(),
            may_recreate: dice.percent(35),
        };
        let count = if dice.percent(10) { 0 } else { dice.skewed(5) };
        let span = self.span.as_micros() as u32;
        (0..count).map(|_| (dice.micros(0, span), Fault::random(dice, &targets))).collect()
    }

    /// The cluster at the beginning.
    pub(crate) fn cluster(&self, now: Duration) -> Cluster {
        let cluster = Cluster::new(self.brokers.clone(), self.nodes.clone(), now);
        let mut cluster = cluster.expect("a cluster in memory does no I/O");
        for (topic, partitions) in TOPICS.iter().zip(&self.topics) {
            if self.brokers.auto_create != AutoCreate::AfterFirstAnswer {
                cluster.create_topic(topic, *partitions, now).expect("a new topic");
            }
        }
        cluster
    }
}

fn nodes(dice: &mut Dice) -> Vec<Node> {
    let mixed = dice.percent(20);
    let uniform = dice.below(4);
    (1..=dice.between(1, 3) as i32)
        .map(|id| {
            let apis = match if mixed { dice.below(4) } else { uniform } {
                0 => ApiRanges::kafka_2_1(),
                1 => ApiRanges::kafka_3_9(),
                _ => ApiRanges::current(),
            };
            Node::new(id, format!("node-{id}"), 9092).with_apis(apis)
        })
        .collect()
}

fn brokers(dice: &mut Dice, nodes: &[Node], config: &ProducerConfig) -> ClusterConfig {
    let old = nodes.iter().any(|node| node.apis == ApiRanges::kafka_2_1());
    let small = (config.batch_size as u32 / 2).max(700);
    ClusterConfig {
        seed: dice.seed(),
        default_partitions: dice.between(1, 3) as i32,
        replication_factor: if dice.percent(80) { 3 } else { 1 },
        min_insync_replicas: if nodes.len() > 1 && dice.percent(40) { 2 } else { 1 },
        replication_lag: if dice.percent(50) { dice.millis(0, 50) } else { Duration::ZERO },
        auto_create: if dice.percent(20) {
            AutoCreate::AfterFirstAnswer
        } else if dice.percent(50) {
            AutoCreate::AtOnce
        } else {
            AutoCreate::Never
        },
        max_message_bytes: if dice.percent(15) {
            dice.between(small, small * 2) as usize
        } else {
            1 << 20
        },
        unknown_producer: if old { UnknownProducer::Refuse } else { UnknownProducer::Accept },
        leader_hints: dice.percent(70),
        ..ClusterConfig::default()
    }
}

fn weather(dice: &mut Dice) -> Weather {
    let most = 1 << dice.between(4, 16);
    Weather {
        latency: (most / 8, most),
        window: if dice.percent(30) { dice.between(64, 4000) as usize } else { 1 << 16 },
        chop_bits: dice.percent(25).then(|| dice.between(4, 12)),
    }
}

fn config(dice: &mut Dice, nodes: &[Node]) -> ProducerConfig {
    let mut config = ProducerConfig::default();
    let address = |node: &Node| BrokerAddress::new(node.host.clone(), node.port);
    config.bootstrap_servers = nodes.iter().map(address).collect();
    if dice.percent(20) {
        config.bootstrap_servers.insert(0, BrokerAddress::new("nowhere", 1));
    }
    config.enable_idempotence = dice.percent(70);
    if !config.enable_idempotence {
        config.acks = dice.choose(&[Acks::All, Acks::All, Acks::All, Acks::Leader, Acks::None]);
    }
    config.max_in_flight = dice.between(1, 5) as usize;
    config.retries = if dice.percent(15) { dice.between(1, 4) } else { i32::MAX as u32 };
    config.retry_backoff = dice.millis(1, 100);
    config.reconnect_backoff = dice.millis(1, 50);
    choose_memory(dice, &mut config);
    choose_times(dice, &mut config);
    choose_features(dice, &mut config);
    config
}

fn choose_memory(dice: &mut Dice, config: &mut ProducerConfig) {
    config.batch_size = match dice.below(4) {
        0 => 0,
        1 => dice.between(1, 400) as usize,
        2 => dice.between(400, 4000) as usize,
        _ => 16 << 10,
    };
    let least = config.batch_size as u32 + 1;
    config.buffer_memory = match dice.below(3) {
        0 => dice.between(least, least + 2000) as usize,
        1 => least as usize * 4 + 4000,
        _ => 1 << 20,
    };
    config.max_request_size =
        if dice.percent(30) { dice.between(800, 6000) as usize } else { 1 << 20 };
    config.batch_max_records = dice.percent(15).then(|| dice.between(1, 20));
}

fn choose_times(dice: &mut Dice, config: &mut ProducerConfig) {
    config.linger = if dice.percent(40) { Duration::ZERO } else { dice.millis(0, 50) };
    config.request_timeout = dice.millis(100, 800) * dice.skewed(5);
    let patience = dice.millis(0, 500) * dice.skewed(8);
    config.delivery_timeout = config.linger + config.request_timeout + patience;
    config.max_block = dice.millis(10, 500) * dice.skewed(6);
    config.connection_setup_timeout = dice.millis(200, 10_000);
    config.metadata_max_age = dice.millis(1000, 300_000);
    config.connections_max_idle = dice.percent(30).then(|| dice.millis(200, 10_000));
}

fn choose_features(dice: &mut Dice, config: &mut ProducerConfig) {
    let codecs = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    if dice.percent(30) {
        config.compression = Compression::from(dice.choose(&codecs));
    }
    config.adaptive_linger = dice.percent(15);
    config.resend_valid_records = config.enable_idempotence && dice.percent(40);
    config.allow_auto_create_topics = dice.percent(80);
    config.partitioner = match dice.below(8) {
        0 => PartitionerKind::RoundRobin,
        1 => PartitionerKind::Random,
        2 => PartitionerKind::Crc32,
        3 => PartitionerKind::StickyTime { interval: dice.millis(1, 300) },
        _ => PartitionerKind::BuiltIn,
    };
    config.partitioner_adaptive = dice.percent(60);
    if dice.percent(20) {
        config.partitioner_availability_timeout = dice.millis(1, 500);
    }
    config.partitioner_ignore_keys = dice.percent(15);
}
