//! The waiting side of `ottla produce`: takes deliveries in the order of the input and counts them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::failures::{Failed, Failures};
use super::pump::{Accepted, Chunk, Event, Refusal};
use super::shared::Shared;
use super::transaction::End;
use crate::kind::{self, TRANSACTION_ABORTED};
use crate::latency::Latencies;
use crate::progress::Progress;

/// Failures shown one by one; more with `-v`.
const SHOWN_MAX: u64 = 20;

/// What became of the whole input.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    /// Key and value bytes of what was acknowledged.
    pub(crate) bytes: u64,
    pub(crate) latencies: Latencies,
    pub(crate) failures: Failures,
    /// How many failures were told one by one.
    shown: u64,
    pub(crate) end: End,
    /// From the first record sent to the last outcome.
    pub(crate) elapsed: Duration,
    /// Source and line of the last record that was sent or refused.
    pub(crate) last: Option<(usize, u64)>,
}

/// Counts outcomes as they come.
pub(crate) struct Reaper<'a> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) progress: &'a Progress,
    /// Names of the sources, for telling where a record came from.
    pub(crate) sources: &'a [String],
    /// Whether every failure is shown.
    pub(crate) verbose: bool,
    tally: Tally,
    first_sent: Option<Instant>,
    /// The last look at the clock.
    now: Instant,
}

impl<'a> Reaper<'a> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        progress: &'a Progress,
        sources: &'a [String],
        verbose: bool,
    ) -> Self {
        let tally = Tally {
            acknowledged: 0,
            bytes: 0,
            latencies: Latencies::new(),
            failures: Failures::default(),
            shown: 0,
            end: End::default(),
            elapsed: Duration::ZERO,
            last: None,
        };
        Self { shared, progress, sources, verbose, tally, first_sent: None, now: Instant::now() }
    }

    /// Waits for every record's outcome.
    pub(crate) fn run(mut self, events: &Receiver<Event>) -> Tally {
        while let Ok(event) = events.recv() {
            match event {
                Event::Chunk(chunk) => self.chunk(chunk),
                Event::End(end) => {
                    self.tally.end = end;
                    break;
                }
            }
        }
        self.now = Instant::now();
        self.tally.elapsed = self.first_sent.map_or(Duration::ZERO, |first| self.now - first);
        self.tally
    }

    fn chunk(&mut self, chunk: Chunk) {
        self.first_sent.get_or_insert(chunk.sent_at);
        self.now = Instant::now();
        let mut done = 0;
        for entry in chunk.entries {
            self.tally.last = Some((chunk.source, entry.line));
            let (line, bytes) = (entry.line, entry.bytes);
            match self.outcome(entry.outcome, chunk.sent_at, &mut done) {
                Ok(()) => {
                    done += 1;
                    self.tally.acknowledged += 1;
                    self.tally.bytes += u64::from(bytes);
                }
                Err(failed) => self.failed(chunk.source, line, failed),
            }
        }
        self.record_latency(chunk.sent_at, done);
        self.publish();
    }

    /// Waits where it must. `done` counts acknowledgements since the last look at the clock.
    fn outcome(
        &mut self,
        accepted: Accepted,
        sent_at: Instant,
        done: &mut u64,
    ) -> Result<(), (&'static str, String)> {
        let delivery = match accepted {
            Accepted::Yes(delivery) => delivery,
            Accepted::No(refusal) => return Err(describe_refusal(&refusal)),
        };
        let outcome = delivery.try_get().unwrap_or_else(|| {
            self.record_latency(sent_at, std::mem::take(done));
            self.publish();
            let outcome = delivery.wait();
            self.now = Instant::now();
            outcome
        });
        match outcome {
            Ok(_) => Ok(()),
            Err(error) => Err((kind::of_delivery_error(&error), error.to_string())),
        }
    }

    fn record_latency(&mut self, sent_at: Instant, count: u64) {
        if count > 0 {
            self.tally.latencies.record(self.now.saturating_duration_since(sent_at), count);
        }
    }

    /// Lets the progress see the counts.
    fn publish(&self) {
        self.shared.acknowledged.store(self.tally.acknowledged, Relaxed);
        self.shared.failed.store(self.tally.failures.count(), Relaxed);
    }

    fn failed(&mut self, source: usize, line: u64, (kind, reason): (&'static str, String)) {
        // That the transaction was aborted is told once, with the reason.
        let shown = kind != TRANSACTION_ABORTED && self.tally.shown < SHOWN_MAX;
        if self.verbose || shown {
            self.tally.shown += 1;
            let place = place(self.sources, source, line);
            self.progress.error(&format!("{place}: {reason}"));
        }
        self.tally.failures.add(Failed { source, line, kind, reason });
    }
}

impl Tally {
    /// How many failures were not shown.
    pub(crate) fn unshown(&self) -> u64 {
        self.failures.count() - self.shown
    }
}

/// `line 7`, or `FILE:7` where there are several sources.
pub(crate) fn place(sources: &[String], source: usize, line: u64) -> String {
    if sources.len() > 1 { format!("{}:{line}", sources[source]) } else { format!("line {line}") }
}

fn describe_refusal(refusal: &Refusal) -> (&'static str, String) {
    match refusal {
        Refusal::Send(error) if kind::is_hopeless(error) => {
            (kind::of_send_error(error), format!("{error}; nothing after it was sent"))
        }
        Refusal::Send(error) => (kind::of_send_error(error), error.to_string()),
        Refusal::TooLong { bytes, limit, whole_file } => {
            let what =
                if *whole_file { "the file has" } else { "up to the next delimiter there are" };
            (
                "RECORD_TOO_LARGE",
                format!(
                    "{what} {bytes} bytes, more than max.request.size = {limit}: raise \
                     max.request.size or send less"
                ),
            )
        }
    }
}
