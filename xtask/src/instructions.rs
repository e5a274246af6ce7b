//! `cargo xtask instructions`: the user-space instructions that a record costs, which repeat where
//! times do not.
//!
//! `ottla perf` sends two counts of records to a sink under callgrind; the slope between them is
//! free of what starting up costs. All of the process counts, its own latency figures too.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::Outcome;
use crate::command::{cargo, execute, exists, target_dir};

const COUNTS: [u64; 2] = [200_000, 600_000];
const BATCH_BYTES: u32 = 65_536;

/// What is sent: bytes of a record, and the codec.
const WORKLOADS: [(u32, &str); 4] = [(100, "none"), (1_000, "none"), (100, "lz4"), (1_000, "lz4")];

pub(crate) fn run(json: bool) -> Outcome {
    if !exists("valgrind") {
        return Err("install valgrind (on Debian: sudo apt-get install valgrind)".into());
    }
    execute(&mut cargo(&["build", "--release", "--locked", "--package", "ottla-cli"]))?;
    let ottla = target_dir("release").join("ottla");
    let sink = Sink::start(&ottla)?;
    let mut rows = Vec::new();
    for (size, codec) in WORKLOADS {
        let [few, many] = COUNTS.map(|count| count_instructions(&ottla, &sink, size, codec, count));
        let slope = (many?.saturating_sub(few?)) / (COUNTS[1] - COUNTS[0]);
        if !json {
            println!("{size:>5} bytes  {codec:<4}  {slope:>6} instructions a record");
        }
        rows.push(format!(
            r#"{{"record_bytes":{size},"compression":"{codec}","instructions":{slope}}}"#
        ));
    }
    if json {
        println!("[{}]", rows.join(","));
    }
    Ok(())
}

/// All instructions of one run of `ottla perf`.
fn count_instructions(
    ottla: &Path,
    sink: &Sink,
    size: u32,
    codec: &str,
    count: u64,
) -> Outcome<u64> {
    let out = target_dir("callgrind.out");
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(ottla).args(["perf", "--topic", "t", "--throughput", "-1"]);
    valgrind.args(["--bootstrap-server", &sink.address]);
    valgrind.args(["--num-records", &count.to_string(), "--record-size", &size.to_string()]);
    valgrind.args(["--command-property", &format!("batch.size={BATCH_BYTES}")]);
    valgrind.args(["--command-property", &format!("compression.type={codec}")]);
    let output = valgrind.output().map_err(|e| format!("cannot run valgrind: {e}"))?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("ottla perf failed under valgrind: {report}"));
    }
    collected(&report).ok_or_else(|| format!("valgrind reported no count: {report}"))
}

/// The number in callgrind's last words, `==1== Collected : 123`.
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}

/// A broker in another process that throws away what it gets.
struct Sink {
    process: Child,
    address: String,
    /// Kept open, since a process that prints to a closed pipe ends.
    _output: BufReader<ChildStdout>,
}

impl Sink {
    fn start(ottla: &Path) -> Outcome<Self> {
        let mut process = Command::new(ottla)
            .args(["dev", "--sink", "--port", "0"])
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
    fn the_count_is_found_in_callgrind_s_report() {
        let report = "==7== Events    : Ir\n==7== Collected : 848406386\n==7== \n";
        assert_eq!(collected(report), Some(848_406_386));
        assert_eq!(collected("==7== Events : Ir"), None);
    }

    #[test]
    fn the_sink_s_address_is_found_in_what_it_says() {
        let line = "bootstrap servers  127.0.0.1:19092 (one: a sink)";
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:19092"));
        assert_eq!(address_in("a sink: nothing is kept"), None);
    }
}
