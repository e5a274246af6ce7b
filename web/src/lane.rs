//! Records of one partition that were accepted and wait for their outcome, in order.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
#[cfg(feature = "store")]
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use ottla_core::Delivery;
use ottla_core::sync::Platform;

use crate::results::Results;
use crate::signal::Signal;

/// One waker serves all of a lane's batches: a batch is looked at when its first record is the
/// oldest of the lane. So outcomes of a partition come in order.
pub(crate) struct Lane<X: Platform> {
    waiting: VecDeque<Waiting<X>>,
    /// So many of the first were in a batch that was asked for.
    #[cfg(feature = "store")]
    stored: usize,
    woken: Arc<Signal>,
    waker: Waker,
}

struct Waiting<X: Platform> {
    slot: u32,
    index: u32,
    delivery: Delivery<X>,
}

impl<X: Platform> Lane<X> {
    /// `any` is set whenever one of the lanes is woken.
    pub(crate) fn new(any: &Arc<Signal>) -> Self {
        let (woken, waker) = Signal::new(Some(any.clone()));
        Self {
            waiting: VecDeque::new(),
            #[cfg(feature = "store")]
            stored: 0,
            woken,
            waker,
        }
    }

    /// A record was accepted.
    pub(crate) fn push(&mut self, slot: u32, index: u32, mut delivery: Delivery<X>) {
        if self.waiting.is_empty() {
            let registered = Pin::new(&mut delivery).poll(&mut Context::from_waker(&self.waker));
            if registered.is_ready() {
                self.woken.set();
            }
        }
        self.waiting.push_back(Waiting { slot, index, delivery });
    }

    /// The records that are in the batch of this number, which stand together. Batches are asked
    /// for in their order mostly.
    #[cfg(feature = "store")]
    pub(crate) fn records_of(&mut self, batch: usize) -> Vec<(u32, u32)> {
        let is_in = |waiting: &Waiting<X>| waiting.delivery.batch() == batch;
        let next = (self.stored..self.waiting.len()).find(|at| is_in(&self.waiting[*at]));
        let Some(begin) = next.or_else(|| self.waiting.iter().position(is_in)) else {
            return Vec::new();
        };
        let records = self.waiting.range(begin..).take_while(|waiting| is_in(waiting));
        let records: Vec<_> = records.map(|waiting| (waiting.slot, waiting.index)).collect();
        self.stored = begin + records.len();
        records
    }

    /// Moves the outcomes that are there into `results`. Returns how many.
    pub(crate) fn settle(&mut self, results: &mut Results) -> usize {
        if !self.woken.take() {
            return 0;
        }
        let mut context = Context::from_waker(&self.waker);
        let mut settled = 0;
        while let Some(first) = self.waiting.front_mut() {
            let Poll::Ready(outcome) = Pin::new(&mut first.delivery).poll(&mut context) else {
                break;
            };
            results.outcome(first.slot, first.index, outcome);
            self.waiting.pop_front();
            #[cfg(feature = "store")]
            {
                self.stored = self.stored.saturating_sub(1);
            }
            settled += 1;
        }
        settled
    }
}
