//! Deliveries that are not known yet, by partition: within one they complete in order, so that a
//! slow partition does not make the others' latencies look longer than they are.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ottla::{Delivery, DeliveryError};

/// A record on its way.
struct Sent {
    delivery: Delivery,
    /// When, since the start of the run.
    at: Duration,
    bytes: u32,
    steady: bool,
}

/// Acknowledged records that were sent at the same time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acknowledged {
    /// When they were sent, since the start of the run.
    pub(crate) at: Duration,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    /// Whether they were sent after the warm-up.
    pub(crate) steady: bool,
}

/// Who is told what became of records.
pub(crate) trait Outcomes {
    fn acknowledged(&mut self, group: Acknowledged);
    fn failed(&mut self, error: &DeliveryError);
}

/// The deliveries of one thread.
#[derive(Default)]
pub(crate) struct Pending {
    partitions: Vec<VecDeque<Sent>>,
    count: usize,
}

impl Pending {
    /// Adds a record that was sent `at` so long after the start.
    pub(crate) fn push(&mut self, delivery: Delivery, at: Duration, bytes: usize, steady: bool) {
        let partition = usize::try_from(delivery.partition()).unwrap_or(0);
        if partition >= self.partitions.len() {
            self.partitions.resize_with(partition + 1, VecDeque::new);
        }
        self.count += 1;
        self.partitions[partition].push_back(Sent { delivery, at, bytes: bytes as u32, steady });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes everything that is known by now, in groups; `cx` is woken when there may be more.
    pub(crate) fn take(&mut self, cx: &mut Context<'_>, outcomes: &mut impl Outcomes) {
        for sent in &mut self.partitions {
            let before = sent.len();
            take_front(sent, cx, outcomes);
            self.count -= before - sent.len();
        }
    }
}

fn take_front(queue: &mut VecDeque<Sent>, cx: &mut Context<'_>, outcomes: &mut impl Outcomes) {
    let mut group: Option<Acknowledged> = None;
    while let Some(front) = queue.front_mut() {
        let Poll::Ready(outcome) = Pin::new(&mut front.delivery).poll(cx) else { break };
        let (at, steady, bytes) = (front.at, front.steady, u64::from(front.bytes));
        queue.pop_front();
        if let Err(error) = outcome {
            outcomes.failed(&error);
            continue;
        }
        match &mut group {
            Some(group) if group.at == at => {
                group.records += 1;
                group.bytes += bytes;
            }
            _ => {
                let next = Acknowledged { at, records: 1, bytes, steady };
                if let Some(done) = group.replace(next) {
                    outcomes.acknowledged(done);
                }
            }
        }
    }
    if let Some(done) = group {
        outcomes.acknowledged(done);
    }
}
