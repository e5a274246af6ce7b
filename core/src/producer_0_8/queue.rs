//! The asynchronous mode's queue: how many messages may be without an outcome, and who is next.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Lost, Stats};
use crate::accumulator::delivery::Delivery;
use crate::sync::{Arc, Lock, Platform};

/// Lost messages that are kept until somebody asks; beyond it only their number is.
const MOST_LOST: usize = 1000;

/// So many messages are not worth a look at which of them have their outcome.
const FEW: usize = 1000;

/// See the [module](self).
pub(super) struct Queue<X: Platform> {
    limit: usize,
    state: X::Lock<State<X>>,
}

struct State<X: Platform> {
    /// Messages without an outcome, as far as anybody has looked.
    unsettled: VecDeque<(Arc<str>, Delivery<X>)>,
    /// With so many, it is worth a look: it costs no more than those have that came since the last.
    look_at: usize,
    /// Those who want to add one, in the order of their coming.
    line: VecDeque<u64>,
    next_ticket: u64,
    lost: Vec<Lost>,
    stats: Stats,
}

impl<X: Platform> Queue<X> {
    pub(super) fn new(limit: usize) -> Self {
        let (unsettled, line, lost) = (VecDeque::new(), VecDeque::new(), Vec::new());
        let (next_ticket, stats) = (0, Stats::default());
        let state = State { unsettled, look_at: FEW, line, next_ticket, lost, stats };
        Self { limit, state: X::Lock::new(state) }
    }

    /// The end of the line.
    pub(super) fn take_ticket(&self) -> u64 {
        self.state.with(|state| {
            state.next_ticket += 1;
            state.line.push_back(state.next_ticket);
            state.next_ticket
        })
    }

    /// Leaves the line.
    pub(super) fn give_up(&self, ticket: u64) {
        self.state.with(|state| state.line.retain(|other| *other != ticket));
    }

    /// Whether it is this ticket's turn and there is room.
    pub(super) fn may_enter(&self, ticket: u64) -> bool {
        self.state.with(|state| {
            if state.unsettled.len() >= self.limit {
                state.settle();
            }
            state.line.front() == Some(&ticket) && state.unsettled.len() < self.limit
        })
    }

    pub(super) fn push(&self, topic: Arc<str>, delivery: Delivery<X>) {
        self.state.with(|state| {
            state.unsettled.push_back((topic, delivery));
            if state.unsettled.len() >= state.look_at {
                state.settle();
            }
        });
    }

    /// The messages that were lost since the last call.
    pub(super) fn take_lost(&self) -> Vec<Lost> {
        self.state.with(|state| {
            state.settle();
            core::mem::take(&mut state.lost)
        })
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Stats)) {
        self.state.with(|state| count(&mut state.stats));
    }

    pub(super) fn stats(&self) -> Stats {
        self.state.with(|state| {
            state.settle();
            Stats { queued: state.unsettled.len() as u64, ..state.stats }
        })
    }
}

impl<X: Platform> State<X> {
    /// Lets go of the messages that have their outcome.
    fn settle(&mut self) {
        let Self { unsettled, look_at, lost, stats, .. } = self;
        unsettled.retain(|(topic, delivery)| match delivery.try_get() {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(error)) => {
                stats.failed += 1;
                if lost.len() < MOST_LOST {
                    lost.push(Lost {
                        topic: topic.clone(),
                        partition: delivery.partition(),
                        error,
                    });
                }
                false
            }
        });
        *look_at = FEW.max(unsettled.len().saturating_mul(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulator::alone::Alone;
    use crate::accumulator::delivery::{BatchResult, Outcome};

    #[test]
    fn what_has_its_outcome_leaves_a_queue_that_is_never_full() {
        let queue = Queue::<Alone>::new(usize::MAX);
        let batch = BatchResult::new(0);
        batch.resolve(Outcome::Acknowledged { base_offset: None, log_append_time: None });
        for index in 0..100_000 {
            queue.push("t".into(), Delivery::new(batch.clone(), index, 0));
        }
        assert!(queue.state.with(|state| state.unsettled.len()) <= FEW);
    }
}
