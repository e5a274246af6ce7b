//! One sending thread.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use contract::{Latencies, Mode, Pace, Payload, Task};
use ottla::{Delivered, Deliveries, Delivery, Record, SendError, Topic};

/// Outcomes are looked for whenever so many more records were sent.
pub(crate) const LOOK_INTERVAL: u64 = 1024;
/// And so often where latencies are asked for.
const PACED_LOOK_INTERVAL: Duration = Duration::from_micros(250);

pub(crate) struct Lane<'a> {
    task: &'a Task,
    topic: Topic,
    payload: Payload,
    records: u64,
    acknowledged: u64,
    latencies: Latencies,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(task: &'a Task, topic: Topic, payload: Payload, records: u64) -> Self {
        Self { task, topic, payload, records, acknowledged: 0, latencies: Latencies::default() }
    }

    /// Sends all its records and awaits their outcomes.
    pub(crate) fn run(mut self) -> (u64, Latencies) {
        match self.task.mode {
            Mode::Await => self.send_awaited(),
            Mode::Flood => self.flood(),
            Mode::Pace(_) => self.send_paced(),
        }
        (self.acknowledged, self.latencies)
    }

    fn send_awaited(&mut self) {
        for _ in 0..self.records {
            let due = Instant::now();
            self.send().wait().expect("it is acknowledged");
            self.acknowledged += 1;
            self.latencies.record(due.elapsed());
        }
    }

    fn flood(&mut self) {
        let mut sent = Deliveries::new();
        for index in 0..self.records {
            self.send_into(&mut sent);
            if index % LOOK_INTERVAL == 0 {
                while let Some(delivered) = sent.try_next() {
                    self.count(delivered);
                }
            }
        }
        while let Some(delivered) = sent.wait_next() {
            self.count(delivered);
        }
    }

    fn send_into(&mut self, sent: &mut Deliveries) {
        let value = self.payload.next_record();
        match self.topic.try_send_into(Record::new(value), sent) {
            Err(SendError::BufferFull | SendError::MetadataPending) => {
                let sending = self.topic.send_blocking(Record::new(value));
                sent.push(sending.expect("it is accepted"));
            }
            outcome => outcome.expect("it is accepted"),
        }
    }

    fn count(&mut self, (records, outcome): Delivered) {
        outcome.expect("they are acknowledged");
        self.acknowledged += u64::from(records);
    }

    fn send_paced(&mut self) {
        let mut pace = Pace::start(self.task.mode, 1.0 / f64::from(self.task.threads));
        let mut sent = PerPartition::new(self.task.partitions);
        let mut looked = Instant::now();
        for index in 0..self.records {
            let due = pace.wait(index);
            sent.push(self.send(), due);
            if index % 64 == 0 && looked.elapsed() >= PACED_LOOK_INTERVAL {
                looked = Instant::now();
                self.acknowledged += sent.look(self.task, &mut self.latencies);
            }
        }
        while !sent.is_empty() {
            thread::sleep(PACED_LOOK_INTERVAL);
            self.acknowledged += sent.look(self.task, &mut self.latencies);
        }
    }

    /// Sends the next record; waits only where there is no memory, or no metadata yet.
    fn send(&mut self) -> Delivery {
        let record = Record::new(self.payload.next_record());
        match self.topic.try_send(record) {
            Err(SendError::BufferFull | SendError::MetadataPending) => {
                self.topic.send_blocking(record).expect("it is accepted")
            }
            outcome => outcome.expect("it is accepted"),
        }
    }
}

/// Whether its outcome is known by now, which then must be a good one.
fn is_acknowledged(delivery: &mut Delivery) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    match Pin::new(delivery).poll(&mut context) {
        Poll::Pending => false,
        Poll::Ready(outcome) => outcome.map(|_| true).expect("it is acknowledged"),
    }
}

/// Records on their way and when they were due, by partition: a late one must not make the others'
/// latencies look longer than they are.
struct PerPartition(Vec<VecDeque<(Delivery, Instant)>>);

impl PerPartition {
    fn new(partitions: u32) -> Self {
        Self((0..partitions).map(|_| VecDeque::new()).collect())
    }

    fn push(&mut self, delivery: Delivery, due: Instant) {
        self.0[delivery.partition() as usize].push_back((delivery, due));
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }

    /// Takes the outcomes that are known by now; how many those are.
    fn look(&mut self, task: &Task, latencies: &mut Latencies) -> u64 {
        let now = Instant::now();
        let mut known = 0;
        for (partition, sent) in (0..).zip(&mut self.0) {
            while let Some((delivery, due)) = sent.front_mut()
                && is_acknowledged(delivery)
            {
                if task.is_healthy(partition) {
                    latencies.record(now.saturating_duration_since(*due));
                }
                sent.pop_front();
                known += 1;
            }
        }
        known
    }
}
