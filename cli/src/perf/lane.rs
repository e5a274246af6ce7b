//! One sending thread of `ottla perf`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ottla::transaction::TransactionalProducer;
use ottla::{Delivery, DeliveryError, Record, SendError, Topic};

use super::payload::Payloads;
use super::pending::{Acknowledged, Outcomes, Pending};
use super::stats::{Totals, Window};
use crate::args::PerfArgs;
use crate::client::Client;
use crate::kind;
use crate::target::Target;

/// As fast as possible, so many records share one look at the clock: it would cost as much as
/// sending.
const RECORDS_PER_CLOCK: u64 = 32;
/// As fast as possible, acknowledgements are looked for so often.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);
/// Of a transaction, as in Kafka's tool.
const DEFAULT_DURATION: Duration = Duration::from_secs(3);
/// Distinct reasons that are shown.
const REASONS_MAX: usize = 5;

/// What a lane has counted so far; the thread that prints looks at it too.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) window: Window,
    pub(crate) totals: Totals,
    /// Only what was sent after the warm-up, and when that began.
    pub(crate) steady: Option<(Totals, Instant)>,
    /// Records that failed.
    pub(crate) errors: u64,
    /// Why, each reason once.
    pub(crate) reasons: Vec<String>,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Self {
            window: Window::default(),
            totals: Totals::new(),
            steady: None,
            errors: 0,
            reasons: Vec::new(),
        }
    }

    fn failed(&mut self, reason: String) {
        self.errors += 1;
        if self.reasons.len() < REASONS_MAX && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}

/// What a lane has to do.
pub(crate) struct Task {
    pub(crate) payloads: Payloads,
    /// The number of its first record, and how far it is to the next one.
    pub(crate) first: u64,
    pub(crate) step: u64,
    pub(crate) records: u64,
    /// How many of them are warm-up; `None` where all count the same.
    pub(crate) warmup: Option<u64>,
    /// Time between two records; `None` is as fast as possible.
    pub(crate) interval: Option<Duration>,
    pub(crate) await_each: bool,
}

/// How its records get to the topic.
pub(crate) enum Way<'a> {
    Topic(Topic),
    Transactions { producer: &'a mut TransactionalProducer, topic: &'a str, duration: Duration },
}

impl Task {
    /// The share of `lane` out of `lanes` in `total`.
    pub(crate) fn share(total: u64, lane: u64, lanes: u64) -> u64 {
        total / lanes + u64::from(lane < total % lanes)
    }
}

/// A lane at work.
pub(crate) struct Lane {
    task: Task,
    counts: Arc<Mutex<Counts>>,
    stop: Arc<AtomicBool>,
    pending: Pending,
    waker: Waker,
    start: Instant,
    /// Since the start; renewed where there was something to wait for.
    now: Duration,
    looked: Duration,
}

impl Lane {
    /// Sends all of `task` from this thread.
    pub(crate) fn run(way: Way<'_>, task: Task, counts: Arc<Mutex<Counts>>, stop: Arc<AtomicBool>) {
        let mut lane = Self {
            waker: waker(&task),
            task,
            counts,
            stop,
            pending: Pending::default(),
            start: Instant::now(),
            now: Duration::ZERO,
            looked: Duration::ZERO,
        };
        match way {
            Way::Topic(topic) => drop(lane.send_from(0, &mut Target::Topic(topic), None)),
            Way::Transactions { producer, topic, duration } => {
                lane.send_in_transactions(producer, topic, duration);
            }
        }
        lane.drain();
    }

    /// Sends the records from this one on, until the time is up; returns the next.
    fn send_from(&mut self, first: u64, target: &mut Target<'_>, until: Option<Duration>) -> u64 {
        for index in first..self.task.records {
            if self.task.warmup == Some(index) {
                self.lock(|counts| counts.steady = Some((Totals::new(), Instant::now())));
            }
            if !self.pace(index) || !self.send(index, target) {
                return self.task.records;
            }
            if until.is_some_and(|until| self.now >= until) {
                return index + 1;
            }
        }
        self.task.records
    }

    /// One transaction after another; one that is not committed ends the run.
    fn send_in_transactions(
        &mut self,
        producer: &mut TransactionalProducer,
        topic: &str,
        duration: Duration,
    ) {
        let mut next = 0;
        while next < self.task.records && !self.stop.load(Relaxed) {
            let transaction = match producer.begin_blocking() {
                Ok(transaction) => transaction,
                Err(error) => return self.lock(|counts| counts.failed(error.to_string())),
            };
            let until = self.start.elapsed() + duration;
            let mut target = Target::Transaction(transaction.topic(topic));
            next = self.send_from(next, &mut target, Some(until));
            if let Err(error) = transaction.commit_blocking() {
                return self.lock(|counts| counts.failed(error.to_string()));
            }
            self.now = self.start.elapsed();
            self.look();
        }
    }

    /// Waits for the record's turn; false if the run is to stop.
    fn pace(&mut self, index: u64) -> bool {
        if let Some(interval) = self.task.interval {
            self.wait_until(interval.mul_f64(index as f64));
        } else if index.is_multiple_of(RECORDS_PER_CLOCK) || self.task.await_each {
            self.now = self.start.elapsed();
            if self.now >= self.looked + LOOK_INTERVAL {
                self.look();
            }
        } else {
            return true;
        }
        !self.stop.load(Relaxed)
    }

    /// Counts what is acknowledged meanwhile, as it comes.
    fn wait_until(&mut self, due: Duration) {
        loop {
            self.now = self.start.elapsed();
            if self.now >= due || self.stop.load(Relaxed) {
                return;
            }
            self.look();
            thread::park_timeout(due.saturating_sub(self.start.elapsed()));
        }
    }

    /// Sends record `index`; false if it makes no sense to go on.
    fn send(&mut self, index: u64, target: &mut Target<'_>) -> bool {
        let number = self.task.first + index * self.task.step;
        let payload = self.task.payloads.next(number);
        let bytes = payload.len();
        let sent_at = self.now;
        let record = Record::new(payload);
        let (outcome, waited) = match target.try_send(record) {
            Err(SendError::BufferFull | SendError::MetadataPending) => {
                (target.send_blocking(record), true)
            }
            outcome => (outcome, false),
        };
        if waited {
            self.now = self.start.elapsed();
            self.look();
        }
        match outcome {
            Ok(delivery) => self.sent(delivery, sent_at, bytes, index),
            Err(error) => return self.refused(&error),
        }
        true
    }

    fn sent(&mut self, delivery: Delivery, at: Duration, bytes: usize, index: u64) {
        let steady = self.task.warmup.is_some_and(|warmup| index >= warmup);
        if !self.task.await_each {
            return self.pending.push(delivery, at, bytes, steady);
        }
        let outcome = delivery.wait();
        self.now = self.start.elapsed();
        let group = Acknowledged { at, records: 1, bytes: bytes as u64, steady };
        let now = self.now;
        self.lock(|counts| {
            let mut tell = Tell { counts, now };
            match outcome {
                Ok(_) => tell.acknowledged(group),
                Err(error) => tell.failed(&error),
            }
        });
    }

    fn refused(&self, error: &SendError) -> bool {
        if *error != SendError::Closed {
            self.lock(|counts| counts.failed(error.to_string()));
        }
        let go_on = !kind::is_hopeless(error) && *error != SendError::Closed;
        if !go_on {
            self.stop.store(true, Relaxed);
        }
        go_on
    }

    /// Counts what is known by now.
    fn look(&mut self) {
        self.looked = self.now;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tell = Tell { counts: &mut counts, now: self.now };
        self.pending.take(&mut Context::from_waker(&self.waker), &mut tell);
    }

    /// Waits for all that is still on its way.
    fn drain(&mut self) {
        self.waker = unparking_waker();
        loop {
            self.now = self.start.elapsed();
            self.look();
            if self.pending.is_empty() {
                return;
            }
            thread::park();
        }
    }

    fn lock<R>(&self, f: impl FnOnce(&mut Counts) -> R) -> R {
        f(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts outcomes that are seen `now`.
struct Tell<'a> {
    counts: &'a mut Counts,
    now: Duration,
}

impl Outcomes for Tell<'_> {
    fn acknowledged(&mut self, group: Acknowledged) {
        let latency = self.now.saturating_sub(group.at);
        let Acknowledged { records, bytes, .. } = group;
        self.counts.window.record(latency, records, bytes);
        self.counts.totals.record(latency, records, bytes);
        if let (true, Some((totals, _))) = (group.steady, &mut self.counts.steady) {
            totals.record(latency, records, bytes);
        }
    }

    fn failed(&mut self, error: &DeliveryError) {
        self.counts.failed(error.to_string());
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn unparking_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

/// Waking costs a system call, which only a thread that sleeps between records needs.
fn waker(task: &Task) -> Waker {
    if task.interval.is_some() { unparking_waker() } else { Waker::noop().clone() }
}

/// The tasks of all lanes.
pub(crate) fn tasks<'a>(
    client: &'a mut Client,
    args: &'a PerfArgs,
    payloads: &Payloads,
) -> Vec<(Way<'a>, Task)> {
    let lanes = u64::from(args.threads);
    let ways: Vec<Way<'a>> = match client {
        Client::Plain(producer) => {
            (0..lanes).map(|_| Way::Topic(producer.topic(&args.topic))).collect()
        }
        Client::Transactional(producer) => {
            let duration = args.transaction_duration().unwrap_or(DEFAULT_DURATION);
            vec![Way::Transactions { producer, topic: &args.topic, duration }]
        }
    };
    (0..lanes)
        .zip(ways)
        .map(|(lane, way)| {
            (
                way,
                Task {
                    payloads: payloads.for_lane(lane as u32),
                    first: lane,
                    step: lanes,
                    records: Task::share(args.num_records, lane, lanes),
                    warmup: (args.warmup_records > 0)
                        .then(|| Task::share(args.warmup_records, lane, lanes)),
                    interval: (args.throughput > 0.0)
                        .then(|| Duration::from_secs_f64(lanes as f64 / args.throughput)),
                    await_each: args.await_each,
                },
            )
        })
        .collect()
}
