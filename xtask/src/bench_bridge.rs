//! `cargo xtask bench-bridge`: what a bridge adds to a record's way, and what it costs.

use crate::Outcome;
use crate::command::{cargo, execute};

pub(crate) fn run(browser: bool) -> Outcome {
    let mut bench = cargo(&["bench", "--locked", "--package", "ottla-tests", "--bench", "bridge"]);
    if browser {
        bench.args(["--", "--browser"]);
    }
    execute(&mut bench)
}
