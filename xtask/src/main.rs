//! Everything a shell script would otherwise do: `cargo xtask --help`.
#![forbid(unsafe_code)]

mod bench;
mod bench_bridge;
mod command;
mod disk;
mod firmware;
mod full;
mod gates;
mod gateway;
mod instructions;
mod mechanisms;
mod msrv;
mod prerequisites;
mod sim;
mod steps;
mod suites;
mod test;
mod tidy;
mod toolchain;
mod web;
mod wrap;

use std::process::ExitCode;

use clap::Parser;

/// What a chore returns: an error says in one line what failed and what to do.
type Outcome<T = ()> = Result<T, String>;

/// Chores of the ottla workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Install what is missing and run every check at its reduced size
    Test,
    /// Run every test at its full size and write the outcome to tests/FULL.md
    Full {
        /// Only the checks whose name contains this; the others keep their rows
        filter: Option<String>,
    },
    /// Compile the core for the browser and for microcontrollers
    Gates {
        /// Build the standard library from source even where rustup has the target
        #[arg(long)]
        build_std: bool,
    },
    /// Build the example for microcontrollers and print where it is
    Firmware {
        /// Build the standard library from source even where rustup has the target
        #[arg(long)]
        build_std: bool,
        /// Link it for a chip with so much RAM, instead of 64
        #[arg(long, value_name = "KIB")]
        ram_kib: Option<u32>,
    },
    /// Build the command for a small Linux machine and print where it is
    Gateway {
        /// armv7-unknown-linux-gnueabihf, aarch64-unknown-linux-gnu; by default this machine
        target: Option<String>,
        /// Have it print how much of the heap was used at most
        #[arg(long)]
        peak_heap: bool,
    },
    /// Build the npm package into web/dist and hold its size to tests/budgets.toml
    Web {
        /// Take Rust's core as it is installed, although that makes the modules larger
        #[arg(long)]
        prebuilt: bool,
    },
    /// Measure ottla and its peers side by side (see its --help)
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the producer against a model cluster in virtual time, once per seed (see its --help)
    #[command(disable_help_flag = true)]
    Sim {
        /// Passed on to the simulator
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check what rustfmt and clippy do not: file lengths, columns, loose ends
    Tidy {
        /// Wrap the comments that are too wide
        #[arg(long)]
        fix: bool,
    },
    /// Count the instructions that a record costs, and hold them to tests/budgets.toml
    Instructions,
    /// Compare records over the bridge with records over TCP, to a real broker
    BenchBridge {
        /// Measure what browsers reach, too
        #[arg(long)]
        browser: bool,
    },
    /// Compile the published crates with the oldest Rust that they promise
    Msrv,
}

fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Test => test::run(),
        Chore::Full { filter } => full::run(filter.as_deref()),
        Chore::Gates { build_std } => gates::run(build_std),
        Chore::Firmware { build_std, ram_kib } => firmware::run(build_std, ram_kib),
        Chore::Gateway { target, peak_heap } => gateway::run(target.as_deref(), peak_heap),
        Chore::Web { prebuilt } => web::run(prebuilt),
        Chore::Bench { arguments } => bench::run(&arguments),
        Chore::Sim { arguments } => sim::run(&arguments),
        Chore::Tidy { fix: true } => tidy::fix(),
        Chore::Tidy { fix: false } => tidy::run(),
        Chore::Instructions => instructions::run(),
        Chore::BenchBridge { browser } => bench_bridge::run(browser),
        Chore::Msrv => msrv::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}
