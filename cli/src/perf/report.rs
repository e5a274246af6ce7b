//! The end of `ottla perf`.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::SharedCounts;
use super::lane::Counts;
use super::stats::Totals;
use crate::cpu::Usage;
use crate::rate::{MEBIBYTE, per_second};

/// What all lanes counted together.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) counts: Counts,
    /// From the first record sent to the last acknowledged.
    elapsed: Duration,
    /// From the end of the warm-up.
    steady_elapsed: Duration,
    /// Before and after.
    usage: Option<(Usage, Usage)>,
    panicked: bool,
}

impl Report {
    /// Adds up the lanes of a run that ended at `end` after `elapsed`.
    pub(crate) fn new(
        lanes: &[SharedCounts],
        elapsed: Duration,
        end: Instant,
        usage: Option<(Usage, Usage)>,
        panicked: bool,
    ) -> Self {
        let mut counts = Counts::new();
        for lane in lanes {
            merge(&mut counts, &lane.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let steady_elapsed = counts.steady.as_ref().map_or(Duration::ZERO, |(_, at)| end - *at);
        Self { counts, elapsed, steady_elapsed, usage, panicked }
    }

    /// Whether a record was not acknowledged.
    pub(crate) fn failed(&self) -> bool {
        self.panicked || self.counts.errors > 0
    }

    /// Kafka's lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.counts.totals.line(self.elapsed, "")];
        if let Some((steady, _)) = &self.counts.steady {
            lines.push(steady.line(self.steady_elapsed, " steady state"));
        }
        lines
    }

    /// One object; what the system doesn't tell is null.
    pub(crate) fn to_json(&self) -> Value {
        let Totals { sums, latencies } = &self.counts.totals;
        let cpu = |part: fn(&Usage) -> Duration| {
            self.usage.map(|(before, after)| (part(&after) - part(&before)).as_secs_f64())
        };
        json!({
            "records": sums.records,
            "errors": self.counts.errors,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "records_per_s": per_second(sums.records as f64, self.elapsed),
            "megabytes_per_s": per_second(sums.bytes as f64 / MEBIBYTE, self.elapsed),
            "cpu_user_s": cpu(|usage| usage.user),
            "cpu_system_s": cpu(|usage| usage.system),
            "max_rss_bytes": self.usage.map(|(_, after)| after.max_rss),
            "latency_us": latencies.to_json(),
        })
    }
}

fn merge(all: &mut Counts, lane: &Counts) {
    all.totals.merge(&lane.totals);
    all.errors += lane.errors;
    for reason in &lane.reasons {
        if !all.reasons.contains(reason) {
            all.reasons.push(reason.clone());
        }
    }
    let Some((totals, at)) = &lane.steady else { return };
    match &mut all.steady {
        Some((sum, first)) => {
            sum.merge(totals);
            *first = (*first).min(*at);
        }
        None => all.steady = Some((totals.clone(), *at)),
    }
}
