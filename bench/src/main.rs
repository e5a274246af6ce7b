//! `cargo xtask bench`: ottla and its peers against the same brokers, side by side.
//!
//! | file | job |
//! | --- | --- |
//! | [`client`] | who takes part, and how its program is started |
//! | [`build`] | the programs, from their registries, once |
//! | [`payload`] | the records that all send |
//! | [`workload`] | what is measured |
//! | [`broker`] | the sink and the real Kafka |
//! | [`run`] | one program, once, its arrivals counted |
//! | [`rounds`] | all of them in turn, in rotated order |
//! | [`instructions`] | instructions a record, by callgrind |
//! | [`figures`] | medians and their ranges |
//! | [`goals`] | what ottla promises, and whether it holds |
//! | [`report`] | the table, JSON, Markdown |
//! | [`plot`] | the plots |
//! | [`machine`] | what it was measured on |
#![forbid(unsafe_code)]

mod broker;
mod build;
mod client;
mod figures;
mod goals;
mod instructions;
mod machine;
mod payload;
mod plot;
mod report;
mod rounds;
mod run;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use ottla_tests::cache;

use crate::client::Client;
use crate::report::Results;

/// What a step returns: an error says in one line what failed and what to do.
type Outcome<T = ()> = Result<T, String>;

/// Measures ottla and its peers side by side.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// Fewer workloads and shorter runs: some minutes, and no files are written
    #[arg(long)]
    quick: bool,
    /// Only workloads or clients whose name contains one of these; no files are written
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How often each client has its turn in a workload
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Print the results as JSON on standard output
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Outcome {
    let start = Instant::now();
    let plan = workload::plan(options.quick, &options.only);
    let counted = options.only.is_empty() || options.only.iter().any(|name| name == "instructions");
    let takes_part = |client: &Client| {
        plan.iter().any(|workload| workload.includes(*client)) || counted && client.is_countable()
    };
    let clients: Vec<Client> =
        client::chosen(&options.only).into_iter().filter(takes_part).collect();
    let programs = build::all(&clients)?;
    let mut results = Results::new(options.rounds);
    for workload in &plan {
        if !programs.clients().any(|client| workload.includes(client)) {
            say(&format!("{}: nobody is there to take part", workload.id));
            continue;
        }
        let rows = rounds::measure(workload, &programs, options)?;
        report::print_rows(workload, &rows);
        results.add(workload, rows);
    }
    if counted {
        results.instructions = instructions::measure(&programs, options.quick)?;
        report::print_instructions(&results.instructions);
    }
    results.took = start.elapsed();
    report::print_goals(&goals::judge(&results));
    if options.json {
        println!("{}", results.to_json());
    }
    if !options.quick && options.only.is_empty() {
        report::write(&results)?;
        plot::write(&results)?;
    }
    Ok(())
}

/// The folder `bench`.
fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
fn root() -> &'static Path {
    home().parent().expect("bench is a folder of the workspace")
}

/// Where the peers' programs are kept, for all clones of a user's.
fn kept() -> PathBuf {
    cache::dir().join("bench")
}

/// Says on standard error what is being done.
fn say(line: &str) {
    eprintln!("  {line}");
}
