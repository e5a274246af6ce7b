//! `cargo xtask growth`: whether a record costs the same in a large cluster as in a small one.

use crate::Outcome;
use crate::callgrind;
use crate::command::{cargo, execute, target_dir};

/// The producer's side of `sim/examples/growth.rs`, and the brokers' in it.
const TOGGLES: [&str; 2] = ["growth::measured", "growth::answer"];

/// How much more a record, or a batch, may cost at the large end than at the small one.
const TOLERANCE_PERCENT: u64 = 20;

/// One thing that grows.
struct Growth {
    what: &'static str,
    /// Partitions, topics, senders, brokers, route, records.
    small: [&'static str; 6],
    large: [&'static str; 6],
    /// Compare batches, not records.
    per_batch: bool,
}

const GROWTHS: [Growth; 6] = [
    Growth {
        what: "partitions 6 → 10,000, no keys",
        small: ["6", "1", "1", "3", "nothing", "60000"],
        large: ["10000", "1", "1", "3", "nothing", "60000"],
        per_batch: false,
    },
    Growth {
        what: "partitions 6 → 10,000, traffic on 6",
        small: ["6", "1", "1", "3", "six", "60000"],
        large: ["10000", "1", "1", "3", "six", "60000"],
        per_batch: false,
    },
    Growth {
        what: "partitions 6 → 10,000, keys over all",
        small: ["6", "1", "1", "3", "keys", "80000"],
        large: ["10000", "1", "1", "3", "keys", "80000"],
        per_batch: true,
    },
    Growth {
        what: "topics 1 → 100",
        small: ["6", "1", "1", "3", "nothing", "60000"],
        large: ["6", "100", "1", "3", "nothing", "60000"],
        per_batch: false,
    },
    Growth {
        what: "senders 1 → 64",
        small: ["64", "1", "1", "3", "nothing", "60000"],
        large: ["64", "1", "64", "3", "nothing", "60000"],
        per_batch: false,
    },
    Growth {
        what: "brokers 1 → 100",
        small: ["100", "1", "1", "1", "nothing", "60000"],
        large: ["100", "1", "1", "100", "nothing", "60000"],
        per_batch: false,
    },
];

/// Counts all of them; fails if one grows too much.
pub(crate) fn run() -> Outcome {
    let build = ["build", "--release", "--locked", "--package", "ottla-sim", "--example", "growth"];
    execute(&mut cargo(&build))?;
    let mut too_much = Vec::new();
    for Growth { what, small, large, per_batch } in &GROWTHS {
        let [few, many] = [cost(small, *per_batch)?, cost(large, *per_batch)?];
        let each = if *per_batch { "batch" } else { "record" };
        println!("{what:<38} {few:>6} → {many:>6} instructions a {each}");
        if many * 100 > few * (100 + TOLERANCE_PERCENT) {
            too_much.push(*what);
        }
    }
    if too_much.is_empty() {
        return Ok(());
    }
    Err(format!("more than {TOLERANCE_PERCENT} % dearer: {}", too_much.join("; ")))
}

/// Instructions of one run for each record, or batch.
fn cost(arguments: &[&str; 6], per_batch: bool) -> Outcome<u64> {
    let program = target_dir("release").join("examples/growth");
    let counted = callgrind::count(program.as_os_str(), arguments, &TOGGLES)?;
    let count = if per_batch { batches(&counted.output) } else { arguments[5].parse().ok() };
    let count = count.filter(|count| *count > 0).ok_or("the run told no number of batches")?;
    Ok(counted.instructions / count)
}

/// The number in `batches 123`.
fn batches(output: &str) -> Option<u64> {
    output.lines().find_map(|line| line.strip_prefix("batches ")?.parse().ok())
}
