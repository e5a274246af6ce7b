//! One program, once, its arrivals counted.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::broker::{Broker, TOPIC};
use crate::client::Client;
use crate::payload;
use crate::workload::{BATCH_BYTES, BUFFER_BYTES, Mode, Target, Workload};

/// The longest that a run may take; most take two seconds, the slowest that was seen a minute.
const LIMIT_SECONDS: u32 = 90;

/// What one run showed.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) version: String,
    pub(crate) records_per_second: f64,
    pub(crate) megabytes_per_second: f64,
    pub(crate) cpu_micros_per_record: f64,
    pub(crate) peak_mebibytes: f64,
    /// Bytes of its batches on the wire, and records in each; where the broker tells.
    pub(crate) wire_bytes_per_record: Option<f64>,
    pub(crate) records_per_batch: Option<f64>,
    /// p50, p99 and p99.9 in microseconds, where they were asked for.
    pub(crate) latency_micros: Option<[f64; 3]>,
}

/// Runs a client; an error says what was wrong with it.
pub(crate) fn run(
    workload: &Workload,
    broker: &mut Broker,
    client: Client,
    command: &[String],
) -> Outcome<Run> {
    let workload = &workload.of(client);
    let (records, warmup) = workload.records(client);
    let words = words(workload, &broker.bootstrap(), records, warmup)?;
    let line = execute(command, &words)?;
    let told: Value = serde_json::from_str(&line).map_err(|e| format!("it said {line:?}: {e}"))?;
    let arrived = broker.arrived()?;
    let acknowledged = told["acknowledged"].as_u64().unwrap_or(0);
    let expected = if client.sends() { records + warmup } else { 0 };
    if (acknowledged, arrived.records) != (records, expected) {
        return Err(format!(
            "of {records} records and {warmup} before, {acknowledged} were acknowledged and {} arrived",
            arrived.records
        ));
    }
    let number = |key: &str| told[key].as_f64().unwrap_or(f64::NAN);
    let per_second = records as f64 / number("seconds");
    let batches = (arrived.batches > 0).then_some(arrived.batches as f64);
    let latency = |key: &str| told["latency_us"][key].as_f64();
    Ok(Run {
        version: told["version"].as_str().unwrap_or("?").to_owned(),
        records_per_second: per_second,
        megabytes_per_second: per_second * workload.record_bytes as f64 / 1e6,
        cpu_micros_per_record: (number("cpu_user_s") + number("cpu_system_s")) * 1e6
            / records as f64,
        peak_mebibytes: number("peak_memory_bytes") / f64::from(1 << 20),
        wire_bytes_per_record: batches.map(|_| arrived.bytes as f64 / arrived.records as f64),
        records_per_batch: batches.map(|batches| arrived.records as f64 / batches),
        latency_micros: latency("p50")
            .zip(latency("p99"))
            .zip(latency("p999"))
            .map(|((median, high), highest)| [median, high, highest]),
    })
}

/// The contract of `bench/README.md`.
pub(crate) fn words(
    workload: &Workload,
    bootstrap: &str,
    records: u64,
    warmup: u64,
) -> Outcome<Vec<String>> {
    let payload = payload::file(workload.record_bytes)?;
    let (mode, rate) = match workload.mode {
        Mode::Flood => ("flood", 0),
        Mode::Await => ("await", 0),
        Mode::Pace { rate } => ("pace", rate),
    };
    let linger_ms = if workload.mode == Mode::Await { 0 } else { 5 };
    let (brokers, late) = match workload.target {
        Target::Sink { nodes, late_ms } => (nodes, late_ms > 0),
        Target::Kafka => (1, false),
    };
    let mut words = vec![
        format!("bootstrap={bootstrap}"),
        format!("topic={TOPIC}"),
        format!("partitions={}", workload.partitions),
        format!("payload={}", payload.display()),
        format!("record-bytes={}", workload.record_bytes),
        format!("records={records}"),
        format!("warmup={warmup}"),
        format!("threads={}", workload.threads),
        format!("compression={}", workload.compression),
        format!("linger-ms={linger_ms}"),
        format!("batch-bytes={BATCH_BYTES}"),
        format!("buffer-bytes={BUFFER_BYTES}"),
        format!("mode={mode}"),
        format!("rate={rate}"),
        format!("brokers={brokers}"),
    ];
    if late {
        words.push(format!("late={}", brokers - 1));
    }
    Ok(words)
}

fn execute(command: &[String], words: &[String]) -> Outcome<String> {
    let [program, fixed @ ..] = command else { return Err("it was not built".into()) };
    // Who falls far behind is not waited for: `timeout` ends it (status 124).
    let output = Command::new("timeout")
        .arg(LIMIT_SECONDS.to_string())
        .arg(program)
        .args(fixed)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run {program} under timeout (of GNU coreutils): {e}"))?;
    if output.status.code() == Some(124) {
        return Err(format!("it was not done after {LIMIT_SECONDS} s"));
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let first = complaint.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        return Err(format!("it ended with {}: {first}", output.status));
    }
    let line = stdout.lines().rev().find(|line| line.starts_with('{'));
    line.map(Into::into).ok_or_else(|| "it printed no result".into())
}
