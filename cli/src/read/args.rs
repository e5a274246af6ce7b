//! Flags of `ottla read`.

use clap::Args;

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

const READ_HELP: &str = "\
Reads every partition from its earliest offset to the end it has at the start, then exits. A null key
or value prints as nothing, or as null with --json, where bytes that aren't UTF-8 are base64 text in
key_base64 or value_base64.

Example:
  ottla read -b localhost:9092 -t users -K :";
