//! `cargo xtask sim`: the simulator, optimised but with its assertions.

use std::process::Command;

use crate::Outcome;
use crate::command::{cargo, execute};

/// Runs the simulator with these arguments.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    execute(command().args(arguments))
}

/// So many seeds, and a look whether broken producers are found.
pub(crate) fn check(seeds: u32) -> Outcome {
    execute(command().arg("--sabotages"))?;
    execute(command().args(["--seeds", &seeds.to_string()]))
}

/// The simulator, to be given arguments.
pub(crate) fn command() -> Command {
    let run = ["run", "--quiet", "--profile", "sim", "--locked", "--package", "ottla-sim"];
    let mut command = cargo(&run);
    command.args(["--example", "simulate", "--"]);
    command
}
