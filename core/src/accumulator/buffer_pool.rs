//! The fixed memory that batches grow in (`buffer.memory`), given out first come, first served.
//!
//! Kafka's `BufferPool` with three differences: waiting is a ticket that can be dropped at any time
//! (never a blocked thread), every buffer carries a number from which `flush` knows what came
//! before it, and one node may not take the memory of all (see [`BufferPool::may_hold`]).

use alloc::collections::{TryReserveError, VecDeque};
use alloc::vec::Vec;
use core::mem;
use core::ops::ControlFlow;
use core::task::Waker;

#[cfg(feature = "waiting")]
use super::waiters::Ticket;
use super::waiters::Waiters;
use crate::forget::forget;
use crate::protocol::api_key::BROKERS;
use crate::time::Instant;

/// Which node's batches a buffer counts for: an index the sender hands out; 0 is "no leader known".
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Account(pub(crate) u16);

/// Memory for one batch. Moved, never shared: whoever holds it is the only one who can touch its
/// bytes, and it goes back through [`BufferPool::deallocate`].
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Empty; capacity of at least the size asked for.
    pub(crate) bytes: Vec<u8>,
    /// What was taken from the pool for it.
    reserved: usize,
    account: Account,
    /// Rises with every allocation: "everything accepted before" is "every lower number".
    pub(crate) number: u64,
}

/// The memory that a batch wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) best: usize,
    pub(crate) least: usize,
    pub(crate) account: Account,
}

/// Memory that somebody who waited was granted, who may never come for it: so it has no number yet,
/// and neither `flush` nor `close` waits for it.
#[derive(Debug)]
pub(super) struct Grant {
    bytes: Vec<u8>,
    reserved: usize,
    account: Account,
}

/// How much one node's batches may hold, in multiples of what is free (Choudhury and Hahne's
/// dynamic threshold): a node whose broker is slow or down stops at ⁴⁄₅ of the memory, and two of
/// them at ⁴⁄₉ each, so that the healthy ones always find some.
const SHARE_OF_FREE: usize = 4;

/// So many tasks may wait for memory that is fixed before the list of them grows.
const FEW_WAITERS: usize = 4;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct BufferPool {
    total: usize,
    poolable: usize,
    /// Bytes that no buffer has.
    available: usize,
    /// Buffers of `poolable` bytes, ready for use.
    free: Vec<Vec<u8>>,
    waiters: Waiters,
    held: Vec<usize>,
    nodes: usize,
    incomplete: Incomplete,
    closed: bool,
}

impl BufferPool {
    /// A pool of `total` bytes that keeps buffers of `poolable` bytes for reuse. `free` are those
    /// that were [reserved](reserve), if all memory is taken from the allocator at the start.
    pub(crate) fn new(total: usize, poolable: usize, free: Vec<Vec<u8>>) -> Self {
        let buffers = free.len();
        let few = if buffers > 0 { FEW_WAITERS } else { 0 };
        Self {
            total,
            poolable,
            available: total - buffers * poolable,
            free,
            waiters: Waiters::with_capacity(few),
            held: Vec::new(),
            nodes: 1,
            incomplete: Incomplete::with_capacity(buffers),
            closed: false,
        }
    }

    /// Bytes that nobody holds.
    pub(crate) fn free_bytes(&self) -> usize {
        self.available + self.free.len() * self.poolable
    }

    /// Bytes of batches that have no outcome.
    pub(crate) fn held_bytes(&self) -> usize {
        self.total - self.free_bytes()
    }

    /// All bytes, held or not.
    pub(crate) fn total_bytes(&self) -> usize {
        self.total
    }

    /// How many senders wait for memory.
    pub(crate) fn waiting(&self) -> usize {
        self.waiters.count()
    }

    /// How many nodes lead partitions; with one there is nobody to protect.
    pub(crate) fn set_nodes(&mut self, nodes: usize) {
        self.nodes = nodes;
    }

    /// Whether `account` may hold `size` bytes more where so many are free.
    fn may_hold(&self, account: Account, size: usize, free: usize) -> bool {
        let held = self.held_by(account);
        self.nodes <= 1 || held == 0 || held + size <= free.saturating_mul(SHARE_OF_FREE)
    }

    fn held_by(&self, account: Account) -> usize {
        self.held.get(usize::from(account.0)).copied().unwrap_or(0)
    }

    /// Whether what is free is kept for one who waits: not where nothing but the batches of its own
    /// node could make room for it.
    fn is_kept_for(&self, account: Account, size: usize) -> bool {
        let others_could = size <= self.total - self.held_by(account);
        let free = self.free_bytes().max(size);
        self.nodes <= 1 || (others_could && self.may_hold(account, size, free))
    }

    /// Memory at once, unless there is none or somebody waits for it already. Who waits because
    /// its node has its share stops nobody else.
    pub(crate) fn try_allocate(&mut self, size: usize, account: Account) -> Option<Buffer> {
        if self.closed || self.waiters.any(|size, account| self.is_kept_for(account, size)) {
            return None;
        }
        let grant = self.take(size, account)?;
        Some(self.number(grant))
    }

    /// The same with the least that will do, where there isn't the best.
    pub(crate) fn try_allocate_wanted(&mut self, wanted: Wanted) -> Option<Buffer> {
        let Wanted { best, least, account } = wanted;
        let buffer = self.try_allocate(best, account);
        if buffer.is_some() || least == best { buffer } else { self.try_allocate(least, account) }
    }

    fn number(&mut self, grant: Grant) -> Buffer {
        let Grant { bytes, reserved, account } = grant;
        Buffer { bytes, reserved, account, number: self.incomplete.begin() }
    }

    fn take(&mut self, size: usize, account: Account) -> Option<Grant> {
        if self.free_bytes() < size || !self.may_hold(account, size, self.free_bytes()) {
            return None;
        }
        let (bytes, reserved) = match self.free.pop() {
            Some(bytes) if size <= self.poolable => (bytes, self.poolable),
            popped => {
                self.free.extend(popped);
                let reserved = self.reserve(size);
                let mut bytes = Vec::new();
                if bytes.try_reserve_exact(reserved).is_err() {
                    self.available += reserved;
                    return None;
                }
                (bytes, reserved)
            }
        };
        self.hold(account, reserved);
        Some(Grant { bytes, reserved, account })
    }

    /// Takes `size` bytes out of the available ones, giving free buffers back to the allocator
    /// first. Small requests take a whole poolable buffer when there is one's worth, so that it can
    /// be reused.
    fn reserve(&mut self, size: usize) -> usize {
        let wanted = if size <= self.poolable && self.free_bytes() >= self.poolable {
            self.poolable
        } else {
            size
        };
        while self.available < wanted {
            self.free.pop();
            self.available += self.poolable;
        }
        self.available -= wanted;
        wanted
    }

    fn hold(&mut self, account: Account, bytes: usize) {
        let index = usize::from(account.0);
        if self.held.len() <= index {
            self.held.resize(index + 1, 0);
        }
        self.held[index] += bytes;
    }

    /// Queues for the least memory that will do. The ticket must be [claimed](Self::claim) or
    /// [dropped](Self::cancel).
    #[cfg(feature = "waiting")]
    pub(crate) fn wait(&mut self, wanted: Wanted, deadline: Instant, waker: &Waker) -> Ticket {
        self.waiters.push(wanted.least, wanted.account, deadline, waker)
    }

    /// The memory waited for, if it was granted; else remembers whom to wake.
    #[cfg(feature = "waiting")]
    pub(crate) fn claim(&mut self, ticket: Ticket, waker: &Waker) -> Option<Buffer> {
        let grant = self.waiters.claim(ticket, waker)?;
        Some(self.number(grant))
    }

    /// Gives up waiting. Memory that was granted in the meantime goes back.
    #[cfg(feature = "waiting")]
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        if let Some(grant) = self.waiters.remove(ticket) {
            self.put_back(grant);
        }
    }

    /// Takes a buffer back whose batch is complete, or was never begun.
    pub(crate) fn deallocate(&mut self, buffer: Buffer) {
        self.incomplete.end(buffer.number);
        self.release(buffer);
    }

    /// Takes the memory back; completion is told apart, by [`complete`](Self::complete).
    pub(crate) fn release(&mut self, buffer: Buffer) {
        let Buffer { bytes, reserved, account, .. } = buffer;
        self.put_back(Grant { bytes, reserved, account });
    }

    fn put_back(&mut self, grant: Grant) {
        let Grant { mut bytes, reserved, account } = grant;
        self.held[usize::from(account.0)] -= reserved;
        let is_one = reserved == self.poolable && bytes.capacity() == self.poolable;
        if is_one && self.poolable > 0 && !(BROKERS && self.closed) {
            bytes.clear();
            self.free.push(bytes);
        } else {
            self.available += reserved;
        }
        debug_assert!(self.free_bytes() <= self.total, "more memory came back than was given");
    }

    /// Grants free memory to the longest waiter who can use it and returns whom to wake, outside of
    /// the lock. Call again until it returns `None`.
    pub(crate) fn grant(&mut self) -> Option<Waker> {
        if self.closed {
            return None;
        }
        let mut waiters = mem::take(&mut self.waiters);
        let woken = waiters.grant(|size, account| {
            if self.free_bytes() < size && self.is_kept_for(account, size) {
                // What is free is kept for the longest waiter, however much it needs.
                return ControlFlow::Break(());
            }
            // A waiter over its node's share doesn't hold up the others.
            ControlFlow::Continue(self.take(size, account))
        });
        self.waiters = waiters;
        woken
    }

    /// The earliest time at which a waiter gives up.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.waiters.next_deadline()
    }

    /// Those whose time is up, to be woken outside of the lock.
    pub(crate) fn overdue(&mut self, now: Instant) -> Vec<Waker> {
        self.waiters.overdue(now)
    }

    /// Refuses all further requests and returns everybody who waits. Memory goes back to the
    /// allocator: handles of the producer may live on for long. A page that closes ends.
    pub(crate) fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        if BROKERS {
            self.available = self.free_bytes();
            self.free = Vec::new();
        }
        self.waiters.wakers()
    }

    /// Whether the pool was closed.
    #[cfg(feature = "waiting")]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Turns a buffer into several with the same number: its batch was split. The parts are not
    /// counted as memory: there are a batch's worth of them, on a path that is rare, and they leave
    /// soon.
    pub(crate) fn divide(&mut self, whole: &Buffer, parts: usize) -> Vec<Buffer> {
        let (number, account) = (whole.number, whole.account);
        self.incomplete.add(number, parts as u32);
        let part = || Buffer { bytes: Vec::new(), reserved: 0, account, number };
        core::iter::repeat_with(part).take(parts).collect()
    }

    /// A batch has its outcome: its number no longer counts, though its bytes may still be on the
    /// wire.
    pub(crate) fn complete(&mut self, number: u64) {
        self.incomplete.end(number);
    }

    /// Numbers from this one on belong to batches that are not open yet.
    pub(crate) fn next_number(&self) -> u64 {
        self.incomplete.next
    }

    /// Whether all batches numbered below `number` have their outcome.
    pub(crate) fn all_complete_below(&self, number: u64) -> bool {
        self.incomplete.open.front().is_none_or(|(first, _)| *first >= number)
    }

    /// Whether the batch of this number has its outcome.
    pub(crate) fn is_complete(&self, number: u64) -> bool {
        self.incomplete.find(number).is_none()
    }
}

/// All memory of a pool, so that it can't be short of it later.
///
/// # Errors
/// There is not so much.
pub(crate) fn reserve(total: usize, bytes: usize) -> Result<Vec<Vec<u8>>, TryReserveError> {
    let (mut all, buffers) = (Vec::new(), total.checked_div(bytes).unwrap_or(0));
    all.try_reserve_exact(buffers)?;
    for _ in 0..buffers {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(bytes)?;
        all.push(buffer);
    }
    Ok(all)
}

/// Which buffers, by number, belong to batches without an outcome, and to how many parts of one.
/// As long as there are such buffers, however old the first of them is.
#[derive(Debug)]
struct Incomplete {
    next: u64,
    /// In the order of their numbers. The first one is open; of those behind it some may be not,
    /// with no parts left: they go when there is no room for a new one.
    open: VecDeque<(u64, u32)>,
}

impl Incomplete {
    /// With room for `buffers` at once, if they are that many at most.
    fn with_capacity(buffers: usize) -> Self {
        Self { next: 0, open: VecDeque::with_capacity(2 * buffers) }
    }

    fn begin(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.open.len() == self.open.capacity() {
            forget(&mut self.open, |(_, parts)| *parts > 0);
        }
        self.open.push_back((number, 1));
        number
    }

    fn find(&self, number: u64) -> Option<usize> {
        let index = self.open.binary_search_by_key(&number, |(open, _)| *open).ok()?;
        self.open.get(index).filter(|(_, parts)| *parts > 0).map(|_| index)
    }

    fn add(&mut self, number: u64, more: u32) {
        let index = self.find(number);
        debug_assert!(index.is_some(), "a complete batch was split");
        if let Some((_, parts)) = index.and_then(|index| self.open.get_mut(index)) {
            *parts += more;
        }
    }

    fn end(&mut self, number: u64) {
        let index = self.find(number);
        debug_assert!(index.is_some(), "a batch completed twice");
        if let Some((_, parts)) = index.and_then(|index| self.open.get_mut(index)) {
            *parts -= 1;
        }
        while self.open.front().is_some_and(|(_, parts)| *parts == 0) {
            self.open.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preallocated_memory_is_all_memory_and_stays() {
        let mut pool = BufferPool::new(2_100, 500, reserve(2_100, 500).unwrap());
        assert_eq!((pool.free.len(), pool.available, pool.free_bytes()), (4, 100, 2_100));
        let buffers: Vec<_> = (0..4).filter_map(|_| pool.try_allocate(500, Account(0))).collect();
        assert_eq!(buffers.len(), 4);
        assert!(pool.try_allocate(500, Account(0)).is_none());
        for buffer in buffers {
            pool.deallocate(buffer);
        }
        assert_eq!((pool.free.len(), pool.free_bytes()), (4, 2_100));
    }

    #[test]
    fn memory_that_the_allocator_has_not_is_refused_and_not_lost() {
        let total = isize::MAX as usize;
        let mut pool = BufferPool::new(total, 500, Vec::new());
        assert!(pool.try_allocate(total / 2, Account(0)).is_none());
        assert_eq!(pool.free_bytes(), total);
        assert!(pool.try_allocate(500, Account(0)).is_some());
    }

    #[test]
    #[cfg(feature = "brokers")]
    fn a_closed_pool_keeps_no_memory() {
        let mut pool = BufferPool::new(2_000, 500, Vec::new());
        let [first, second] = [0, 0].map(|_| pool.try_allocate(500, Account(0)).unwrap());
        pool.deallocate(first);
        assert_eq!(pool.free.len(), 1);
        pool.close();
        pool.deallocate(second);
        assert_eq!((pool.free.capacity(), pool.free_bytes()), (0, 2_000));
    }
}
