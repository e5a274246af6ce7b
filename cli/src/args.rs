//! The command line: every flag of every subcommand, and nothing that acts on them.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};

use crate::check::CheckArgs;
use crate::escape::Delimiter;
use crate::gateway::{ListenAt, Profile};
use crate::header::HeaderArg;
#[cfg(feature = "broker")]
use crate::read::ReadArgs;
use crate::topic_name;

/// Produce to Apache Kafka, measure it, and try it without a cluster.
#[derive(Parser, Debug)]
#[command(name = "ottla", version, after_help = AFTER_HELP, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  ottla quickstart                                    see it work, without a cluster
  ottla produce -b localhost:9092 -t logs access.log  one record per line of a file
  ottla dev --port 9092                               a development broker until Ctrl-C

Exit status: 0 everything was acknowledged, 1 something failed, 2 wrong usage, 130 interrupted.";

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Produce records from files or standard input, with kcat's flags.
    Produce(ProduceArgs),
    /// Measure throughput and latency, with the flags and output of kafka-producer-perf-test.
    Perf(PerfArgs),
    /// Say whether a topic keeps what it acknowledges, and if not, what to set.
    Check(CheckArgs),
    /// Read a topic from its first record to its end and print it.
    #[cfg(feature = "broker")]
    Read(ReadArgs),
    /// Run a development broker on this machine until Ctrl-C. It is not a Kafka.
    #[cfg(feature = "broker")]
    Dev(DevArgs),
    /// Run the bridge that lets browsers and edge workers produce, until Ctrl-C.
    #[cfg(feature = "bridge")]
    Bridge(BridgeArgs),
    /// Start a development broker, produce a file to it, read it back and show what was stored.
    #[cfg(feature = "broker")]
    Quickstart(QuickstartArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What every client subcommand needs to reach a cluster.
#[derive(Args, Debug, Default)]
pub(crate) struct ClientArgs {
    /// The first brokers to ask, separated by commas; the port is 9092 where it's missing.
    #[arg(
        short = 'b',
        long = "bootstrap-server",
        visible_alias = "brokers",
        value_name = "HOST:PORT,…"
    )]
    pub(crate) brokers: Option<String>,

    /// Set a configuration key of Kafka's producer; may be repeated. 'list' prints all keys.
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE")]
    pub(crate) properties: Vec<String>,

    /// Read configuration from one of Java's property files; -X wins over it.
    #[arg(short = 'F', long = "config", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// Flags of `ottla produce`.
#[derive(Args, Debug)]
#[command(after_help = PRODUCE_HELP)]
pub(crate) struct ProduceArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,

    /// The topic to produce to.
    #[arg(short = 't', long, value_parser = topic_name::parse)]
    pub(crate) topic: String,

    /// The partition; -1 lets the partitioner choose.
    #[arg(short = 'p', long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i32).range(-1..))]
    pub(crate) partition: i32,

    /// Split key from value at the first DELIM; a record without DELIM has no key.
    #[arg(short = 'K', long = "key-delimiter", value_name = "DELIM")]
    pub(crate) key_delimiter: Option<Delimiter>,

    /// Split the input into records at DELIM.
    #[arg(short = 'D', long = "delimiter", value_name = "DELIM", default_value = "\\n")]
    pub(crate) delimiter: Delimiter,

    /// The key of every record to which -K gives none.
    #[arg(short = 'k', long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// Add a header to every record; without '=' its value is null. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<HeaderArg>,

    /// Compress with none, gzip, snappy, lz4 or zstd.
    #[arg(short = 'z', long = "compression", value_name = "CODEC")]
    pub(crate) compression: Option<String>,

    /// Send an empty value (or key) that -K split off as null instead.
    #[arg(short = 'Z', long)]
    pub(crate) null: bool,

    /// Send all of the input in one transaction of this id: all of it becomes visible, or nothing.
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: Option<String>,

    /// Send each FILE whole, as one record.
    #[arg(long, conflicts_with = "lines")]
    pub(crate) whole_files: bool,

    /// Stop after this many records.
    #[arg(short = 'c', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Wait at most so long for the topic's metadata and for memory (max.block.ms).
    #[arg(short = 'm', long, value_name = "SECONDS")]
    pub(crate) max_block: Option<u32>,

    /// Copy what is sent to standard output.
    #[arg(short = 'T', long, conflicts_with = "json")]
    pub(crate) tee: bool,

    /// No progress, no summary; only errors.
    #[arg(short = 'q', long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print every failed record, warnings and metrics; twice also what happens to connections,
    /// leaders and batches.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the summary as one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,

    /// Files to read, '-' for standard input, which is also what is read without any.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<PathBuf>,

    /// Fit into a few MiB of memory: small buffers, and 1 MiB of records that wait.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<Profile>,

    /// Take records from whoever connects, until Ctrl-C, in place of files.
    #[arg(long, value_name = "tcp:HOST:PORT|unix:PATH", conflicts_with_all = ["files", "whole_files"])]
    pub(crate) listen: Option<ListenAt>,

    /// Accepted for kcat's sake: files are always split into lines.
    #[arg(short = 'l', hide = true)]
    pub(crate) lines: bool,

    /// Accepted for kcat's sake: this command always produces.
    #[arg(short = 'P', hide = true)]
    pub(crate) producer: bool,

    /// Accepted for kcat's sake: the command always ends at the end of its input.
    #[arg(short = 'e', hide = true)]
    pub(crate) exit: bool,
}

const PRODUCE_HELP: &str = "\
DELIM is any text with the escapes \\n \\r \\t \\\\ \\0 and \\xNN. Empty records are skipped, as in kcat.
Unlike kcat, a FILE is read record by record; --whole-files sends each as one record.

Examples:
  ottla produce -b localhost:9092 -t users -K : users.txt
  tail -f app.log | ottla produce -b k1:9092,k2:9092 -t app -z zstd
  ottla produce -b localhost:9092 -t raw -D '\\x00' -X acks=1 -X enable.idempotence=false dump.bin
  ottla produce -b localhost:9092 -t users -K : -Z --json tombstones.txt
  ottla produce -b localhost:9092 -t meter --profile small /dev/ttyUSB0
  ottla produce -b localhost:9092 -t bills --transactional-id nightly bills.csv

Exit status: 0 only if every record was acknowledged; 1 with the input line and the reason of each
record that was not; 2 wrong usage; 130 interrupted, after what had been read was delivered.";

/// Flags of `ottla perf`.
#[derive(Args, Debug)]
#[command(after_help = PERF_HELP)]
#[command(group = clap::ArgGroup::new("payload").required(true).args(["record_size", "payload_file", "payload_monotonic"]))]
pub(crate) struct PerfArgs {
    /// The topic to produce to.
    #[arg(long, value_parser = topic_name::parse)]
    pub(crate) topic: String,

    /// How many records to send, over all threads.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) num_records: u64,

    /// Random payloads of this many bytes.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=268_435_456))]
    pub(crate) record_size: Option<u32>,

    /// Payloads picked at random from this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) payload_file: Option<PathBuf>,

    /// What separates the payloads of the file.
    #[arg(long, value_name = "DELIM", default_value = "\\n")]
    pub(crate) payload_delimiter: Delimiter,

    /// Payloads 0, 1, 2, … in decimal.
    #[arg(long)]
    pub(crate) payload_monotonic: bool,

    /// Records per second to aim at, over all threads; -1 for as fast as possible.
    #[arg(long, value_name = "RATE", default_value_t = -1.0, allow_negative_numbers = true)]
    pub(crate) throughput: f64,

    /// The first brokers to ask; wins over bootstrap.servers from elsewhere.
    #[arg(long, visible_alias = "brokers", short = 'b', value_name = "HOST:PORT,…")]
    pub(crate) bootstrap_server: Option<String>,

    /// Configuration of the producer; wins over --command-config. 'list' prints all keys.
    #[arg(long, visible_alias = "producer-props", short = 'X', num_args = 1.., value_name = "KEY=VALUE")]
    pub(crate) command_property: Vec<String>,

    /// One of Java's property files.
    #[arg(long, visible_alias = "producer.config", short = 'F', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) command_config: Option<PathBuf>,

    /// Send in transactions of this id, of 3 s each if --transaction-duration-ms says nothing else.
    #[arg(long, value_name = "ID")]
    pub(crate) transactional_id: Option<String>,

    /// Send in transactions, each committed after about so long.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) transaction_duration_ms: Option<u64>,

    /// Print the producer's metrics at the end.
    #[arg(long)]
    pub(crate) print_metrics: bool,

    /// The first records to leave out of an extra line of steady-state results.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warmup_records: u64,

    /// How often to print what was sent since the last time.
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) reporting_interval: u64,

    /// Threads that send through one producer.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) threads: u32,

    /// Send a record only when the one before is acknowledged: measures latency.
    #[arg(long)]
    pub(crate) await_each: bool,

    /// Print one JSON object instead of Kafka's lines.
    #[arg(long)]
    pub(crate) json: bool,
}

impl PerfArgs {
    /// How long each transaction takes, if there are any.
    pub(crate) fn transaction_duration(&self) -> Option<Duration> {
        let by_default = || self.transactional_id.is_some().then_some(3000);
        let millis = self.transaction_duration_ms.or_else(by_default);
        millis.map(Duration::from_millis)
    }
}

const PERF_HELP: &str = "\
Latency runs from the call that sends a record to the moment its acknowledgement is seen. As fast as
possible, 32 records share one look at the clock and acknowledgements are looked for every 200 µs;
with --throughput or --await-each both are exact.

Examples:
  ottla perf --topic t --num-records 1000000 --record-size 100 --throughput -1 \\
      --bootstrap-server localhost:9092 --command-property linger.ms=5 batch.size=65536
  ottla perf --topic t --num-records 1000 --record-size 100 --throughput -1 --await-each \\
      --bootstrap-server localhost:9092 --json";

/// Flags of `ottla dev`.
#[cfg(feature = "broker")]
#[derive(Args, Debug)]
pub(crate) struct DevArgs {
    /// The port of the first node; the others take the next ones. 0 picks free ports.
    #[arg(long, default_value_t = 9092)]
    pub(crate) port: u16,

    /// Keep the topics in this folder; without it they are gone at the end.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,

    /// Partitions of a topic created on first use.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub(crate) partitions: i32,

    /// Nodes of the cluster, all in this process: 1 to 3.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3))]
    pub(crate) nodes: u16,

    /// Count records and throw them away, for measuring a producer.
    #[arg(long, conflicts_with = "data")]
    pub(crate) sink: bool,

    /// Run a bridge in front of it, without authentication, for pages of this machine; and serve a
    /// page to try it.
    #[arg(long)]
    pub(crate) bridge: bool,

    /// The bridge's port; 0 picks a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9080, requires = "bridge")]
    pub(crate) bridge_port: u16,

    /// The port of the bridge's demo page; 0 picks a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9081, requires = "bridge")]
    pub(crate) demo_port: u16,
}

/// Flags of `ottla bridge`.
#[cfg(feature = "bridge")]
#[derive(Args, Debug)]
#[command(after_help = BRIDGE_HELP)]
pub(crate) struct BridgeArgs {
    /// The configuration, in TOML; bridge/README.md describes its keys.
    #[arg(short = 'F', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,

    /// Write log lines as JSON objects.
    #[arg(long)]
    pub(crate) log_json: bool,

    /// Log more; twice for everything.
    #[arg(short = 'v', long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[cfg(feature = "bridge")]
const BRIDGE_HELP: &str = "\
Ctrl-C or SIGTERM drains: sessions are asked to come back elsewhere, and what is under way is
answered. The log goes to standard error.

Example, for development only (a file of five lines):
  [kafka]
  bootstrap = [\"localhost:9092\"]
  [auth]
  mode = \"none\"
  origins = [\"loopback\"]";

/// Flags of `ottla quickstart`.
#[cfg(feature = "broker")]
#[derive(Args, Debug)]
pub(crate) struct QuickstartArgs {
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,

    /// Lines to produce, keyed by the text before the first ':'; a sample log is written without
    /// it.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}
