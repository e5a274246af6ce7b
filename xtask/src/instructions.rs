//! `cargo xtask instructions`: what a record costs, by the test that holds it to a limit.

use crate::Outcome;
use crate::command::{cargo, execute};

/// Prints the counts; fails where one is above its limit.
pub(crate) fn run() -> Outcome {
    // The same command as in the test run, so that nothing is compiled twice.
    let mut test = cargo(&["test", "--workspace", "--locked", "--test", "instructions"]);
    execute(test.args(["--", "--nocapture"]))
}
