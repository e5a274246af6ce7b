//! The `ottla` command.

mod args;
mod bridge;
mod client;
mod cpu;
mod dev;
mod escape;
mod failure;
mod header;
mod interrupt;
mod kind;
mod latency;
mod logger;
mod metrics;
mod perf;
mod produce;
mod progress;
mod quickstart;
mod random;
mod rate;
mod read;
mod stdout;
mod timestamp;
mod usage;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => return usage::report(&error),
    };
    run(command).unwrap_or_else(|failure| failure.report())
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Produce(args) => produce::run(args),
        Command::Perf(args) => perf::run(&args),
        Command::Read(args) => read::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Bridge(args) => bridge::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "ottla", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}
