//! One partition as sending threads see it: a queue of batches behind a lock.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicU32, Ordering};

use super::batch::{Limits, ProducerBatch};
use super::buffer_pool::{Account, Buffer};
use super::delivery::{BatchResult, Delivery};
use crate::records::{BatchBuilder, Ratio, RecordFields};
use crate::sync::{Arc, Lock, Platform};
use crate::time::Instant;

/// See the [module](self).
pub(crate) struct Partition<X: Platform> {
    /// The partition's number in its topic.
    pub(crate) index: i32,
    /// The sender's number for it.
    pub(crate) lane: u32,
    /// Batches in the queue; what the adaptive partitioner weighs (KIP-794).
    queued: AtomicU32,
    queue: X::Lock<Queue<X>>,
}

struct Queue<X: Platform> {
    /// The last one may be open. Boxed, as a queue has room for up to twice what is in it.
    batches: VecDeque<Box<ProducerBatch<X>>>,
    /// Whose share of the pool its batches count for.
    account: Account,
    /// How large the last batch was when it left; without a bound if it was full.
    grown: usize,
    closed: bool,
}

/// After so many bytes others have their turn at a partition's lock.
const LONGEST_RUN: usize = 16 * 1024;

/// What became of an append.
pub(crate) enum Appended<X: Platform> {
    /// The record is in a batch.
    Done {
        delivery: Delivery<X>,
        /// It is the batch's first record: the buffer of this number was used.
        opened: Option<u64>,
        /// A batch became ready to leave: it is full, or it had no room for this record.
        filled: bool,
    },
    /// There is no open batch with room and no buffer was given.
    NeedsBuffer {
        /// Whose share of the pool it would count for.
        account: Account,
        /// The last batch had no room for the record: this is a batch boundary.
        after_full: bool,
        /// How large the batch before grew; without a bound if it was full.
        grown: usize,
    },
    /// The producer is closed.
    Closed,
}

impl<X: Platform> Partition<X> {
    /// With room for `reserved` batches.
    pub(crate) fn new(index: i32, lane: u32, closed: bool, reserved: usize) -> Self {
        let batches = VecDeque::with_capacity(reserved);
        let queue = Queue { batches, account: Account::default(), grown: 0, closed };
        Self { index, lane, queued: AtomicU32::new(0), queue: X::Lock::new(queue) }
    }

    /// Appends to the open batch and notes its outcome and the record's place in it; tells by how
    /// many bytes that grew and whether it is full now. `None` if there is none with room.
    #[inline]
    pub(crate) fn append_to_open<R>(
        &self,
        fields: &RecordFields<'_>,
        timestamp: i64,
        note: impl FnOnce(&Arc<BatchResult<X>>, u32) -> R,
        grown: impl FnOnce(usize, bool),
    ) -> Option<R> {
        self.queue.with(|queue| {
            if queue.closed {
                return None;
            }
            let last = queue.batches.back_mut()?;
            let before = last.len();
            let index = last.append(fields, timestamp)?;
            grown(last.len() - before, last.is_closed());
            Some(note(&last.result, index))
        })
    }

    /// Appends those of `records`, given with their timestamps, for which the open batch has room,
    /// and notes its outcome, the place and timestamp of the first, and how many they are. Returns
    /// by how many bytes the batch grew and whether it is full now; `None` if it has no room for
    /// the first, or there is none.
    pub(crate) fn append_run<'a>(
        &self,
        records: impl Iterator<Item = (RecordFields<'a>, i64)>,
        note: impl FnOnce(&Arc<BatchResult<X>>, u32, i64, u32),
    ) -> Option<(usize, bool)> {
        self.queue.with(|queue| {
            let last = queue.batches.back_mut().filter(|_| !queue.closed)?;
            let before = last.len();
            let (mut first, mut count) = (None, 0);
            for (fields, timestamp) in records {
                let Some(index) = last.append(&fields, timestamp) else { break };
                first.get_or_insert((index, timestamp));
                count += 1;
                if last.len() - before >= LONGEST_RUN {
                    break;
                }
            }
            let (index, timestamp) = first?;
            note(&last.result, index, timestamp, count);
            Some((last.len() - before, last.is_closed()))
        })
    }

    /// Appends to the open batch, or opens one with `buffer`; takes the buffer only then.
    pub(crate) fn append(
        &self,
        fields: &RecordFields<'_>,
        timestamp: i64,
        buffer: &mut Option<Buffer>,
        limits: impl FnOnce(&Buffer) -> Limits,
        now: impl FnOnce() -> Instant,
    ) -> Appended<X> {
        self.queue.with(|queue| {
            if queue.closed {
                return Appended::Closed;
            }
            if let Some(last) = queue.batches.back_mut()
                && let Some(delivery) = last.try_append(fields, timestamp)
            {
                return Appended::Done { delivery, opened: None, filled: last.is_closed() };
            }
            let Some(buffer) = buffer.take() else {
                let after_full = !queue.batches.is_empty();
                let grown = if after_full { usize::MAX } else { queue.grown };
                return Appended::NeedsBuffer { account: queue.account, after_full, grown };
            };
            let opened = Some(buffer.number);
            let limits = limits(&buffer);
            let mut batch = Box::new(ProducerBatch::new(self.index, buffer, limits, now()));
            let Some(delivery) = batch.try_append(fields, timestamp) else {
                debug_assert!(false, "a batch refused its first record");
                return Appended::Closed;
            };
            // Batches before this one are closed: they had no room for this record.
            let filled = batch.is_closed() || !queue.batches.is_empty();
            queue.batches.push_back(batch);
            self.queued.store(queue.batches.len() as u32, Ordering::Relaxed);
            Appended::Done { delivery, opened, filled }
        })
    }

    /// The records of the newest full batch, with its number, if they are to be compressed and
    /// nobody does that. The batch keeps its place, and does not leave until they are
    /// [back](Self::end_sealing).
    pub(crate) fn begin_sealing(&self) -> Option<(u64, BatchBuilder)> {
        self.queue.with(|queue| {
            // The last one may be open.
            let mut newest = queue.batches.iter_mut().rev().take(2);
            newest.find_map(|batch| Some((batch.number(), batch.begin_sealing()?)))
        })
    }

    /// Gives a batch its records back, unless it has failed in the meantime.
    pub(crate) fn end_sealing(&self, number: u64, sealed: BatchBuilder, ratio: Option<Ratio>) {
        self.queue.with(|queue| {
            let mut batches = queue.batches.iter_mut();
            if let Some(batch) = batches.find(|batch| batch.number() == number) {
                batch.end_sealing(sealed, ratio);
            }
        });
    }

    /// Puts a whole batch at the end of the queue.
    ///
    /// # Errors
    /// The batch, where the producer is closed.
    pub(crate) fn push(&self, batch: Box<ProducerBatch<X>>) -> Result<(), Box<ProducerBatch<X>>> {
        self.queue.with(|queue| {
            if queue.closed {
                return Err(batch);
            }
            queue.batches.push_back(batch);
            self.queued.store(queue.batches.len() as u32, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Looks at the oldest batch.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&ProducerBatch<X>) -> R) -> Option<R> {
        self.queue.with(|queue| queue.batches.front().map(|batch| look(batch)))
    }

    /// Takes the oldest batch if `wanted` says so; it is closed then.
    pub(crate) fn pop_if(
        &self,
        wanted: impl FnOnce(&ProducerBatch<X>) -> bool,
    ) -> Option<Box<ProducerBatch<X>>> {
        self.queue.with(|queue| {
            let first = queue.batches.front()?;
            if wanted(first) { queue.pop(&self.queued) } else { None }
        })
    }

    /// Batches in the queue.
    pub(crate) fn queued(&self) -> u32 {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whose share of the pool its batches count for.
    pub(crate) fn account(&self) -> Account {
        self.queue.with(|queue| queue.account)
    }

    /// From now on its batches count for this share of the pool.
    pub(crate) fn set_account(&self, account: Account) {
        self.queue.with(|queue| queue.account = account);
    }

    /// Takes no more records.
    pub(crate) fn close(&self) {
        self.queue.with(|queue| queue.closed = true);
    }
}

impl<X: Platform> Queue<X> {
    /// Takes the oldest batch. Not in [`Partition::pop_if`], of which each caller has its own.
    #[inline(never)]
    fn pop(&mut self, queued: &AtomicU32) -> Option<Box<ProducerBatch<X>>> {
        let mut batch = self.batches.pop_front()?;
        self.grown = if batch.is_closed() { usize::MAX } else { batch.len() };
        batch.close();
        queued.store(self.batches.len() as u32, Ordering::Relaxed);
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::accumulator::alone::Alone;
    use crate::accumulator::buffer_pool::BufferPool;

    const LIMITS: Limits = Limits { len: 1000, records: 3, compressed: true };

    /// A partition with a batch that is full, one that is open, and memory for no more.
    fn partition(limits: Limits) -> Partition<Alone> {
        let mut pool = BufferPool::new(2000, 1000, Vec::new());
        let partition = Partition::new(0, 0, false, 0);
        for _ in 0..4 {
            let mut buffer = None;
            let append = |buffer: &mut Option<Buffer>| {
                let fields = RecordFields { key: None, value: Some(&[7; 100]), headers: &[] };
                partition.append(&fields, 0, buffer, |_| limits, || Instant::ZERO)
            };
            if let Appended::NeedsBuffer { account, .. } = append(&mut buffer) {
                buffer = pool.try_allocate(1000, account);
                assert!(matches!(append(&mut buffer), Appended::Done { opened: Some(_), .. }));
            }
        }
        partition
    }

    #[test]
    fn a_full_batch_keeps_its_place_while_it_is_compressed() {
        let partition = partition(LIMITS);
        let (number, mut batch) = partition.begin_sealing().unwrap();
        assert!(partition.begin_sealing().is_none(), "one thread does it");
        assert_eq!(partition.peek(ProducerBatch::is_being_sealed), Some(true));
        assert_eq!(partition.peek(ProducerBatch::record_count), Some(3));
        let ratio = batch.seal_at_best(None);
        partition.end_sealing(number, batch, ratio);
        let mut first = partition.pop_if(|batch| !batch.is_being_sealed()).unwrap();
        assert_eq!((first.number(), first.record_count()), (number, 3));
        let mut told = || first.seal(|_| panic!("it is sealed"));
        assert_eq!((told(), told()), (ratio, None), "it is told once");
        assert_eq!(partition.queued(), 1, "the open one");
    }

    #[test]
    fn a_batch_that_fails_while_it_is_compressed_stays_away() {
        let partition = partition(LIMITS);
        let (number, batch) = partition.begin_sealing().unwrap();
        let failed = partition.pop_if(|_| true).unwrap();
        assert_eq!((failed.number(), failed.record_count()), (number, 3));
        partition.end_sealing(number, batch, None);
        assert_eq!(partition.queued(), 1);
        assert_eq!(partition.peek(ProducerBatch::record_count), Some(1));
    }

    #[test]
    fn nothing_is_compressed_that_is_open_or_is_to_stay_as_it_is() {
        let open = Limits { records: 9, ..LIMITS };
        assert!(partition(open).begin_sealing().is_none());
        let plain = Limits { compressed: false, ..LIMITS };
        assert!(partition(plain).begin_sealing().is_none());
    }
}
