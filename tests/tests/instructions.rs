//! What a record costs, in user-space instructions: it stays within `tests/budgets.toml`, and is
//! the same in large clusters as in small ones. Counts repeat where times do not.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ottla_sim::dev::{DevBroker, DevBrokerOptions};
use ottla_tests::callgrind;
use ottla_tests::{Scratch, budget, command};

/// A count moves a little with how the two threads meet, and with the compiler: what is above its
/// limit by more than this is a regression.
const TOLERANCE_PERCENT: u64 = 5;

/// How much more a record, or a batch, may cost in a large cluster than in a small one.
const GROWTH_PERCENT: u64 = 20;

/// What is sent: the limit's name, bytes of a record, the codec, threads, and two numbers of
/// records whose difference is free of what starting costs.
const WORKLOADS: [(&str, usize, &str, u64, [u64; 2]); 7] = [
    ("bytes_100", 100, "none", 1, [24_000, 72_000]),
    ("bytes_100_threads_2", 100, "none", 2, [24_000, 72_000]),
    ("bytes_100_threads_8", 100, "none", 8, [48_000, 144_000]),
    ("bytes_1000", 1_000, "none", 1, [6_000, 18_000]),
    ("bytes_100_lz4", 100, "lz4", 1, [12_000, 36_000]),
    ("bytes_1000_lz4", 1_000, "lz4", 1, [3_000, 9_000]),
    ("bytes_100_zstd", 100, "zstd", 1, [6_000, 18_000]),
];

/// The example `lines` against a broker that discards what it gets. All of its process counts:
/// reading the lines, looking at each record's outcome, the I/O thread.
#[test]
fn a_record_costs_no_more_than_its_limit() {
    let sink = DevBrokerOptions { sink: true, partitions_per_topic: 6, ..Default::default() };
    let sink = DevBroker::start(sink).unwrap();
    let brokers = format!("bootstrap.servers={}", sink.address());
    let scratch = Scratch::new("instructions");
    let mut above = Vec::new();
    for (name, size, codec, threads, counts) in WORKLOADS {
        let file = lines_file(scratch.path(), size);
        let codec = format!("compression.type={codec}");
        let run = |records: u64| {
            let each = (records / threads).to_string();
            let threads = threads.to_string();
            let file = file.to_str().unwrap();
            // Everything is slow here; batches are to become full all the same.
            let words = [file, "t", &each, &threads, &brokers, &codec, "batch.size=65536"];
            count(&[&words[..], &["linger.ms=1000"]].concat())
        };
        let [few, many] = counts.map(run);
        let cost = (many - few) / (counts[1] - counts[0]);
        let limit = budget::get(&format!("instructions.{name}"));
        println!("full: {name}: {cost} instructions a record, {limit} allowed");
        if cost * 100 > limit * (100 + TOLERANCE_PERCENT) {
            above.push(name);
        }
    }
    assert!(above.is_empty(), "by more than {TOLERANCE_PERCENT} % above their limits: {above:?}");
}

/// All instructions of one run.
fn count(words: &[&str]) -> u64 {
    let counted = callgrind::count(command::lines(), words, &[]);
    counted.unwrap_or_else(|reason| panic!("{reason}")).instructions
}

/// What there is more of; partitions, topics, senders and brokers before and after; how records are
/// routed, and how many.
type Growth = (&'static str, [u32; 4], [u32; 4], &'static str, u64);

const GROWTHS: [Growth; 6] = [
    ("partitions without keys", [6, 1, 1, 3], [10_000, 1, 1, 3], "nothing", 30_000),
    ("partitions but for six without traffic", [6, 1, 1, 3], [10_000, 1, 1, 3], "six", 30_000),
    ("partitions with keys over all", [6, 1, 1, 3], [10_000, 1, 1, 3], "keys", 80_000),
    ("topics", [6, 1, 1, 3], [6, 100, 1, 3], "nothing", 60_000),
    ("senders", [64, 1, 1, 3], [64, 1, 64, 3], "nothing", 60_000),
    ("brokers", [100, 1, 1, 1], [100, 1, 1, 100], "nothing", 30_000),
];

#[test]
fn a_record_costs_the_same_in_a_large_cluster() {
    let mut dearer = Vec::new();
    for (what, small, large, route, records) in GROWTHS {
        let cost = |size| {
            let (instructions, batches) = count_growth(size, route, records);
            // With keys over all, the batches' number grows with that of the partitions.
            instructions / if route == "keys" { batches } else { records }
        };
        let [few, many] = [small, large].map(cost);
        let each = if route == "keys" { "batch" } else { "record" };
        println!("full: more {what}: {few} instructions a {each}, then {many}");
        if many * 100 > few * (100 + GROWTH_PERCENT) {
            dearer.push(what);
        }
    }
    assert!(dearer.is_empty(), "by more than {GROWTH_PERCENT} % dearer with more {dearer:?}");
}

/// The producer's instructions, without the brokers', and batches.
fn count_growth(size: [u32; 4], route: &str, records: u64) -> (u64, u64) {
    let mut words: Vec<String> = size.map(|number| number.to_string()).into();
    words.extend([route.into(), records.to_string()]);
    let toggles = ["growth::measured", "growth::left_out"];
    let counted = callgrind::count(command::growth(), words, &toggles);
    let counted = counted.unwrap_or_else(|reason| panic!("{reason}"));
    let batches = counted.output.trim().parse();
    (counted.instructions, batches.unwrap_or_else(|_| panic!("no number: {}", counted.output)))
}

/// A file of log lines of `size` bytes, the same on every machine.
fn lines_file(folder: &Path, size: usize) -> PathBuf {
    const LINES: u32 = 5_000;
    let mut text = String::new();
    let mut random = 1u32;
    for number in 0..LINES {
        let start = text.len();
        write!(text, r#"{{"time":{},"level":"info","id":"#, 1_700_000_000 + number).unwrap();
        while text.len() - start < size {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let word = ["cart", "paid", "user", "item", "sent"][(random >> 16) as usize % 5];
            write!(text, "{} {word} ", random >> 20).unwrap();
        }
        text.truncate(start + size);
        text.push('\n');
    }
    let file = folder.join(format!("lines-{size}.txt"));
    fs::write(&file, text).unwrap();
    file
}
