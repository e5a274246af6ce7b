//! `ottla quickstart`: a broker, a file, `ottla produce`, and proof of what was stored.
//!
//! | file | job |
//! |---|---|
//! | [`sample`] | an input file |
//! | [`stored`] | what was read back, checked against the file |
//! | [`show`] | how it looks |

mod sample;
mod show;
mod stored;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ottla_sim::dev::{DevBroker, DevBrokerOptions};

use crate::args::{Cli, Command, ProduceArgs, QuickstartArgs};
use crate::client::Properties;
use crate::failure::Failure;
use crate::plain::reason;
use crate::produce::{self, Outcome};
use crate::progress::counted;
use crate::read;
use sample::Sample;
use show::Show;

const TOPIC: &str = "access-log";
/// The file is held in memory to be compared.
const FILE_MAX: u64 = 64 * 1024 * 1024;

/// Shows everything once.
pub(crate) fn run(args: &QuickstartArgs) -> Result<ExitCode, Failure> {
    let start = Instant::now();
    let broker = start_broker()?;
    let address = broker.address().to_string();
    let show = Show::new(args.json, &address);
    show.broker();
    // The sample goes when this function ends.
    let (file, _sample) = input_file(args.file.clone())?;
    let input = read_file(&file)?;
    show.input(&file, &input);
    let command = command(&address, &file);
    show.command(&command);
    let outcome = produce::produce(produce_args(&command)?)?;
    show.produced(&outcome);
    check(&outcome)?;
    let mut topic = stored::Topic::default();
    let mut reader = Properties::new();
    reader.set_brokers(&address);
    read::all(&mut read::Topic::open(reader.ask()?, TOPIC)?, &mut topic)?;
    show.stored(&topic);
    topic.verify(&input)?;
    show.verified(&outcome, &topic, start.elapsed());
    Ok(ExitCode::SUCCESS)
}

fn start_broker() -> Result<DevBroker, Failure> {
    let options = DevBrokerOptions { partitions_per_topic: 3, ..DevBrokerOptions::default() };
    DevBroker::start(options)
        .map_err(|error| Failure::new(format!("cannot start the dev broker: {}", reason(&error))))
}

/// The given file, or a sample that lives as long as what is returned beside it.
fn input_file(given: Option<PathBuf>) -> Result<(PathBuf, Option<Sample>), Failure> {
    if let Some(file) = given {
        return Ok((file, None));
    }
    let sample = Sample::write()
        .map_err(|error| Failure::new(format!("cannot write a sample file: {}", reason(&error))))?;
    Ok((sample.path().to_owned(), Some(sample)))
}

fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |why: &str| Failure::new(format!("cannot read {}: {why}", file.display()));
    let size = fs::metadata(file).map_err(|error| failed(&reason(&error)))?.len();
    if size > FILE_MAX {
        return Err(failed("more than 64 MiB; use 'ottla dev' and 'ottla produce' instead"));
    }
    let input = fs::read(file).map_err(|error| failed(&reason(&error)))?;
    if input.iter().all(|byte| *byte == b'\n') {
        return Err(Failure::new(format!("{}: the file has no lines", file.display())));
    }
    Ok(input)
}

/// What somebody would type.
fn command(address: &str, file: &Path) -> Vec<String> {
    let file = file.display().to_string();
    let words = ["ottla", "produce", "-b", address, "-t", TOPIC, "-K", ":", "-z", "lz4", &file];
    words.map(String::from).to_vec()
}

/// The same arguments that the shell would hand over, except that the steps are shown here.
fn produce_args(command: &[String]) -> Result<ProduceArgs, Failure> {
    let quiet = command.iter().cloned().chain(["-q".to_owned()]);
    match Cli::try_parse_from(quiet).map(|cli| cli.command) {
        Ok(Command::Produce(args)) => Ok(args),
        Ok(_) => Err(Failure::new("the command is not a produce command")),
        Err(error) => Err(Failure::usage(error.to_string())),
    }
}

fn check(outcome: &Outcome) -> Result<(), Failure> {
    match &outcome.tally.end.failure {
        Some(failure) => Err(Failure::new(failure.to_string())),
        None if outcome.tally.failures.count() > 0 => {
            let records = counted(outcome.tally.failures.count(), "record");
            Err(Failure::new(format!("{records} failed")))
        }
        None => Ok(()),
    }
}
