//! Records in, outcomes out, the driver in between.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use ottla_core::transport::Transport;
use ottla_core::{ConfigError, Driver, Metrics, Producer, ProducerConfig};

use crate::queue::{Surroundings, TopicQueue};
use crate::results::Results;
use crate::signal::Signal;
use crate::staged::StagedRecords;

/// A transport that has something to do by itself, beside what its connections do.
pub trait Driven: Transport {
    /// Does what time has come for.
    fn advance(&mut self, now: Instant);

    /// When it wants to be advanced again.
    fn next_wake(&self, now: Instant) -> Option<Instant>;
}

/// A producer and its driver, moved on by [`poll`](Self::poll).
pub struct Engine<X: Platform, T: Transport> {
    producer: Producer<X>,
    driver: Driver<X, T>,
    clock: X::Clock,
    topics: Vec<TopicQueue<X>>,
    chores: Vec<Chore>,
    results: Results,
    lane_woken: Arc<Signal>,
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

/// A flush or a close, and who hears of its end.
struct Chore {
    slot: u32,
    future: Pin<Box<dyn Future<Output = ()>>>,
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
            results: Results::default(),
            lane_woken: Arc::default(),
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
        self.chores.push(Chore { slot, future: Box::pin(self.producer.flush()) });
    }

    /// Ends the producer, by force after `timeout`, and tells `slot`.
    pub fn close(&mut self, slot: u32, timeout: Duration) {
        self.chores.push(Chore { slot, future: Box::pin(self.producer.close(timeout)) });
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
        let Self { chores, results, client_woken, .. } = self;
        let mut context = Context::from_waker(&client_woken.1);
        chores.retain_mut(|chore| match chore.future.as_mut().poll(&mut context) {
            Poll::Ready(()) => {
                results.done(chore.slot);
                false
            }
            Poll::Pending => true,
        });
    }

    fn next_wake(&mut self, now: Instant) -> Option<Instant> {
        let transport = self.driver.transport().next_wake(now);
        let max_block = self.producer.config().max_block;
        let waiting = self.topics.iter().filter_map(|topic| topic.deadline(max_block));
        let driver = self.driver.next_wake().filter(|_| !self.closed);
        waiting.chain(driver).chain(transport).min()
    }
}
