//! Which records failed and why, in little memory even when millions do.

use std::collections::HashMap;

use serde_json::{Value, json};

/// So many runs of failed lines are kept for `--json`; more are only counted.
const RUNS_MAX: usize = 500_000;

/// A failed record, as it is told.
#[derive(Debug)]
pub(crate) struct Failed {
    /// Index of the source.
    pub(crate) source: usize,
    /// The record's line there.
    pub(crate) line: u64,
    /// A short name: a broker's error code, or the producer's own reason.
    pub(crate) kind: &'static str,
    /// In words.
    pub(crate) reason: String,
}

/// Consecutive lines that failed for the same reason.
#[derive(Debug)]
struct Run {
    source: u32,
    reason: u32,
    first: u64,
    last: u64,
}

/// All failures of a run.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    runs: Vec<Run>,
    reasons: Vec<(&'static str, String)>,
    ids: HashMap<String, u32>,
    kinds: Vec<(&'static str, u64)>,
    unlisted: u64,
}

impl Failures {
    /// Keeps `failed`.
    pub(crate) fn add(&mut self, failed: Failed) {
        self.count_kind(failed.kind);
        let source = failed.source as u32;
        let (line, reason) = (failed.line, self.reason_id(failed.kind, failed.reason));
        if let Some(run) = self.runs.last_mut()
            && (run.source, run.reason, run.last + 1) == (source, reason, line)
        {
            run.last = line;
        } else if self.runs.len() < RUNS_MAX {
            self.runs.push(Run { source, reason, first: line, last: line });
        } else {
            self.unlisted += 1;
        }
    }

    /// How many records failed.
    pub(crate) fn count(&self) -> u64 {
        self.kinds.iter().map(|(_, count)| count).sum()
    }

    /// How many of each kind, in order of appearance.
    pub(crate) fn kinds(&self) -> &[(&'static str, u64)] {
        &self.kinds
    }

    /// `{"KIND": count}`.
    pub(crate) fn kinds_json(&self) -> Value {
        self.kinds.iter().map(|&(kind, count)| (kind.to_owned(), json!(count))).collect()
    }

    /// Every failed record that was kept, in the order of the input, and how many were not.
    pub(crate) fn to_json(&self, sources: &[String]) -> (Vec<Value>, u64) {
        let records = self.runs.iter().flat_map(|run| {
            let (kind, reason) = &self.reasons[run.reason as usize];
            let file = &sources[run.source as usize];
            (run.first..=run.last).map(
                move |line| json!({"file": file, "line": line, "error": kind, "reason": reason}),
            )
        });
        (records.collect(), self.unlisted)
    }

    fn count_kind(&mut self, kind: &'static str) {
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.kinds.push((kind, 1)),
        }
    }

    fn reason_id(&mut self, kind: &'static str, reason: String) -> u32 {
        if let Some(&id) = self.ids.get(&reason) {
            return id;
        }
        let id = self.reasons.len() as u32;
        self.reasons.push((kind, reason.clone()));
        self.ids.insert(reason, id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(line: u64, reason: &str) -> Failed {
        Failed { source: 0, line, kind: "KIND", reason: reason.into() }
    }

    #[test]
    fn runs_of_lines_share_memory_and_come_apart_again() {
        let mut failures = Failures::default();
        for line in [1, 2, 3, 7, 8] {
            failures.add(failed(line, "a"));
        }
        failures.add(failed(9, "b"));
        assert_eq!(failures.runs.len(), 3);
        assert_eq!(failures.count(), 6);
        let (records, unlisted) = failures.to_json(&["f".into()]);
        let lines: Vec<_> = records.iter().map(|record| record["line"].as_u64().unwrap()).collect();
        assert_eq!(lines, [1, 2, 3, 7, 8, 9]);
        assert_eq!(records[5]["reason"], "b");
        assert_eq!(unlisted, 0);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut failures = Failures::default();
        for line in 0..RUNS_MAX as u64 + 5 {
            failures.add(failed(line * 2, "a"));
        }
        assert_eq!(failures.count(), RUNS_MAX as u64 + 5);
        assert_eq!(failures.to_json(&["f".into()]).1, 5);
    }
}
