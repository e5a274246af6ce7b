//! Records in, outcomes out, the driver in between.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::task::{Context, Waker};
use core::time::Duration;

use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::Transport;
use ottla_core::{ConfigError, Driver, Metrics, Producer, ProducerConfig};
#[cfg(feature = "store")]
use ottla_core::{StoreTicket, ToStore};

use crate::chore::{Chore, Task};
#[cfg(feature = "full")]
use crate::failure::Failure;
use crate::queue::{Surroundings, TopicQueue};
use crate::results::Results;
use crate::signal::Signal;
#[cfg(feature = "full")]
use crate::staged::StagedRecord;
use crate::staged::StagedRecords;
#[cfg(feature = "full")]
use crate::transactions::{Asked, Transactions};

/// A transport that has something to do by itself, beside what its connections do.
pub trait Driven: Transport {
    /// Does what time has come for.
    fn advance(&mut self, now: Instant);

    /// When it wants to be advanced again.
    fn next_wake(&self, now: Instant) -> Option<Instant>;

    /// The id of a lease of an earlier page's that is over, each once.
    fn take_lost_lease(&mut self) -> Option<i64>;
}

/// A batch to be stored, and the records in it.
#[cfg(feature = "store")]
#[derive(Debug)]
pub struct ToKeep<'a> {
    /// The batch.
    pub batch: ToStore<'a>,
    /// Its topic's number.
    pub topic: u32,
    /// Slot and index of each of its records, where these are still waiting.
    pub records: Vec<(u32, u32)>,
}

/// A producer and its driver, moved on by [`poll`](Self::poll).
pub struct Engine<X: Platform, T: Transport> {
    producer: Producer<X>,
    driver: Driver<X, T>,
    clock: X::Clock,
    topics: Vec<TopicQueue<X>>,
    chores: Vec<Chore>,
    #[cfg(feature = "full")]
    transactions: Option<Transactions>,
    results: Results,
    lane_woken: Arc<Signal>,
    /// The slots of records to be given up.
    #[cfg(feature = "full")]
    unwanted: Vec<u32>,
    /// Bytes of records that may wait beside `buffer.memory`: as many as that again.
    room: usize,
    driver_woken: (Arc<Signal>, Waker),
    /// For what waits here: metadata, flush, close.
    client_woken: (Arc<Signal>, Waker),
    closed: bool,
}

impl<X: Platform, T: Transport> fmt::Debug for Engine<X, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("producer", &self.producer).finish_non_exhaustive()
    }
}

impl<X: Platform, T: Driven> Engine<X, T>
where
    X::Clock: Clone,
{
    /// A producer over `transport`; `seed` decides everything that is random.
    ///
    /// # Errors
    /// Where the configuration contradicts itself.
    pub fn new(
        config: ProducerConfig,
        clock: X::Clock,
        seed: u64,
        transport: T,
    ) -> Result<Self, ConfigError> {
        let room = config.buffer_memory;
        let (producer, driver) = ottla_core::producer(config, clock.clone(), seed, transport)?;
        Ok(Self {
            producer,
            driver,
            clock,
            topics: Vec::new(),
            chores: Vec::new(),
            #[cfg(feature = "full")]
            transactions: None,
            results: Results::default(),
            lane_woken: Arc::default(),
            #[cfg(feature = "full")]
            unwanted: Vec::new(),
            room,
            driver_woken: Signal::new(None),
            client_woken: Signal::new(None),
            closed: false,
        })
    }

    /// The number of a topic. Ask once for each name.
    pub fn topic(&mut self, name: &str) -> u32 {
        let number = self.topics.len() as u32;
        self.topics.push(TopicQueue::new(self.producer.topic(name)));
        number
    }

    /// Takes staged records. What becomes of them is in [`results`](Self::results) sooner or later.
    pub fn submit(&mut self, staged: &[u8]) {
        let mut around = Surroundings {
            producer: &self.producer,
            clock: &self.clock,
            results: &mut self.results,
            lane_woken: &self.lane_woken,
            waker: &self.client_woken.1,
            room: &mut self.room,
        };
        for record in StagedRecords::new(staged) {
            if let Some(topic) = self.topics.get_mut(record.topic as usize) {
                topic.accept(&record, &mut around);
            }
        }
    }

    /// Does everything that can be done now. Call it after whatever has happened, and after the
    /// time that it returns, if that comes first.
    pub fn poll(&mut self) -> Option<Duration> {
        #[cfg(feature = "full")]
        self.give_up_unwanted();
        let mut retry = true;
        loop {
            retry |= self.client_woken.0.take();
            self.drive();
            retry |= self.settle();
            if mem::take(&mut retry) {
                self.retry();
                self.poll_chores();
                continue;
            }
            if !self.driver_woken.0.take() {
                break;
            }
        }
        let now = self.clock.now();
        Some(self.next_wake(now)?.since(now))
    }

    /// What has had its outcome, for JavaScript to read and [clear](Results::clear).
    pub fn results(&mut self) -> &mut Results {
        &mut self.results
    }

    /// Tells `slot` when all records before this have their outcome.
    pub fn flush(&mut self, slot: u32) {
        self.chores.push(Chore::new(slot, Task::Flush, self.clock.now()));
    }

    /// Ends the producer, by force after `timeout`, and tells `slot`.
    pub fn close(&mut self, slot: u32, timeout: Duration) {
        let now = self.clock.now();
        self.chores.push(Chore::new(slot, Task::Close { until: now + timeout }, now));
    }

    /// From now on batches are stored before they are sent. Say so before the first record.
    #[cfg(feature = "store")]
    pub fn store_batches(&mut self) {
        self.driver.store_batches();
    }

    /// The next batch to be stored.
    #[cfg(feature = "store")]
    pub fn next_to_store(&mut self) -> Option<ToKeep<'_>> {
        let batch = self.driver.next_to_store()?;
        let mut topics = self.topics.iter_mut().zip(0..);
        let (queue, topic) = topics.find(|(queue, _)| queue.name() == batch.topic)?;
        let records = queue.records_of(batch.partition, batch.batch);
        Some(ToKeep { batch, topic, records })
    }

    /// It is stored under this key, or could not be stored.
    #[cfg(feature = "store")]
    pub fn stored(&mut self, ticket: StoreTicket, key: Option<u64>) {
        self.driver.stored(ticket, key);
    }

    /// The next batch that need not be stored any more.
    #[cfg(feature = "store")]
    pub fn next_to_remove(&mut self) -> Option<u64> {
        self.driver.next_to_remove()
    }

    /// Produce requests with what has no answer; see [`Driver::unanswered`].
    pub fn unanswered(&mut self, most: usize, only_stored: bool) -> Vec<u8> {
        self.driver.unanswered(most, only_stored)
    }

    /// What the producer has counted.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.producer.metrics()
    }

    /// The transport.
    pub fn transport(&mut self) -> &mut T {
        self.driver.transport()
    }

    fn drive(&mut self) {
        if !self.closed {
            let mut context = Context::from_waker(&self.driver_woken.1);
            self.closed = self.driver.poll(&mut context).is_ready();
        }
        let now = self.clock.now();
        self.driver.transport().advance(now);
        #[cfg(feature = "store")]
        while let Some(producer_id) = self.driver.transport().take_lost_lease() {
            self.driver.lose_lease(producer_id);
        }
    }

    /// Collects the outcomes that have come. Returns whether there were any, so that memory is free
    /// again.
    fn settle(&mut self) -> bool {
        if !self.lane_woken.take() {
            return false;
        }
        let Self { topics, results, .. } = self;
        topics.iter_mut().map(|topic| topic.settle(results)).sum::<usize>() > 0
    }

    fn retry(&mut self) {
        let mut around = Surroundings {
            producer: &self.producer,
            clock: &self.clock,
            results: &mut self.results,
            lane_woken: &self.lane_woken,
            waker: &self.client_woken.1,
            room: &mut self.room,
        };
        for topic in &mut self.topics {
            topic.retry(&mut around);
        }
    }

    fn poll_chores(&mut self) {
        let Self { producer, topics, chores, results, client_woken, .. } = self;
        let mut context = Context::from_waker(&client_woken.1);
        let now = self.clock.now();
        chores.retain_mut(|chore| {
            let done = chore.poll(producer, topics, now, &mut context).is_ready();
            if done {
                results.done(chore.slot);
            }
            !done
        });
        #[cfg(feature = "full")]
        if let Some(transactions) = &mut self.transactions {
            transactions.poll(&mut context, results);
        }
    }

    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let transport = self.driver.transport().next_wake(now);
        let max_block = self.producer.config().max_block;
        let waiting = self.topics.iter().filter_map(|topic| Some(topic.since()? + max_block));
        let driver = self.driver.next_wake().filter(|_| !self.closed);
        let chores = self.chores.iter().filter_map(Chore::deadline);
        [waiting.min(), driver, transport, chores.min()].into_iter().flatten().min()
    }
}

#[cfg(feature = "full")]
impl<X: Platform, T: Driven> Engine<X, T>
where
    X::Clock: Clone,
{
    /// Nobody waits for the records of `slot` any more: what waits of them is not sent.
    pub fn abort(&mut self, slot: u32) {
        self.unwanted.push(slot);
    }

    /// Tells `slot` when all records before this were taken or refused, so that none of them gets
    /// into another transaction.
    pub fn accept(&mut self, slot: u32) {
        self.chores.push(Chore::new(slot, Task::Accept, self.clock.now()));
    }

    /// Takes over the transactional id, and tells `slot`.
    pub fn initialise(&mut self, slot: u32) {
        self.transactions = Some(Transactions::initialise(self.producer.clone(), slot));
    }

    /// Goes on with the transactions. `slot` hears what became of it.
    pub fn ask(&mut self, slot: u32, asked: Asked) {
        if let Asked::End { commit: false } = asked {
            // They were for the transaction that ends, not for the next.
            self.give_up(
                |_| true,
                &Failure::aborted("TRANSACTION_ABORTED", "the transaction was aborted"),
            );
        }
        if let Some(transactions) = &mut self.transactions {
            transactions.ask(slot, asked);
        }
    }

    fn give_up_unwanted(&mut self) {
        let mut unwanted = mem::take(&mut self.unwanted);
        if !unwanted.is_empty() {
            unwanted.sort_unstable();
            let is_unwanted = |it: &StagedRecord<'_>| unwanted.binary_search(&it.slot).is_ok();
            self.give_up(is_unwanted, &Failure::aborted("ABORTED", "aborted before it was sent"));
        }
    }

    fn give_up(&mut self, unwanted: impl Fn(&StagedRecord<'_>) -> bool, why: &Failure) {
        for topic in &mut self.topics {
            topic.give_up(&unwanted, why, &mut self.results, &mut self.room);
        }
    }
}
