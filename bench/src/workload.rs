//! What is measured.

use crate::client::{Client, ONE_THREAD, OTTLA, Program};

/// Where the records go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// Brokers that discard what they get, the last of which may answer late.
    Sink { nodes: u16, late_ms: u16 },
    /// Apache Kafka, one node.
    Kafka,
}

/// How they are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// As fast as they go.
    Flood,
    /// One at a time, each awaited.
    Await,
    /// So many a second.
    Pace { rate: u64 },
}

/// Who takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Field {
    Native,
    /// Native clients, without the limits and those of one thread.
    Clients,
    /// Those, and the codec alone.
    Codecs,
    /// The codec alone and ottla with and without it.
    Beside,
    /// In Node, one record a call, or many.
    Node(&'static str),
}

/// One table.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    /// For `--only` and JSON.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) field: Field,
    pub(crate) target: Target,
    pub(crate) mode: Mode,
    pub(crate) record_bytes: u64,
    pub(crate) compression: &'static str,
    pub(crate) partitions: u32,
    pub(crate) threads: u32,
    /// About how long a run takes.
    pub(crate) seconds: f64,
    /// Rounds, where the usual number does not do.
    pub(crate) rounds: Option<u32>,
    /// Whether `--quick` measures it too.
    pub(crate) quick: bool,
}

/// A batch, for all clients.
pub(crate) const BATCH_BYTES: u64 = 64 << 10;
/// What may be on its way, for all clients.
pub(crate) const BUFFER_BYTES: u64 = 32 << 20;

const SINK: Target = Target::Sink { nodes: 1, late_ms: 0 };
const THREE: Target = Target::Sink { nodes: 3, late_ms: 0 };
const ONE_LATE: Target = Target::Sink { nodes: 3, late_ms: 200 };
const BASE: Workload = Workload {
    id: "",
    title: "",
    field: Field::Native,
    target: SINK,
    mode: Mode::Flood,
    record_bytes: 100,
    compression: "none",
    partitions: 6,
    threads: 1,
    seconds: 1.5,
    rounds: None,
    quick: false,
};
const CODEC: Workload = Workload { field: Field::Codecs, ..BASE };
/// What is not the codec's is the difference of two large figures: many rounds, of nothing else.
const BESIDE: Workload = Workload { field: Field::Beside, seconds: 1.0, rounds: Some(15), ..BASE };
const SHAPE: Workload = Workload { field: Field::Clients, ..BASE };
const PACED: Workload =
    Workload { field: Field::Clients, mode: Mode::Pace { rate: 400_000 }, seconds: 6.0, ..BASE };
const NODE: Workload = Workload { seconds: 2.0, ..BASE };

/// All workloads, in the order of the report.
fn all() -> Vec<Workload> {
    [codecs(), beside_codecs(), shapes(), brokers(), in_node()].concat()
}

/// The sink, both sizes, all codecs.
fn codecs() -> Vec<Workload> {
    vec![
        Workload { id: "100-none", title: "Sink, 100 B, no compression", quick: true, ..BASE },
        Workload {
            id: "1000-none",
            title: "Sink, 1 KB, no compression",
            record_bytes: 1000,
            // Held against limits that are near.
            rounds: Some(7),
            quick: true,
            ..BASE
        },
        Workload {
            id: "100-lz4",
            title: "Sink, 100 B, lz4",
            compression: "lz4",
            quick: true,
            ..CODEC
        },
        Workload {
            id: "1000-lz4",
            title: "Sink, 1 KB, lz4",
            compression: "lz4",
            record_bytes: 1000,
            ..CODEC
        },
        Workload { id: "100-zstd", title: "Sink, 100 B, zstd", compression: "zstd", ..CODEC },
        Workload {
            id: "1000-zstd",
            title: "Sink, 1 KB, zstd",
            compression: "zstd",
            record_bytes: 1000,
            ..CODEC
        },
    ]
}

/// What ottla takes beside the codec.
fn beside_codecs() -> Vec<Workload> {
    vec![
        Workload {
            id: "beside-100-lz4",
            title: "Beside the codec: 100 B, lz4",
            compression: "lz4",
            ..BESIDE
        },
        Workload {
            id: "beside-1000-lz4",
            title: "Beside the codec: 1 KB, lz4",
            compression: "lz4",
            record_bytes: 1000,
            ..BESIDE
        },
        Workload {
            id: "beside-100-zstd",
            title: "Beside the codec: 100 B, zstd",
            compression: "zstd",
            ..BESIDE
        },
        Workload {
            id: "beside-1000-zstd",
            title: "Beside the codec: 1 KB, zstd",
            compression: "zstd",
            record_bytes: 1000,
            ..BESIDE
        },
    ]
}

/// The sink with larger records, more partitions, more threads.
fn shapes() -> Vec<Workload> {
    vec![
        Workload {
            id: "64k",
            title: "Sink, 64 KB records, no compression",
            record_bytes: 64_000,
            ..BASE
        },
        Workload {
            id: "600-partitions",
            title: "Sink, 100 B, 600 partitions",
            partitions: 600,
            ..SHAPE
        },
        Workload { id: "2-threads", title: "Sink, 100 B, 2 sending threads", threads: 2, ..SHAPE },
        Workload { id: "8-threads", title: "Sink, 100 B, 8 sending threads", threads: 8, ..SHAPE },
    ]
}

/// Several brokers, and the real one.
fn brokers() -> Vec<Workload> {
    vec![
        Workload {
            id: "paced",
            title: "Three brokers, 400,000 records a second",
            target: THREE,
            ..PACED
        },
        Workload {
            id: "one-late",
            title: "One of three answers 200 ms late, 400,000 records a second",
            target: ONE_LATE,
            ..PACED
        },
        Workload {
            id: "kafka-100",
            title: "Real Kafka, 100 B, no compression",
            field: Field::Clients,
            target: Target::Kafka,
            ..BASE
        },
        Workload {
            id: "latency",
            title: "Real Kafka, one record at a time, linger 0",
            field: Field::Clients,
            target: Target::Kafka,
            mode: Mode::Await,
            rounds: Some(10),
            quick: true,
            ..BASE
        },
    ]
}

fn in_node() -> Vec<Workload> {
    vec![
        Workload {
            id: "node-100",
            title: "Node, 100 B, one record a call",
            field: Field::Node("single"),
            quick: true,
            ..NODE
        },
        Workload {
            id: "node-100-batches",
            title: "Node, 100 B, 1,000 records a call",
            field: Field::Node("batches"),
            ..NODE
        },
        Workload {
            id: "node-1000-batches",
            title: "Node, 1 KB, 1,000 records a call",
            field: Field::Node("batches"),
            record_bytes: 1000,
            ..NODE
        },
    ]
}

/// Those to measure now.
pub(crate) fn plan(quick: bool, only: &[String]) -> Vec<Workload> {
    let all = all();
    let means = |w: &Workload| only.iter().any(|name| w.id.contains(name.as_str()));
    let named: Vec<Workload> = all.iter().filter(|w| means(w)).cloned().collect();
    let only_instructions = only.iter().any(|name| name == "instructions");
    let mut plan = if !named.is_empty() || only_instructions {
        named
    } else {
        all.into_iter().filter(|w| w.quick || !quick).collect()
    };
    if quick {
        plan.iter_mut().for_each(Workload::shorten);
    }
    plan
}

impl Workload {
    fn shorten(&mut self) {
        self.seconds = self.seconds.min(0.6);
        self.rounds = self.rounds.map(|rounds| rounds.min(3));
    }

    /// Whether a client takes part.
    pub(crate) fn includes(&self, client: Client) -> bool {
        match self.field {
            Field::Beside => {
                !client.sends() || client.is_plain() || [OTTLA, ONE_THREAD].contains(&client.name)
            }
            _ if client.is_plain() => false,
            Field::Native => !client.is_node() && client.sends(),
            _ if client.has_one_thread() => false,
            Field::Clients => !client.is_node() && !client.is_limit(),
            Field::Codecs => !client.is_node() && (!client.is_limit() || !client.sends()),
            Field::Node(way) => client.is_node() && client.way == way,
        }
    }

    /// As `client` sends it.
    pub(crate) fn of(&self, client: Client) -> Self {
        let compression = if client.is_plain() { "none" } else { self.compression };
        Self { compression, ..self.clone() }
    }

    /// How many records a client is given, and how many before those.
    pub(crate) fn records(&self, client: Client) -> (u64, u64) {
        match self.mode {
            Mode::Await => (2_000, if client.program == Program::Java { 4_000 } else { 500 }),
            Mode::Pace { rate } => ((rate as f64 * self.seconds) as u64, rate / 2),
            Mode::Flood => {
                let rate = self.rate(client);
                // As many seconds of warm-up with large records as with small ones.
                let warmup = client.warmup_thousands * rate / client.thousands.0;
                ((1_000.0 * rate as f64 * self.seconds) as u64, warmup * 1_000)
            }
        }
    }

    /// In thousands a second: between and beyond the two sizes, a record costs a part of its own
    /// and one for its bytes.
    fn rate(&self, client: Client) -> u64 {
        let (small, large) = client.thousands;
        let nanos = |thousands: u64| 1e6 / thousands as f64;
        let per_byte = ((nanos(large) - nanos(small)) / 900.0).max(0.0);
        let codec = match self.compression {
            "none" => 1.0,
            "lz4" => 1.5,
            _ => 3.0,
        };
        let nanos = nanos(small) + per_byte * (self.record_bytes as f64 - 100.0);
        ((1e6 / nanos / codec) as u64).max(1)
    }
}
