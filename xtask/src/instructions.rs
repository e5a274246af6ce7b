//! `cargo xtask instructions`: the user-space instructions that a record costs.
//!
//! The example `lines` sends two counts of records to a sink under callgrind; the slope between them
//! is free of what starting up costs. All of the process counts: reading the lines, looking at each
//! record's outcome, the I/O thread.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Outcome;
use crate::callgrind;
use crate::command::{cargo, execute, root, target_dir};

const COUNTS: [u64; 2] = [50_000, 150_000];
const PROPERTIES: [&str; 2] = ["batch.size=65536", "linger.ms=5"];

/// What is sent: bytes of a record, the codec, threads; and the limit's name in
/// `tests/budgets.toml`.
const WORKLOADS: [(usize, &str, u64, &str); 6] = [
    (100, "none", 1, "bytes_100"),
    (100, "none", 4, "bytes_100_threads_4"),
    (1_000, "none", 1, "bytes_1000"),
    (100, "lz4", 1, "bytes_100_lz4"),
    (1_000, "lz4", 1, "bytes_1000_lz4"),
    (100, "zstd", 1, "bytes_100_zstd"),
];

/// A count moves a little with how the two threads meet; what is above its limit by more than this
/// is a regression.
const TOLERANCE_PERCENT: u64 = 5;

/// Prints what a record costs; where `limited`, fails if that is more than it may be.
pub(crate) fn run(json: bool, limited: bool) -> Outcome {
    let build = ["build", "--release", "--locked", "--package", "ottla", "--package", "ottla-sim"];
    execute(cargo(&build).args(["--example", "lines", "--example", "sink"]))?;
    let sink = Sink::start()?;
    let budgets = read_budgets()?;
    let mut rows = Vec::new();
    let mut above = Vec::new();
    for (size, codec, threads, name) in WORKLOADS {
        let cost = slope(&sink, size, codec, threads)?;
        let limit = limit(&budgets, name)?;
        if !json {
            println!(
                "{size:>5} bytes  {codec:<4}  {threads} threads {cost:>6} instructions a record \
                 (limit {limit})"
            );
        }
        rows.push(format!(
            r#"{{"record_bytes":{size},"compression":"{codec}","threads":{threads},"instructions":{cost}}}"#
        ));
        if cost * 100 > limit * (100 + TOLERANCE_PERCENT) {
            above.push(format!("{name} {cost}"));
        }
    }
    if json {
        println!("[{}]", rows.join(","));
    }
    if limited && !above.is_empty() {
        return Err(format!(
            "more instructions a record than tests/budgets.toml allows, by over {TOLERANCE_PERCENT} %: {}",
            above.join(", ")
        ));
    }
    Ok(())
}

/// The instructions of one more record.
fn slope(sink: &Sink, size: usize, codec: &str, threads: u64) -> Outcome<u64> {
    let file = lines_file(size)?;
    let program = target_dir("release").join("examples/lines");
    let count = |records: u64| {
        let brokers = format!("bootstrap.servers={}", sink.address);
        let each = records / threads;
        let mut arguments = vec![file.display().to_string(), "t".into(), each.to_string()];
        arguments.extend([threads.to_string(), brokers, format!("compression.type={codec}")]);
        arguments.extend(PROPERTIES.map(String::from));
        callgrind::count(program.as_os_str(), &arguments, &[]).map(|counted| counted.instructions)
    };
    let [few, many] = COUNTS.map(count);
    Ok(many?.saturating_sub(few?) / (COUNTS[1] - COUNTS[0]))
}

/// A file of log lines of `size` bytes, the same on every machine.
fn lines_file(size: usize) -> Outcome<PathBuf> {
    const LINES: u32 = 5_000;
    let mut text = String::new();
    let mut random = 1u32;
    for number in 0..LINES {
        let start = text.len();
        let _ = write!(text, r#"{{"time":{},"level":"info","id":"#, 1_700_000_000 + number);
        while text.len() - start < size {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let word = ["cart", "paid", "user", "item", "sent"][(random >> 16) as usize % 5];
            let _ = write!(text, "{} {word} ", random >> 20);
        }
        text.truncate(start + size);
        text.push('\n');
    }
    let file = target_dir(&format!("lines-{size}.txt"));
    fs::write(&file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    Ok(file)
}

fn read_budgets() -> Outcome<String> {
    let file = root().join("tests/budgets.toml");
    fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}

/// The limit `name` of the section `[instructions]`.
fn limit(budgets: &str, name: &str) -> Outcome<u64> {
    let section = budgets.split_once("[instructions]").map_or("", |(_, section)| section);
    let mut lines = section.lines().filter_map(|line| line.split_once(" = "));
    let counts = lines.find(|(key, _)| *key == name).map_or("", |(_, counts)| counts);
    let reduced = counts.split_once("reduced = ").map_or("", |(_, reduced)| reduced);
    let digits = reduced.split(',').next().unwrap_or_default();
    let limit = digits.replace('_', "").parse();
    limit.map_err(|_| format!("tests/budgets.toml has no limit instructions.{name}"))
}

/// A broker in another process that throws away what it gets.
struct Sink {
    process: Child,
    address: String,
    /// Kept open, since a process that prints to a closed pipe ends.
    _output: BufReader<ChildStdout>,
}

impl Sink {
    fn start() -> Outcome<Self> {
        let mut process = Command::new(target_dir("release").join("examples/sink"))
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the sink: {e}"))?;
        let mut output = BufReader::new(process.stdout.take().expect("its output was piped"));
        let address = output.by_ref().lines().map_while(Result::ok).find_map(|l| address_in(&l));
        let address = address.ok_or("the sink ended without telling its address")?;
        Ok(Self { process, address, _output: output })
    }
}

/// The first word that is `host:port`.
fn address_in(line: &str) -> Option<String> {
    let is_port = |port: &str| port.parse::<u16>().is_ok();
    let is_address = |word: &&str| word.rsplit_once(':').is_some_and(|(_, port)| is_port(port));
    line.split_whitespace().find(is_address).map(Into::into)
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_has_its_limit() {
        let budgets = read_budgets().unwrap();
        for (_, _, _, name) in WORKLOADS {
            assert!(limit(&budgets, name).unwrap() > 0);
        }
        assert!(limit(&budgets, "bytes_7").is_err());
    }

    #[test]
    fn a_limit_is_that_of_its_own_name() {
        let budgets = "[other]\na = { reduced = 1, full = 1 }\n[instructions]\n\
                       ab = { reduced = 1_200, full = 1_200 }\na = { reduced = 3, full = 3 }\n";
        assert_eq!(limit(budgets, "ab"), Ok(1200));
        assert_eq!(limit(budgets, "a"), Ok(3));
    }

    #[test]
    fn the_sink_s_address_is_found_in_what_it_says() {
        let line = "listening on 127.0.0.1:19092";
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:19092"));
        assert_eq!(address_in("a sink: nothing is kept"), None);
    }
}
