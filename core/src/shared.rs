//! What sending threads and the sender share, and how the former tell the latter what happened.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use core::time::Duration;

use crate::accumulator::buffer_pool::BufferPool;
use crate::config::ProducerConfig;
use crate::error::SendError;
use crate::interceptor::Interceptors;
use crate::metrics::Metrics;
use crate::records::{Compression, Compressor};
use crate::rng::Rng;
use crate::sorted::SortedMap;
use crate::sync::{Arc, Lock, Platform, THREADS};
use crate::time::{Clock, Instant};
use crate::topic::{SharedHandle, TopicState, plain_end};
#[cfg(feature = "transactions")]
use crate::transaction::{Ask, Desk};

/// What a fast network takes while a thread has its turn on a processor (3 ms at 10 Gbit/s). To
/// have more at hand makes nothing faster: it takes memory, and every byte has left the cache
/// before it is sent.
const PILED_UP: usize = 4 << 20;

/// See the [module](self).
///
/// Locks nest in this order only: a shared topic handle's, then one of: a partition's queue, the
/// topic's metadata, the pool, the inbox. No waker and no user code runs under any of them but the
/// handle's, under which a custom partitioner runs.
pub(crate) struct Shared<X: Platform> {
    pub(crate) config: ProducerConfig,
    pub(crate) clock: X::Clock,
    pub(crate) topics: X::Lock<SortedMap<Arc<str>, Arc<SharedHandle<X>>>>,
    pub(crate) pool: X::Lock<BufferPool>,
    pub(crate) inbox: X::Lock<Inbox<X>>,
    pub(crate) metrics: X::Lock<Metrics>,
    pub(crate) last_error: X::Lock<Option<Arc<str>>>,
    /// Why a broker and this client last did not accept each other.
    pub(crate) login_error: X::Lock<Option<Arc<str>>>,
    pub(crate) interceptors: Interceptors,
    /// See [`plain_end`].
    pub(crate) plain_end: usize,
    pub(crate) closed: AtomicBool,
    #[cfg(feature = "transactions")]
    pub(crate) desk: X::Lock<Desk>,
    seeds: X::Lock<Rng>,
    /// Those with which nobody compresses now.
    compressors: X::Lock<Vec<(Compression, Compressor)>>,
}

impl<X: Platform> Shared<X> {
    pub(crate) fn new(
        config: ProducerConfig,
        clock: X::Clock,
        interceptors: Interceptors,
        seed: u64,
        pool: BufferPool,
    ) -> Self {
        Self {
            clock,
            topics: X::Lock::new(SortedMap::new()),
            pool: X::Lock::new(pool),
            inbox: X::Lock::new(Inbox::with_capacity(config.reserved_batches())),
            metrics: X::Lock::new(Metrics::default()),
            last_error: X::Lock::new(None),
            login_error: X::Lock::new(None),
            plain_end: plain_end(&config, &interceptors),
            interceptors,
            closed: AtomicBool::new(false),
            #[cfg(feature = "transactions")]
            desk: X::Lock::new(Desk::default()),
            seeds: X::Lock::new(Rng::new(seed)),
            compressors: X::Lock::new(Vec::new()),
            config,
        }
    }

    /// Tells the sender, and wakes it if it sleeps past `due`, when this needs its attention.
    pub(crate) fn post(&self, event: Event<X>, due: Instant) {
        let waker = self.inbox.with(|inbox| {
            inbox.events.push(event);
            inbox.wake_before(due)
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Called once a batch by those who fill them: who does that faster than they leave lets the
    /// others run first who send them.
    pub(crate) fn give_way(&self) {
        if THREADS && self.pool.with(|pool| pool.held_bytes()) > PILED_UP {
            X::give_way();
        }
    }

    /// Has the sender ask for a topic's metadata, for one who waits until `deadline`, or for who
    /// comes again.
    pub(crate) fn want_metadata(&self, topic: &Arc<TopicState<X>>, deadline: Instant) {
        self.post(Event::Metadata { topic: Arc::clone(topic), deadline }, Instant::ZERO);
    }

    /// Does `work` with a compressor that nobody else has meanwhile, or without one where there is
    /// no memory for it.
    pub(crate) fn with_compressor<R>(
        &self,
        compression: Compression,
        work: impl FnOnce(Option<&mut Compressor>) -> R,
    ) -> R {
        let mut compressor = self.take_compressor(compression);
        let result = work(compressor.as_mut());
        if let Some(compressor) = compressor {
            self.compressors.with(|idle| idle.push((compression, compressor)));
        }
        result
    }

    fn take_compressor(&self, compression: Compression) -> Option<Compressor> {
        let idle = self.compressors.with(|idle| {
            let known = idle.iter().position(|(known, _)| *known == compression)?;
            Some(idle.swap_remove(known).1)
        });
        idle.or_else(|| {
            let mut compressor = Compressor::new(compression).ok()?;
            if self.config.is_preallocated() {
                compressor.reserve(self.config.largest_input());
            }
            Some(compressor)
        })
    }

    /// A seed for another source of randomness, all of them following from the producer's one seed.
    pub(crate) fn fresh_seed(&self) -> u64 {
        self.seeds.with(|rng| u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32()))
    }

    /// What a send says that waits for a cluster which can't be logged in to.
    pub(crate) fn authentication_error(&self) -> SendError {
        let why = self.login_error.with(|error| error.clone());
        SendError::Authentication { why: why.unwrap_or_else(|| "authentication failed".into()) }
    }

    /// The last thing that went wrong with a connection or the metadata, in words.
    pub(crate) fn last_error(&self) -> Option<Arc<str>> {
        self.last_error.with(|error| error.clone())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Hands free memory to those who wait for it.
    pub(crate) fn grant_memory(&self) {
        while let Some(waker) = self.pool.with(BufferPool::grant) {
            waker.wake();
        }
    }

    /// The producer is closed: wakes those who wait for topics, also for such as the sender has not
    /// read of yet.
    pub(crate) fn wake_all_topics(&self) {
        let handles: Vec<_> = self.topics.with(|topics| topics.values().cloned().collect());
        handles.iter().for_each(|handle| handle.state.wake_waiters());
    }

    /// Registers for the end of batches and of the sender.
    #[cfg(feature = "waiting")]
    pub(crate) fn watch(&self, waker: &Waker) {
        self.inbox.with(|inbox| inbox.watch(waker));
    }

    /// Wakes those who [watch](Self::watch).
    pub(crate) fn wake_watchers(&self) {
        let watchers = self.inbox.with(|inbox| core::mem::take(&mut inbox.watchers));
        watchers.into_iter().for_each(Waker::wake);
    }

    /// The share of [`max.block.ms`](ProducerConfig::max_block) that is over.
    pub(crate) fn waited(&self, since: Instant) -> Duration {
        self.clock.now().since(since)
    }
}

/// What sending threads tell the sender.
pub(crate) enum Event<X: Platform> {
    /// A partition's new batch, in the buffer of this number, began to wait for company.
    Opened { lane: u32, number: u64, at: Instant },
    /// A partition has a batch that needs no more company.
    Filled { lane: u32 },
    /// A send waits for a topic's metadata, at most until then.
    Metadata { topic: Arc<TopicState<X>>, deadline: Instant },
    /// A send found no memory: batches leave without lingering.
    Memory,
    /// Memory came back in which no batch was begun.
    Unused,
    /// Those who watch want to be woken then. Said with each look that finds nothing, as the sender
    /// keeps only the earliest time.
    #[cfg_attr(not(feature = "waiting"), expect(dead_code, reason = "nobody waits"))]
    Alarm { at: Instant },
    /// Everything accepted before this call has to leave.
    Flush,
    /// No more records are accepted; finish until then.
    Close { deadline: Instant },
    /// About transactions.
    #[cfg(feature = "transactions")]
    Transaction(Ask),
}

/// Events for the sender, and whether it has to be woken for them.
pub(crate) struct Inbox<X: Platform> {
    events: Vec<Event<X>>,
    waker: Option<Waker>,
    /// The sender sleeps until then, and forever where there is none.
    sleeps_until: Option<Option<Instant>>,
    /// The sender has stopped for good.
    pub(crate) stopped: bool,
    /// Those who wait for `flush` and `close`.
    pub(crate) watchers: Vec<Waker>,
}

impl<X: Platform> Inbox<X> {
    /// With room for so many events.
    fn with_capacity(events: usize) -> Self {
        let (events, watchers) = (Vec::with_capacity(events), Vec::new());
        Self { events, waker: None, sleeps_until: None, stopped: false, watchers }
    }

    fn wake_before(&mut self, due: Instant) -> Option<Waker> {
        let asleep = self.sleeps_until?;
        if asleep.is_some_and(|until| until <= due) {
            return None;
        }
        self.sleeps_until = None;
        self.waker.clone()
    }

    /// Registers for the end of batches and of the sender.
    pub(crate) fn watch(&mut self, waker: &Waker) {
        if !self.watchers.iter().any(|known| known.will_wake(waker)) {
            self.watchers.push(waker.clone());
        }
    }

    /// Swaps the events with an empty list that keeps its capacity.
    pub(crate) fn take(&mut self, into: &mut Vec<Event<X>>) {
        debug_assert!(into.is_empty());
        core::mem::swap(&mut self.events, into);
        self.sleeps_until = None;
    }

    /// The sender goes to sleep, unless events have come in the meantime.
    pub(crate) fn sleep(&mut self, until: Option<Instant>, waker: &Waker) -> bool {
        if !self.events.is_empty() {
            return false;
        }
        self.sleeps_until = Some(until);
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulator::alone::{Alone, Stopped, WAYS_GIVEN};
    use crate::accumulator::buffer_pool::Account;

    #[test]
    fn who_fills_batches_faster_than_they_leave_gives_way() {
        let config = ProducerConfig::default();
        let pool = BufferPool::new(config.buffer_memory, 1 << 20, Vec::new());
        let shared = Shared::<Alone>::new(config, Stopped, Interceptors::default(), 0, pool);
        let mut batches = Vec::new();
        let given = [(); 6].map(|()| {
            batches.extend(shared.pool.with(|pool| pool.try_allocate(1 << 20, Account::default())));
            shared.give_way();
            WAYS_GIVEN.load(Ordering::Relaxed)
        });
        assert_eq!(given, [0, 0, 0, 0, 1, 2], "beyond 4 MiB");
        for batch in batches.drain(1..) {
            shared.pool.with(|pool| pool.deallocate(batch));
        }
        shared.give_way();
        assert_eq!(WAYS_GIVEN.load(Ordering::Relaxed), 2, "they have left");
    }
}
