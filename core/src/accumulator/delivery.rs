//! How the outcome of a batch reaches whoever sent its records: one result per batch, shared by
//! all.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::error::{DeliveryError, Reason, Written};
use crate::record::RecordMetadata;
use crate::sync::{Arc, Lock, Platform};

/// The future of one record's outcome. Dropping it is fine: the record is sent all the same.
pub struct Delivery<X: Platform> {
    result: Arc<BatchResult<X>>,
    index: u32,
    /// Where among those to be woken the task stands that awaits it, if any does.
    waits_at: u32,
    timestamp: i64,
}

impl<X: Platform> Delivery<X> {
    #[inline]
    pub(crate) fn new(result: Arc<BatchResult<X>>, index: u32, timestamp: i64) -> Self {
        Self { result, index, waits_at: 0, timestamp }
    }

    /// The partition the record was appended to; it never changes afterwards.
    pub fn partition(&self) -> i32 {
        self.result.partition
    }

    /// The outcome, if there is one already.
    pub fn try_get(&self) -> Option<Result<RecordMetadata, DeliveryError>> {
        self.share().lookup(|_| {})
    }

    /// Which batch it is in now: the same number for all of that batch's records, and no other's.
    /// What is [to be stored](crate::ToStore) bears it too.
    pub fn batch(&self) -> usize {
        let mut own = self.share();
        drop(own.lookup(|_| {}));
        own.result.address()
    }

    /// Another future of the same outcome.
    pub(crate) fn share(&self) -> Self {
        Self { result: self.result.clone(), ..*self }
    }

    /// Whether this is the record at `index` of the batch with this result.
    #[inline]
    pub(super) fn is_at(&self, result: &Arc<BatchResult<X>>, index: u32) -> bool {
        Arc::ptr_eq(&self.result, result) && self.index == index
    }

    /// Whether both records travel in one batch.
    #[inline]
    pub(super) fn is_of_batch(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.result, &other.result)
    }

    /// Whether `other` is the record of the same batch that comes `distance` later.
    #[inline]
    pub(super) fn is_before(&self, other: &Self, distance: u32) -> bool {
        self.is_of_batch(other) && self.index.wrapping_add(distance) == other.index
    }

    /// From now on this is the delivery of the batch's next record.
    pub(super) fn skip_one(&mut self) {
        self.index += 1;
    }

    /// The record's outcome, or `None` after `wait` has been given the list of those to be woken.
    pub(super) fn lookup(
        &mut self,
        mut wait: impl FnMut(&mut Vec<Waker>),
    ) -> Option<Result<RecordMetadata, DeliveryError>> {
        loop {
            let (index, timestamp) = (self.index, self.timestamp);
            let partition = self.result.partition;
            let step = self.result.state.with(|state| match &state.outcome {
                None => {
                    wait(&mut state.wakers);
                    Step::Waiting
                }
                Some(Outcome::Moved(parts)) => Step::moved(parts, index),
                Some(outcome) => Step::Done(outcome.of_record(index, partition, timestamp)),
            });
            match step {
                Step::Waiting => return None,
                Step::Done(outcome) => return Some(outcome),
                Step::Moved(result, index) => {
                    self.result = result;
                    self.index = index;
                }
            }
        }
    }
}

impl<X: Platform> fmt::Debug for Delivery<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("partition", &self.result.partition)
            .field("outcome", &self.try_get())
            .finish_non_exhaustive()
    }
}

impl<X: Platform> Future for Delivery<X> {
    type Output = Result<RecordMetadata, DeliveryError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let delivery = self.get_mut();
        let mut at = delivery.waits_at;
        let outcome = delivery.lookup(|wakers| at = add_waker(wakers, cx.waker(), at));
        delivery.waits_at = at;
        match outcome {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

/// Returns where `waker` is, `at` if it is there still. A task that awaits the deliveries of a
/// batch one by one stores one waker.
fn add_waker(wakers: &mut Vec<Waker>, waker: &Waker, at: u32) -> u32 {
    let is_at = |at: usize| wakers.get(at).is_some_and(|known| known.will_wake(waker));
    if is_at(at as usize) {
        return at;
    }
    if !is_at(wakers.len().wrapping_sub(1)) {
        wakers.push(waker.clone());
    }
    (wakers.len() - 1) as u32
}

enum Step<X: Platform> {
    Waiting,
    Done(Result<RecordMetadata, DeliveryError>),
    Moved(Arc<BatchResult<X>>, u32),
}

impl<X: Platform> Step<X> {
    fn moved(parts: &[Part<X>], index: u32) -> Self {
        let part = parts.partition_point(|part| part.first <= index).saturating_sub(1);
        let part = &parts[part];
        Self::Moved(part.result.clone(), part.offset + (index - part.first))
    }
}

/// Where the records from `first` on went: to `result`, from its record `offset` on.
pub(crate) struct Part<X: Platform> {
    pub(crate) first: u32,
    pub(crate) offset: u32,
    pub(crate) result: Arc<BatchResult<X>>,
}

/// What became of a batch.
pub(crate) enum Outcome<X: Platform> {
    /// Acknowledged. No offset with `acks=0` or for a duplicate; the timestamp where the broker's
    /// counts.
    Acknowledged { base_offset: Option<i64>, log_append_time: Option<i64> },
    /// Not acknowledged, none of its records.
    Failed(Box<DeliveryError>),
    /// Refused because of these records, sorted by index (KIP-467); the others share the fate.
    Refused { invalid: Vec<(u32, DeliveryError)>, written: Written, attempts: u32 },
    /// Its records went on in other batches, sorted by their first record; never empty.
    Moved(Vec<Part<X>>),
}

impl<X: Platform> Outcome<X> {
    fn of_record(
        &self,
        index: u32,
        partition: i32,
        timestamp: i64,
    ) -> Result<RecordMetadata, DeliveryError> {
        match self {
            Self::Acknowledged { base_offset, log_append_time } => Ok(RecordMetadata {
                partition,
                offset: base_offset.and_then(|base| base.checked_add(index.into())),
                timestamp: log_append_time.unwrap_or(timestamp),
            }),
            Self::Failed(error) => Err((**error).clone()),
            Self::Refused { invalid, written, attempts } => {
                match invalid.binary_search_by_key(&index, |(index, _)| *index) {
                    Ok(at) => Err(invalid[at].1.clone()),
                    Err(_) => Err(DeliveryError {
                        reason: Reason::OtherRecordInvalid,
                        written: *written,
                        attempts: *attempts,
                        message: None,
                    }),
                }
            }
            Self::Moved(_) => unreachable_moved(),
        }
    }
}

/// `lookup` follows a move before it asks for a record's outcome; should that ever break, say
/// "unknown".
fn unreachable_moved() -> Result<RecordMetadata, DeliveryError> {
    debug_assert!(false, "a moved batch was asked for a record's outcome");
    Err(DeliveryError {
        reason: Reason::Closed,
        written: Written::Maybe,
        attempts: 0,
        message: None,
    })
}

struct State<X: Platform> {
    outcome: Option<Outcome<X>>,
    wakers: Vec<Waker>,
}

/// The outcome of one batch, shared by the deliveries of its records.
pub(crate) struct BatchResult<X: Platform> {
    partition: i32,
    state: X::Lock<State<X>>,
}

impl<X: Platform> BatchResult<X> {
    pub(crate) fn new(partition: i32) -> Arc<Self> {
        let state = X::Lock::new(State { outcome: None, wakers: Vec::new() });
        Arc::new(Self { partition, state })
    }

    /// Tells it from all others that there are.
    pub(crate) fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Sets the outcome once and wakes everybody; a second outcome is ignored (row E6.14).
    pub(crate) fn resolve(&self, outcome: Outcome<X>) {
        let wakers = self.state.with(|state| {
            if state.outcome.is_none() {
                state.outcome = Some(outcome);
            }
            mem::take(&mut state.wakers)
        });
        wakers.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;

    use alloc::task::Wake;

    use super::*;
    use crate::accumulator::alone::Alone;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_task_that_looks_again_is_not_noted_again() {
        let result = BatchResult::<Alone>::new(0);
        let tasks = [Arc::new(Task), Arc::new(Task)];
        let wakers = tasks.clone().map(Waker::from);
        let mut deliveries = [0, 1].map(|index| Delivery::new(result.clone(), index, 0));
        for _ in 0..100 {
            for (delivery, waker) in deliveries.iter_mut().zip(&wakers) {
                let mut cx = Context::from_waker(waker);
                assert!(pin!(delivery).poll(&mut cx).is_pending());
            }
        }
        let noted = tasks.map(|task| Arc::strong_count(&task) - 2);
        assert_eq!(noted, [1, 1]);
    }
}
