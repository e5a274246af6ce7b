//! The `ottla` command.

// They panic where nobody reads any more, or nothing can be written.
#![deny(clippy::print_stderr, clippy::print_stdout)]

mod args;
#[cfg(feature = "bridge")]
mod bridge;
mod check;
mod client;
mod cpu;
#[cfg(feature = "broker")]
mod data;
#[cfg(feature = "bridge")]
mod demo;
#[cfg(feature = "broker")]
mod dev;
mod escape;
mod failure;
mod gateway;
mod header;
mod interrupt;
mod keys;
mod kind;
mod latency;
mod logger;
mod metrics;
mod perf;
mod plain;
mod produce;
mod progress;
mod properties;
#[cfg(feature = "broker")]
mod quickstart;
mod random;
mod rate;
#[cfg(feature = "broker")]
mod read;
mod stderr;
mod stdout;
mod target;
#[cfg(feature = "broker")]
mod timestamp;
mod topic_name;
mod usage;

use std::env;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use failure::Failure;

#[cfg(feature = "peak-heap")]
#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn main() -> ExitCode {
    let args: Vec<_> = env::args_os().collect();
    if let Some(list) = keys::asked(&args) {
        stdout::line(&list);
        return end(ExitCode::SUCCESS);
    }
    let command = match Cli::try_parse_from(args) {
        Ok(cli) => cli.command,
        Err(error) => return usage::report(&error),
    };
    let status = run(command).unwrap_or_else(|failure| failure.report());
    #[cfg(feature = "peak-heap")]
    stderr::line(&format!("heap peak: {}", HEAP.peak_usage()));
    end(status)
}

/// With `status`, unless it tells of success and results were lost.
fn end(status: ExitCode) -> ExitCode {
    let Some(lost) = stdout::lost() else { return status };
    let failed = lost.report();
    if status == ExitCode::SUCCESS { failed } else { status }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Produce(args) => produce::run(args),
        Command::Perf(args) => perf::run(&args),
        Command::Check(args) => check::run(&args),
        #[cfg(feature = "broker")]
        Command::Read(args) => read::run(&args),
        #[cfg(feature = "broker")]
        Command::Dev(args) => dev::run(&args),
        #[cfg(feature = "bridge")]
        Command::Bridge(args) => bridge::run(&args),
        #[cfg(feature = "broker")]
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ottla", &mut script);
            stdout::write(&script);
            Ok(ExitCode::SUCCESS)
        }
    }
}
