//! Flags of `ottla check`.

use clap::Args;

use crate::args::ClientArgs;
use crate::topic_name;

/// Flags of `ottla check`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,

    /// The topic to check.
    #[arg(short = 't', long, value_parser = topic_name::parse)]
    pub(crate) topic: String,

    /// How many brokers may be lost at once, disks included.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) failures: u32,

    /// Print the result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

const HELP: &str = "\
Looks at the producer's acks, and at the topic's replication factor, min.insync.replicas and
unclean.leader.election.enable, and says what would lose acknowledged records when, and what to set.
What the producer is configured with is given as to 'ottla produce'. Reading a topic's settings takes
the permission DescribeConfigs on it. Kafka acknowledges before it has written to disk: what all
replicas lose at once, as by one power failure for all, no setting brings back.

Examples:
  ottla check -b localhost:9092 -t orders
  ottla check -b localhost:9092 -t orders -X acks=1 -X enable.idempotence=false --json
  ottla check -F client.properties -t orders --failures 2

Exit status: 0 only if acknowledged records survive the loss of N brokers and records are taken
meanwhile; 1 if not, or if that can't be known; 2 wrong usage.";
