//! `ottla read`: a topic from its beginning to its end, for looking at what was produced.
//!
//! | file | job |
//! |---|---|
//! | [`args`] | its flags |
//! | [`connection`] | requests and responses |
//! | [`topic`] | partitions, offsets, fetching |
//! | [`batches`] | from fetched bytes to records |
//! | [`aborted`] | which of them no reader of committed ones sees |
//! | [`print`](mod@print) | records as text or JSON |

mod aborted;
mod args;
pub(crate) mod batches;
mod connection;
mod print;
pub(crate) mod topic;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

pub(crate) use args::ReadArgs;
use args::{Begin, Isolation};
pub(crate) use batches::{Reader, Stored};
pub(crate) use topic::Topic;

use crate::client::Properties;
use crate::failure::Failure;
use crate::progress::counted;
use crate::stdout;
use print::Printer;
pub(crate) use print::to_json;

/// Prints all records, partition by partition.
pub(crate) fn run(args: &ReadArgs) -> Result<ExitCode, Failure> {
    let topic = Topic::open(Properties::of(&args.client)?.ask()?, &args.topic)?;
    let mut topic = topic.committed(args.isolation_level == Isolation::ReadCommitted);
    let partitions = chosen(&topic, args)?;
    let mut printer = Printer::new(args, BufWriter::new(io::stdout().lock()));
    let read = partitions_from(&mut topic, &partitions, args.offset, &mut printer);
    if !printer.is_done() {
        read?;
    }
    stdout::check(printer.into_inner().flush())?;
    Ok(ExitCode::SUCCESS)
}

fn chosen(topic: &Topic, args: &ReadArgs) -> Result<Vec<i32>, Failure> {
    let all = topic.partitions();
    match args.partition {
        None => Ok(all),
        Some(one) if all.contains(&one) => Ok(vec![one]),
        Some(one) => {
            let count = counted(all.len() as u64, "partition");
            Err(Failure::new(format!(
                "topic {} has no partition {one}: it has {count}",
                args.topic
            )))
        }
    }
}

/// Shows `reader` every record that is in `topic` now.
pub(crate) fn all(topic: &mut Topic, reader: &mut impl Reader) -> Result<(), Failure> {
    let partitions = topic.partitions();
    partitions_from(topic, &partitions, Begin::Earliest, reader)
}

fn partitions_from(
    topic: &mut Topic,
    partitions: &[i32],
    begin: Begin,
    reader: &mut impl Reader,
) -> Result<(), Failure> {
    for &partition in partitions {
        let range = begin.within(topic.range(partition)?);
        topic.fetch(partition, range, |fetched| {
            batches::read(partition, range.first, fetched, reader)
        })?;
    }
    Ok(())
}
