//! Many deliveries in the room of few.

use alloc::collections::VecDeque;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use super::delivery::{BatchResult, Delivery};
use crate::error::DeliveryError;
use crate::sync::{Arc, Platform};

/// Deliveries whose outcomes are taken in the order in which they were added.
///
/// Consecutive records of one batch take one place here, and what became of them is told once: a
/// program that only has to know whether its records arrived pays for batches, not for records.
pub struct Deliveries<X: Platform> {
    runs: VecDeque<Run<X>>,
}

/// Consecutive records of one batch.
struct Run<X: Platform> {
    first: Delivery<X>,
    records: u32,
}

/// What became of so many records.
pub type Delivered = (u32, Result<(), DeliveryError>);

impl<X: Platform> Deliveries<X> {
    /// None yet.
    pub const fn new() -> Self {
        Self { runs: VecDeque::new() }
    }

    /// Adds the delivery of one record.
    #[inline]
    pub fn push(&mut self, delivery: Delivery<X>) {
        match self.runs.back_mut() {
            Some(run) if run.first.is_before(&delivery, run.records) => run.records += 1,
            _ => self.runs.push_back(Run { first: delivery, records: 1 }),
        }
    }

    /// Adds the record at `index` of a batch: without counting a reference to its outcome where the
    /// one before is the last of these.
    #[inline]
    pub(crate) fn note(&mut self, result: &Arc<BatchResult<X>>, index: u32, timestamp: i64) {
        self.note_run(result, index, timestamp, 1);
    }

    /// As [`note`](Self::note) for so many consecutive records, the first with this timestamp.
    #[inline]
    pub(crate) fn note_run(
        &mut self,
        result: &Arc<BatchResult<X>>,
        index: u32,
        timestamp: i64,
        records: u32,
    ) {
        match self.runs.back_mut() {
            Some(run) if run.first.is_at(result, index.wrapping_sub(run.records)) => {
                run.records += records;
            }
            _ => {
                let first = Delivery::new(result.clone(), index, timestamp);
                self.runs.push_back(Run { first, records });
            }
        }
    }

    /// Whether all outcomes were taken.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Takes the oldest outcome, and how many records share it; `None` once all were taken.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivered>> {
        let Some(run) = self.runs.front() else { return Poll::Ready(None) };
        let mut first = run.first.share();
        let outcome = ready!(Pin::new(&mut first).poll(cx));
        Poll::Ready(self.take(&first, outcome.map(drop)))
    }

    /// Takes the oldest outcome if it is known.
    pub fn try_next(&mut self) -> Option<Delivered> {
        let mut first = self.runs.front()?.first.share();
        let outcome = first.lookup(|_| {})?;
        self.take(&first, outcome.map(drop))
    }

    /// The outcome of the front run, whose first record is `first` by now.
    fn take(
        &mut self,
        first: &Delivery<X>,
        outcome: Result<(), DeliveryError>,
    ) -> Option<Delivered> {
        let run = self.runs.front_mut()?;
        // Of a batch that was refused or split, each record may have its own.
        if run.records == 1 || (outcome.is_ok() && run.first.is_of_batch(first)) {
            let records = self.runs.pop_front()?.records;
            return Some((records, outcome));
        }
        run.first.skip_one();
        run.records -= 1;
        Some((1, outcome))
    }
}

impl<X: Platform> Default for Deliveries<X> {
    fn default() -> Self {
        Self::new()
    }
}

impl<X: Platform> fmt::Debug for Deliveries<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("runs", &self.runs.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::task::Waker;

    use super::*;
    use crate::accumulator::alone::Alone;
    use crate::accumulator::delivery::{Outcome, Part};
    use crate::error::{Reason, Written};

    type Batch = Arc<BatchResult<Alone>>;

    const ACKNOWLEDGED: Outcome<Alone> =
        Outcome::Acknowledged { base_offset: Some(0), log_append_time: None };

    fn error() -> DeliveryError {
        let reason = Reason::Closed;
        DeliveryError { reason, written: Written::No, attempts: 0, message: None }
    }

    fn batch() -> Batch {
        BatchResult::new(0)
    }

    fn deliveries(records: &[(&Batch, u32)]) -> Deliveries<Alone> {
        let mut deliveries = Deliveries::new();
        for (batch, index) in records {
            deliveries.push(Delivery::new(Arc::clone(batch), *index, 0));
        }
        deliveries
    }

    fn known(deliveries: &mut Deliveries<Alone>) -> Vec<(u32, bool)> {
        let next = || deliveries.try_next().map(|(records, outcome)| (records, outcome.is_ok()));
        core::iter::from_fn(next).collect()
    }

    #[test]
    fn records_of_a_batch_are_told_together_and_in_order() {
        let (a, b) = (batch(), batch());
        let mut deliveries = deliveries(&[(&a, 0), (&a, 1), (&b, 0), (&a, 2), (&a, 3), (&a, 5)]);
        b.resolve(ACKNOWLEDGED);
        assert_eq!(known(&mut deliveries), [], "the oldest is not known");
        let mut cx = Context::from_waker(Waker::noop());
        assert!(deliveries.poll_next(&mut cx).is_pending());
        a.resolve(ACKNOWLEDGED);
        assert_eq!(deliveries.poll_next(&mut cx), Poll::Ready(Some((2, Ok(())))));
        assert_eq!(known(&mut deliveries), [(1, true), (2, true), (1, true)]);
        assert!(deliveries.is_empty());
        assert_eq!(deliveries.poll_next(&mut cx), Poll::Ready(None));
    }

    #[test]
    fn records_noted_by_their_batch_are_as_if_their_deliveries_were_added() {
        let (a, b) = (batch(), batch());
        let mut deliveries = Deliveries::new();
        for (batch, index) in [(&a, 3), (&a, 4), (&b, 5), (&b, 7), (&b, 8), (&a, 5)] {
            deliveries.note(batch, index, 0);
        }
        assert_eq!((Arc::strong_count(&a), Arc::strong_count(&b)), (3, 3), "one for each run");
        a.resolve(ACKNOWLEDGED);
        b.resolve(ACKNOWLEDGED);
        assert_eq!(known(&mut deliveries), [(2, true), (1, true), (2, true), (1, true)]);
    }

    #[test]
    fn records_that_fail_are_told_one_by_one() {
        let (failed, refused) = (batch(), batch());
        let mut deliveries =
            deliveries(&[(&failed, 0), (&failed, 1), (&refused, 0), (&refused, 1)]);
        failed.resolve(Outcome::Failed(Box::new(error())));
        let invalid = vec![(1, error())];
        refused.resolve(Outcome::Refused { invalid, written: Written::No, attempts: 1 });
        let reasons: Vec<_> = core::iter::from_fn(|| deliveries.try_next())
            .map(|(records, outcome)| (records, outcome.unwrap_err().reason))
            .collect();
        let [closed, other] = [Reason::Closed, Reason::OtherRecordInvalid];
        let expected = [closed.clone(), closed.clone(), other, closed].map(|reason| (1, reason));
        assert_eq!(reasons, expected);
    }

    #[test]
    fn records_of_a_split_batch_have_the_outcomes_of_its_parts() {
        let (whole, first, second) = (batch(), batch(), batch());
        let mut deliveries = deliveries(&[(&whole, 0), (&whole, 1), (&whole, 2)]);
        let part = |first, result: &Batch| Part { first, offset: 0, result: Arc::clone(result) };
        whole.resolve(Outcome::Moved(vec![part(0, &first), part(2, &second)]));
        first.resolve(ACKNOWLEDGED);
        assert_eq!(known(&mut deliveries), [(1, true), (1, true)]);
        second.resolve(Outcome::Failed(Box::new(error())));
        assert_eq!(known(&mut deliveries), [(1, false)]);
        assert!(deliveries.is_empty());
    }
}
