//! `cargo xtask bench`: ottla and its peers side by side.

use crate::Outcome;
use crate::command::{cargo, execute};

/// Runs the benchmark with these arguments.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let mut bench = cargo(&["run", "--quiet", "--locked", "--package", "ottla-bench", "--"]);
    execute(bench.args(arguments))
}
