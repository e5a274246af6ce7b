//! `cargo xtask test`: what the README's test command runs.

use crate::command::{cargo, execute};
use crate::steps::Steps;
use crate::{Outcome, gates, prerequisites, tidy};

/// Runs every check at its reduced size; ends at the first that fails.
pub(crate) fn run() -> Outcome {
    let mut steps = Steps::new(8);
    steps.step("tools", prerequisites::install)?;
    steps.step("formatting", || execute(&mut cargo(&["fmt", "--all", "--check"])))?;
    steps.step("tidy", tidy::run)?;
    steps.step("clippy", clippy)?;
    steps.step("gates", || gates::run(false))?;
    steps.step("documentation", documentation)?;
    steps.step("unit and simulator tests", || {
        execute(&mut cargo(&["test", "--workspace", "--exclude", "ottla-tests", "--locked"]))
    })?;
    steps.step("tests on real Kafka", || {
        execute(&mut cargo(&["test", "--package", "ottla-tests", "--locked"]))
    })?;
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
