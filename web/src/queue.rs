//! A topic: its lanes, and the records that wait for its metadata or for memory, in order.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use ottla_core::sync::Platform;
use ottla_core::time::{Clock, Instant};
use ottla_core::{Partitions, Producer, SendError, Topic};

#[cfg(feature = "full")]
use crate::failure::Failure;
use crate::lane::Lane;
use crate::results::Results;
use crate::signal::Signal;
use crate::staged::{StagedRecord, StagedRecords, set_since};

/// See the [module](self).
pub(crate) struct TopicQueue<X: Platform> {
    topic: Topic<X>,
    lanes: Vec<Option<Lane<X>>>,
    /// Staged records, from `start` on.
    waiting: Vec<u8>,
    start: usize,
    /// While the topic's partitions are not known.
    partitions: Option<Partitions<X>>,
    /// How many there were when last asked.
    count: u32,
}

/// What became of a record.
enum Step {
    /// It has gone on: accepted, or refused.
    Gone,
    /// It waits, because of this.
    Waits(SendError),
}

/// What a topic works with that belongs to all of them.
pub(crate) struct Surroundings<'a, X: Platform, C: Clock> {
    pub(crate) producer: &'a Producer<X>,
    pub(crate) clock: &'a C,
    pub(crate) results: &'a mut Results,
    pub(crate) lane_woken: &'a Arc<Signal>,
    pub(crate) waker: &'a Waker,
    /// Bytes that may wait in addition, of all topics.
    pub(crate) room: &'a mut usize,
}

impl<X: Platform> TopicQueue<X> {
    pub(crate) fn new(topic: Topic<X>) -> Self {
        let (lanes, waiting) = (Vec::new(), Vec::new());
        Self { topic, lanes, waiting, start: 0, partitions: None, count: 0 }
    }

    pub(crate) fn name(&self) -> &str {
        self.topic.name()
    }

    /// A record of JavaScript's: behind those that wait, if any do.
    pub(crate) fn accept<C: Clock>(
        &mut self,
        record: &StagedRecord<'_>,
        around: &mut Surroundings<'_, X, C>,
    ) {
        if self.is_idle()
            && let Step::Gone = self.try_send(record, around)
        {
            return;
        }
        let Some(room) = around.room.checked_sub(record.bytes.len()) else {
            around.results.refused(record.slot, record.index, &SendError::BufferFull);
            return;
        };
        *around.room = room;
        let begin = self.waiting.len();
        self.waiting.extend_from_slice(record.bytes);
        set_since(&mut self.waiting[begin..], around.clock.now());
    }

    /// Tries those that wait once more. One that waits for its own partition alone holds up none of
    /// the others': whatever goes to that partition waits as well.
    pub(crate) fn retry<C: Clock>(&mut self, around: &mut Surroundings<'_, X, C>) {
        if self.is_idle() || !self.is_known(around) {
            return;
        }
        let mut waiting = mem::take(&mut self.waiting);
        let records = StagedRecords::new(waiting.get(self.start..).unwrap_or_default());
        let max_block = around.producer.config().max_block;
        let now = around.clock.now();
        let (mut seen, mut left) = (0, Vec::new());
        for record in records {
            match self.try_send(&record, around) {
                Step::Gone => {}
                Step::Waits(why) if record.since() + max_block > now => {
                    if matches!(why, SendError::BufferFull) || self.partitions.is_some() {
                        break;
                    }
                    left.extend_from_slice(record.bytes);
                }
                Step::Waits(why) => {
                    let error = self.waited_too_long(&record, why, now);
                    around.results.refused(record.slot, record.index, &error);
                }
            }
            seen += record.bytes.len();
        }
        // Still in front of those that were not seen.
        let gone = seen - left.len();
        if let Some(place) = waiting.get_mut(self.start + gone..self.start + seen) {
            place.copy_from_slice(&left);
        }
        self.waiting = waiting;
        self.forget(gone, around);
    }

    /// Since when the oldest record waits.
    pub(crate) fn since(&self) -> Option<Instant> {
        Some(StagedRecords::new(self.waiting.get(self.start..)?).next()?.since())
    }

    /// Collects the outcomes that have come. Returns how many.
    pub(crate) fn settle(&mut self, results: &mut Results) -> usize {
        let lanes = self.lanes.iter_mut().flatten();
        lanes.map(|lane| lane.settle(results)).sum()
    }

    fn is_idle(&self) -> bool {
        self.start == self.waiting.len()
    }

    /// Whether the partitions are known. Where the topic is refused, so are the records that wait.
    fn is_known<C: Clock>(&mut self, around: &mut Surroundings<'_, X, C>) -> bool {
        let Some(partitions) = &mut self.partitions else { return true };
        let mut context = Context::from_waker(around.waker);
        let Poll::Ready(known) = Pin::new(partitions).poll(&mut context) else { return false };
        self.partitions = None;
        match known {
            Ok(count) => {
                self.count = count;
                true
            }
            Err(error) => {
                self.refuse_all(&error, around);
                false
            }
        }
    }

    fn refuse_all<C: Clock>(&mut self, error: &SendError, around: &mut Surroundings<'_, X, C>) {
        let waiting = mem::take(&mut self.waiting);
        for record in StagedRecords::new(waiting.get(self.start..).unwrap_or_default()) {
            around.results.refused(record.slot, record.index, error);
        }
        *around.room += waiting.len() - self.start;
        self.start = 0;
    }

    /// Those of the records that wait which are `unwanted` are not sent.
    #[cfg(feature = "full")]
    pub(crate) fn give_up(
        &mut self,
        unwanted: impl Fn(&StagedRecord<'_>) -> bool,
        why: &Failure,
        results: &mut Results,
        room: &mut usize,
    ) {
        let waiting = mem::take(&mut self.waiting);
        for record in StagedRecords::new(waiting.get(self.start..).unwrap_or_default()) {
            if unwanted(&record) {
                results.given_up(record.slot, record.index, why);
                *room += record.bytes.len();
            } else {
                self.waiting.extend_from_slice(record.bytes);
            }
        }
        self.start = 0;
    }

    fn try_send<C: Clock>(
        &mut self,
        record: &StagedRecord<'_>,
        around: &mut Surroundings<'_, X, C>,
    ) -> Step {
        #[cfg(feature = "store")]
        let sent = match record.batch() {
            Some(batch) => self.resend(&batch, record.partition().unwrap_or(0), around),
            None => record.with(|record| self.topic.try_send(record)),
        };
        #[cfg(not(feature = "store"))]
        let sent = record.with(|record| self.topic.try_send(record));
        match sent {
            Ok(delivery) => {
                let at = delivery.partition() as usize;
                if self.lanes.len() <= at {
                    self.lanes.resize_with(at + 1, || None);
                }
                let lane = self.lanes[at].get_or_insert_with(|| Lane::new(around.lane_woken));
                lane.push(record.slot, record.index, delivery);
                Step::Gone
            }
            Err(error @ SendError::BufferFull) => Step::Waits(error),
            Err(error @ SendError::MetadataPending) => {
                self.ask(around);
                Step::Waits(error)
            }
            Err(error) => {
                around.results.refused(record.slot, record.index, &error);
                Step::Gone
            }
        }
    }

    #[cfg(feature = "store")]
    fn resend<C: Clock>(
        &self,
        batch: &crate::staged::StoredBatch<'_>,
        partition: i32,
        around: &Surroundings<'_, X, C>,
    ) -> Result<ottla_core::Delivery<X>, SendError> {
        let read = |to: &mut [u8]| {
            to.copy_from_slice(batch.bytes);
            if batch.anew {
                // It fails for bytes that are no batch, which are refused next.
                let _ = ottla_core::records::batch::write_producer_state(to, -1, -1, -1);
            }
        };
        let (key, len) = (batch.key, batch.bytes.len());
        around.producer.try_resend(self.name(), partition, key, len, read)
    }

    /// The records that are in the batch of this number, as slot and index.
    #[cfg(feature = "store")]
    pub(crate) fn records_of(&mut self, partition: i32, batch: usize) -> Vec<(u32, u32)> {
        let lane = self.lanes.get_mut(partition as usize).and_then(Option::as_mut);
        lane.map_or_else(Vec::new, |lane| lane.records_of(batch))
    }

    /// Waits for the topic's partitions, unless it is only one of them that is missing.
    fn ask<C: Clock>(&mut self, around: &Surroundings<'_, X, C>) {
        let mut partitions = around.producer.partitions(self.name());
        let mut context = Context::from_waker(around.waker);
        match Pin::new(&mut partitions).poll(&mut context) {
            Poll::Ready(known) => self.count = known.unwrap_or(self.count),
            Poll::Pending => self.partitions = Some(partitions),
        }
    }

    fn waited_too_long(
        &self,
        record: &StagedRecord<'_>,
        why: SendError,
        now: Instant,
    ) -> SendError {
        let waited = now.since(record.since());
        match why {
            SendError::MetadataPending => SendError::NotInMetadata {
                topic: self.name().into(),
                partition: record.partition().map(|partition| (partition, self.count)),
                waited,
                cause: None,
            },
            _ => SendError::BufferExhausted { waited },
        }
    }

    /// The first bytes of what waits are done with.
    fn forget<C: Clock>(&mut self, bytes: usize, around: &mut Surroundings<'_, X, C>) {
        self.start += bytes;
        *around.room += bytes;
        if self.is_idle() {
            self.waiting.clear();
            self.start = 0;
        } else if self.start > self.waiting.len() / 2 {
            self.waiting.drain(..self.start);
            self.start = 0;
        }
    }
}
