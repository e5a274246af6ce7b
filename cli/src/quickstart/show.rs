//! How the quickstart looks: numbered steps and a table for people, one object for machines.

use std::path::Path;
use std::time::Duration;

use console::style;
use serde_json::{Value, json};

use super::TOPIC;
use super::stored::{Sample, Topic};
use crate::produce::Outcome;
use crate::progress::{bytes, count, counted, duration};
use crate::{stdout, timestamp};

/// Prints each step as it happens, or all at the end.
#[derive(Debug)]
pub(crate) struct Show<'a> {
    json: bool,
    address: &'a str,
}

impl<'a> Show<'a> {
    pub(crate) fn new(json: bool, address: &'a str) -> Self {
        Self { json, address }
    }

    pub(crate) fn broker(&self) {
        let note = "in this process; a development broker, not a Kafka";
        self.step("broker", &format!("{} ({note})", self.address));
    }

    pub(crate) fn input(&self, file: &Path, input: &[u8]) {
        let lines = input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
        let (lines, size) = (counted(lines as u64, "line"), bytes(input.len() as u64));
        self.step("input", &format!("{}: {lines}, {size}", file.display()));
        let first = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
        self.detail(&text(Some(first)));
    }

    pub(crate) fn command(&self, command: &[String]) {
        self.step("produce", &command.join(" "));
    }

    pub(crate) fn produced(&self, outcome: &Outcome) {
        let tally = &outcome.tally;
        let at = |quantile| duration(Duration::from_micros(tally.latencies.micros_at(quantile)));
        self.detail(&format!(
            "{} acknowledged in {}, latency p50 {}, p99 {}",
            counted(tally.acknowledged, "record"),
            duration(tally.elapsed),
            at(0.5),
            at(0.99),
        ));
    }

    pub(crate) fn stored(&self, topic: &Topic) {
        self.step("stored", &format!("topic {TOPIC}, read back from {}", self.address));
        self.detail("partition  records  offsets      batches  raw         on the wire");
        for (number, partition) in &topic.partitions {
            let offsets = format!("{} to {}", partition.first, partition.last);
            self.detail(&format!(
                "{number:<9}  {:<7}  {offsets:<11}  {:<7}  {:<10}  {}",
                partition.records,
                partition.batches,
                bytes(partition.raw_bytes),
                bytes(partition.stored_bytes),
            ));
        }
        self.detail("");
        for sample in &topic.samples {
            self.detail(&describe(sample));
        }
    }

    pub(crate) fn verified(&self, outcome: &Outcome, topic: &Topic, elapsed: Duration) {
        if self.json {
            return stdout::line(&to_json(self.address, outcome, topic, elapsed).to_string());
        }
        let lines = match topic.records() {
            1 => "the line is stored once".to_owned(),
            lines => format!("all {} lines are stored once, in order per key", count(lines)),
        };
        self.step("verified", &format!("{lines}, after {}", duration(elapsed)));
        stdout::line(NEXT);
    }

    fn step(&self, name: &str, what: &str) {
        if !self.json {
            stdout::line(&format!("{} {what}", style(format!("{name:<9}")).green().bold()));
        }
    }

    fn detail(&self, what: &str) {
        if !self.json {
            stdout::line(format!("          {}", style(what).dim()).trim_end());
        }
    }
}

const NEXT: &str = "
Next:
  ottla dev                                       keep such a broker running
  ottla produce -b localhost:9092 -t test FILE    a record per line, to it or to any Kafka
  ottla read -b localhost:9092 -t test            look at what is stored
  ottla perf --topic test --num-records 1000000 --record-size 100 --throughput -1 \\
      --bootstrap-server localhost:9092           measure
  ottla produce --help                            keys, headers, compression, settings";

fn describe(sample: &Sample) -> String {
    format!(
        "partition {} offset {} at {}: {} → {}",
        sample.partition,
        sample.offset,
        timestamp::utc(sample.timestamp),
        text(sample.key.as_deref()),
        text(sample.value.as_deref()),
    )
}

/// At most a line's worth of it, with nothing in it that a terminal would act on.
fn text(bytes: Option<&[u8]>) -> String {
    const SHOWN_MAX: usize = 60;
    let Some(bytes) = bytes else { return "null".into() };
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn to_json(address: &str, outcome: &Outcome, topic: &Topic, elapsed: Duration) -> Value {
    let samples: Value = topic.samples.iter().map(|sample| sample.json.clone()).collect();
    json!({
        "broker": address,
        "topic": TOPIC,
        "acknowledged": outcome.tally.acknowledged,
        "latency_us": outcome.tally.latencies.to_json(),
        "records": topic.records(),
        "partitions": topic.to_json(),
        "samples": samples,
        "verified": true,
        "elapsed_s": elapsed.as_secs_f64(),
    })
}
