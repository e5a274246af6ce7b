//! Who takes part, and how its program is started.

use std::fmt;

/// A client, used in one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    /// In tables and on the command line.
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// For programs that can use their client in several ways.
    pub(crate) way: &'static str,
    /// About how many thousand records of 100 and of 1,000 bytes it sends a second: that sets how
    /// many it is given, never what is reported.
    pub(crate) thousands: (u64, u64),
    /// Records before the measured ones at full speed, in thousands: what a runtime compiles while
    /// it runs has to be warm.
    pub(crate) warmup_thousands: u64,
}

/// What kind of program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    /// A package of the Rust workspace in `clients`.
    Rust(&'static str),
    Go,
    Java,
    /// A module beside `clients/node/main.mjs`.
    Node(&'static str),
}

impl Client {
    const fn new(
        name: &'static str,
        program: Program,
        way: &'static str,
        thousands: (u64, u64),
        warmup_thousands: u64,
    ) -> Self {
        Self { name, program, way, thousands, warmup_thousands }
    }

    /// Whether it is one of the limits, which no client reaches.
    pub(crate) fn is_limit(self) -> bool {
        self.program == Program::Rust("bench-socket") || !self.sends()
    }

    /// Whether its records go to a broker.
    pub(crate) fn sends(self) -> bool {
        self.name != CODEC
    }

    /// Whether it can be used by one thread only.
    pub(crate) fn has_one_thread(self) -> bool {
        [ONE_THREAD, TOGETHER].contains(&self.name)
    }

    pub(crate) fn is_node(self) -> bool {
        matches!(self.program, Program::Node(_))
    }

    /// Whether it sends without compression whatever the others do.
    pub(crate) fn is_plain(self) -> bool {
        [PLAIN, ONE_THREAD_PLAIN].contains(&self.name)
    }

    /// Whether callgrind can count its instructions.
    pub(crate) fn is_countable(self) -> bool {
        matches!(self.program, Program::Rust(_)) && !self.is_limit() && !self.is_plain()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(crate) const OTTLA: &str = "ottla";
pub(crate) const PLAIN: &str = "ottla, uncompressed";
pub(crate) const ONE_THREAD: &str = "ottla, one thread";
pub(crate) const ONE_THREAD_PLAIN: &str = "ottla, one thread, uncompressed";
pub(crate) const TOGETHER: &str = "ottla, one thread, 64 a call";
pub(crate) const BARE: &str = "bare socket";
pub(crate) const COPY: &str = "copy, CRC, write";
pub(crate) const FOLD: &str = "copy, CRC as ottla, write";
pub(crate) const KEEP: &str = "copy, CRC as ottla, write, keep";
pub(crate) const CODEC: &str = "the codec alone";
pub(crate) const BY_HAND: &str = "rskafka, batches by hand";

/// All of them.
pub(crate) const CLIENTS: [Client; 23] = [
    Client::new(BARE, Program::Rust("bench-socket"), "bare", (12_000, 2_000), 50),
    Client::new(COPY, Program::Rust("bench-socket"), "copy", (10_000, 1_800), 50),
    Client::new(FOLD, Program::Rust("bench-socket"), "fold", (10_000, 1_800), 50),
    Client::new(KEEP, Program::Rust("bench-socket"), "keep", (10_000, 1_800), 50),
    Client::new(CODEC, Program::Rust("bench-codec"), "", (4_000, 1_200), 50),
    Client::new(OTTLA, Program::Rust("bench-ottla"), "", (4_000, 1_200), 50),
    Client::new(PLAIN, Program::Rust("bench-ottla"), "", (4_000, 1_200), 50),
    Client::new(ONE_THREAD, Program::Rust("bench-ottla"), "each", (4_000, 1_200), 50),
    Client::new(ONE_THREAD_PLAIN, Program::Rust("bench-ottla"), "each", (4_000, 1_200), 50),
    Client::new(TOGETHER, Program::Rust("bench-ottla"), "together", (6_000, 1_400), 50),
    Client::new("Java", Program::Java, "", (1_600, 700), 6_000),
    Client::new("librdkafka", Program::Rust("bench-librdkafka"), "", (1_200, 390), 50),
    Client::new("franz-go", Program::Go, "", (2_400, 1_100), 500),
    Client::new("Confluent Rust", Program::Rust("bench-confluent"), "", (1_300, 750), 50),
    Client::new(BY_HAND, Program::Rust("bench-rskafka"), "batches", (3_500, 1_000), 50),
    Client::new("rskafka", Program::Rust("bench-rskafka"), "records", (1_100, 440), 50),
    Client::new("krafka", Program::Rust("bench-krafka"), "", (600, 400), 50),
    Client::new("ottla (Node)", Program::Node("ottla"), "single", (300, 120), 200),
    Client::new("kafkajs", Program::Node("kafkajs"), "single", (6, 6), 10),
    Client::new("@platformatic/kafka", Program::Node("platformatic"), "single", (6, 6), 10),
    Client::new("ottla (Node), by hand", Program::Node("ottla"), "batches", (500, 200), 300),
    Client::new("kafkajs, by hand", Program::Node("kafkajs"), "batches", (140, 60), 150),
    Client::new(
        "@platformatic/kafka, by hand",
        Program::Node("platformatic"),
        "batches",
        (300, 150),
        300,
    ),
];

/// Those that one of `names` means; all if none of them means a client.
pub(crate) fn chosen(names: &[String]) -> Vec<Client> {
    let means = |client: &Client| names.iter().any(|name| client.name.contains(name.as_str()));
    let chosen: Vec<Client> = CLIENTS.into_iter().filter(means).collect();
    if chosen.is_empty() { CLIENTS.to_vec() } else { chosen }
}
