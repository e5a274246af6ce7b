//! `ottla read`: a topic from its beginning to its end, for looking at what was produced.
//!
//! | file | job |
//! |---|---|
//! | [`args`] | its flags |
//! | [`connection`] | requests and responses |
//! | [`topic`] | partitions, offsets, fetching |
//! | [`batches`] | from fetched bytes to records |
//! | [`print`](mod@print) | records as text or JSON |

mod args;
pub(crate) mod batches;
mod connection;
mod print;
pub(crate) mod topic;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

pub(crate) use args::ReadArgs;
pub(crate) use batches::{Reader, Stored};
pub(crate) use topic::Topic;

use crate::client::Properties;
use crate::failure::Failure;
use crate::stdout;
use print::Printer;
pub(crate) use print::to_json;

/// Prints all records, partition by partition.
pub(crate) fn run(args: &ReadArgs) -> Result<ExitCode, Failure> {
    let mut topic = Topic::open(Properties::of(&args.client)?.ask()?, &args.topic)?;
    let mut printer = Printer::new(args, BufWriter::new(io::stdout().lock()));
    let read = all(&mut topic, &mut printer);
    match (printer.reader_left(), read) {
        (true, _) => Ok(ExitCode::SUCCESS),
        (false, Err(failure)) => Err(failure),
        (false, Ok(())) => {
            stdout::check(printer.into_inner().flush())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Shows `reader` every record that is in `topic` now.
pub(crate) fn all(topic: &mut Topic, reader: &mut impl Reader) -> Result<(), Failure> {
    for partition in topic.partitions() {
        let range = topic.range(partition)?;
        topic.fetch(partition, range, |bytes| {
            batches::read(partition, range.first, bytes, reader)
        })?;
    }
    Ok(())
}
