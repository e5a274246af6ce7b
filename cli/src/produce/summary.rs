//! The end of `ottla produce`: what was delivered, for people and for machines.

use std::time::Duration;

use ottla::Metrics;
use serde_json::{Value, json};

use super::reaper::{Tally, place};
use super::transaction::Ended;
use crate::progress::{bytes, count, counted, duration};
use crate::rate::{MEBIBYTE, per_second};

/// Everything the summary tells.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) topic: &'a str,
    pub(crate) sources: &'a [String],
    pub(crate) tally: &'a Tally,
    pub(crate) metrics: Metrics,
    /// Empty pieces that were not sent.
    pub(crate) skipped: u64,
    pub(crate) interrupted: bool,
}

impl Summary<'_> {
    /// One object.
    pub(crate) fn to_json(&self) -> Value {
        let tally = self.tally;
        let (failures, unlisted) = tally.failures.to_json(self.sources);
        json!({
            "topic": self.topic,
            "records": tally.acknowledged + tally.failures.count(),
            "acknowledged": tally.acknowledged,
            "failed": tally.failures.count(),
            "skipped": self.skipped,
            "bytes": tally.bytes,
            "elapsed_s": tally.elapsed.as_secs_f64(),
            "records_per_s": per_second(tally.acknowledged as f64, tally.elapsed),
            "megabytes_per_s": per_second(tally.bytes as f64 / MEBIBYTE, tally.elapsed),
            "latency_us": tally.latencies.to_json(),
            "retries": self.metrics.records_retried,
            "errors": tally.failures.kinds_json(),
            "failures": failures,
            "failures_unlisted": unlisted,
            "transaction": tally.end.transaction.map(Ended::name),
            "error": tally.end.failure.as_ref().map(ToString::to_string),
            "interrupted": self.interrupted,
        })
    }

    /// A few lines, or nothing where an error line has told it all.
    pub(crate) fn to_text(&self) -> String {
        let tally = self.tally;
        let mut text = String::new();
        if tally.acknowledged > 0 || tally.failures.count() > 1 {
            text += &match tally.end.transaction {
                Some(Ended::Aborted) => self.aborted_text(),
                _ => self.acknowledged_text(),
            };
            text += &self.failures_text();
        }
        text + &self.interrupted_text()
    }

    fn acknowledged_text(&self) -> String {
        let Tally { acknowledged: records, elapsed, latencies, .. } = self.tally;
        let mut text = format!(
            "{} ({}) acknowledged by topic {} in {}: {} records/s, {}/s\n",
            counted(*records, "record"),
            bytes(self.tally.bytes),
            self.topic,
            duration(*elapsed),
            count(per_second(*records as f64, *elapsed) as u64),
            bytes(per_second(self.tally.bytes as f64, *elapsed) as u64),
        );
        if *records > 0 {
            let at = |quantile| duration(Duration::from_micros(latencies.micros_at(quantile)));
            text += &format!("latency p50 {}, p99 {}", at(0.5), at(0.99));
            text += &format!("; {}", retries(self.metrics.records_retried));
            text += &self.skipped_text();
            text.push('\n');
        }
        if self.tally.end.transaction == Some(Ended::Committed) {
            text += "the transaction was committed\n";
        }
        text
    }

    /// What the brokers had acknowledged before does not matter to anybody.
    fn aborted_text(&self) -> String {
        let records = self.tally.acknowledged + self.tally.failures.count();
        let (records, topic) = (counted(records, "record"), self.topic);
        format!("the transaction was aborted: nothing of {records} becomes visible in {topic}\n")
    }

    fn skipped_text(&self) -> String {
        match self.skipped {
            0 => String::new(),
            skipped => format!("; {} skipped", counted(skipped, "empty record")),
        }
    }

    fn failures_text(&self) -> String {
        let failures = &self.tally.failures;
        if failures.count() == 0 {
            return String::new();
        }
        let kinds: Vec<_> =
            failures.kinds().iter().map(|(kind, n)| format!("{} {kind}", count(*n))).collect();
        let mut text = format!("{} failed: {}", count(failures.count()), kinds.join(", "));
        match self.tally.unshown() {
            0 => {}
            unshown => text += &format!(" ({} not shown above; see -v or --json)", count(unshown)),
        }
        text.push('\n');
        text
    }

    fn interrupted_text(&self) -> String {
        match (self.interrupted, self.tally.last) {
            (true, Some((source, line))) => {
                format!("interrupted after {}\n", place(self.sources, source, line))
            }
            (true, None) => "interrupted before the first record\n".into(),
            (false, _) => String::new(),
        }
    }
}

fn retries(retries: u64) -> String {
    if retries == 1 { "1 retry".into() } else { format!("{} retries", count(retries)) }
}
