//! `cargo xtask test`: what the README's test command runs.

use crate::command::{cargo, execute};
use crate::steps::Steps;
use crate::{Outcome, disk, gates, prerequisites, sim, suites, tidy};

/// Simulated runs.
const SEEDS: u32 = 10_000;

/// Runs every check at its reduced size; ends at the first that fails.
pub(crate) fn run() -> Outcome {
    disk::check()?;
    let mut steps = Steps::new(8);
    steps.step("tools", prerequisites::install)?;
    steps.step("formatting", || execute(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.step("tidy", tidy::run)?;
    steps.step("clippy", clippy)?;
    steps.step("gates", || gates::run(false))?;
    steps.step("documentation", documentation)?;
    steps.step("tests", suites::run)?;
    steps.step("simulation", || sim::check(SEEDS))?;
    steps.finish();
    Ok(())
}

fn clippy() -> Outcome {
    let workspace = ["clippy", "--workspace", "--all-targets", "--locked"];
    execute(cargo(&workspace).args(["--", "--deny", "warnings"]))
}

/// Broken links and missing documentation are errors.
fn documentation() -> Outcome {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    execute(doc.env("RUSTDOCFLAGS", "--deny warnings"))
}
