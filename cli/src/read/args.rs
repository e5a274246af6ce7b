//! Flags of `ottla read`.

use std::str::FromStr;

use clap::{Args, ValueEnum, value_parser};

use super::topic::Range;
use crate::args::ClientArgs;
use crate::escape::Delimiter;
use crate::topic_name;

/// Flags of `ottla read`.
#[derive(Args, Debug)]
#[command(after_help = READ_HELP)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) client: ClientArgs,

    /// The topic to read.
    #[arg(short = 't', long, value_parser = topic_name::parse)]
    pub(crate) topic: String,

    /// Read only this partition.
    #[arg(short = 'p', long, value_name = "N", value_parser = value_parser!(i32).range(0..))]
    pub(crate) partition: Option<i32>,

    /// Where to begin in each partition: earliest, an offset, or -N for the last N offsets.
    #[arg(
        short = 'o',
        long,
        value_name = "OFFSET",
        default_value = "earliest",
        allow_hyphen_values = true
    )]
    pub(crate) offset: Begin,

    /// Stop after so many records.
    #[arg(short = 'c', long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Whether to read records of transactions that are open or were aborted.
    #[arg(long, value_name = "LEVEL", default_value = "read_uncommitted")]
    pub(crate) isolation_level: Isolation,

    /// Print the key and this before the value.
    #[arg(short = 'K', long = "key-delimiter", value_name = "DELIM", conflicts_with = "json")]
    pub(crate) key_delimiter: Option<Delimiter>,

    /// Print this after each record.
    #[arg(short = 'D', long = "delimiter", value_name = "DELIM", default_value = "\\n")]
    pub(crate) delimiter: Delimiter,

    /// Print each record as a JSON object on a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where reading begins in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begin {
    /// With the first record that is still there.
    Earliest,
    /// With this offset.
    At(i64),
    /// So many offsets before the end.
    Last(i64),
}

impl Begin {
    /// What of a partition is read.
    pub(crate) fn within(self, Range { first, end }: Range) -> Range {
        let begin = match self {
            Self::Earliest => first,
            Self::At(offset) => offset,
            Self::Last(count) => end.saturating_sub(count),
        };
        Range { first: begin.max(first), end }
    }
}

impl FromStr for Begin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse().ok().filter(|number| *number >= 0);
        let begin = match (text, text.strip_prefix('-')) {
            ("earliest" | "beginning", _) => Some(Self::Earliest),
            (_, Some(digits)) => number(digits).map(Self::Last),
            (digits, None) => number(digits).map(Self::At),
        };
        begin.ok_or("expected earliest, an offset, or -N for the last N")
    }
}

/// What of transactions is read, by Kafka's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Isolation {
    /// Everything that is stored.
    ReadUncommitted,
    /// Only what was committed, up to the first transaction that is open.
    ReadCommitted,
}

const READ_HELP: &str = "\
Reads every partition up to the end it has at the start, then exits. A null key
or value prints as nothing, or as null with --json, where bytes that aren't UTF-8 are base64 text in
key_base64 or value_base64.

Example:
  ottla read -b localhost:9092 -t users -K :
  ottla read -b localhost:9092 -t users -p 0 -o -10 --json";
