//! What a partition remembers of each idempotent producer, and how it judges the next batch.
//!
//! Kafka's `ProducerStateManager`, `ProducerStateEntry` and `ProducerAppendInfo`.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::config::UnknownProducer;
use crate::batch::BatchHeader;

/// Batches kept per producer, in which a repeated batch is recognised.
const REMEMBERED_BATCHES: usize = 5;

/// One of the last batches of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RememberedBatch {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// A producer's state in one partition.
#[derive(Debug, Clone)]
struct ProducerState {
    epoch: i16,
    batches: VecDeque<RememberedBatch>,
    last_seen: Duration,
}

/// What is to become of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Append it.
    New,
    /// It is in the log already, from this offset on.
    Duplicate { base_offset: i64 },
}

/// The producers of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProducerStates(BTreeMap<i64, ProducerState>);

impl ProducerStates {
    /// Judges a batch before it is appended; nothing changes.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH`, `OUT_OF_ORDER_SEQUENCE_NUMBER`, `UNKNOWN_PRODUCER_ID`.
    pub(crate) fn judge(
        &self,
        batch: &BatchHeader,
        unknown: UnknownProducer,
    ) -> Result<Verdict, ResponseError> {
        if !batch.has_producer_id() {
            return Ok(Verdict::New);
        }
        let Some(state) = self.0.get(&batch.producer_id) else {
            return match unknown {
                UnknownProducer::Refuse if batch.base_sequence != 0 => {
                    Err(ResponseError::UnknownProducerId)
                }
                _ => Ok(Verdict::New),
            };
        };
        if let Some(base_offset) = state.duplicate_of(batch) {
            return Ok(Verdict::Duplicate { base_offset });
        }
        if batch.producer_epoch < state.epoch {
            return Err(ResponseError::InvalidProducerEpoch);
        }
        let expected = if batch.producer_epoch == state.epoch { state.next_sequence() } else { 0 };
        if batch.base_sequence == expected {
            Ok(Verdict::New)
        } else {
            Err(ResponseError::OutOfOrderSequenceNumber)
        }
    }

    /// Takes note of a batch that now stands in the log.
    pub(crate) fn record(&mut self, batch: &BatchHeader, now: Duration) {
        if !batch.has_producer_id() {
            return;
        }
        if batch.is_control() {
            return self.mark((batch.producer_id, batch.producer_epoch), now);
        }
        let state = self.0.entry(batch.producer_id).or_insert_with(|| ProducerState {
            epoch: batch.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            last_seen: now,
        });
        if state.epoch != batch.producer_epoch {
            state.epoch = batch.producer_epoch;
            state.batches.clear();
        }
        if state.batches.len() == REMEMBERED_BATCHES {
            state.batches.pop_front();
        }
        state.last_seen = now;
        state.batches.push_back(RememberedBatch {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
        });
    }

    /// The epoch under which a producer was last heard of.
    pub(crate) fn epoch_of(&self, id: i64) -> Option<i16> {
        self.0.get(&id).map(|state| state.epoch)
    }

    /// A transaction of the producer has ended here, under this epoch: lower ones are shut out.
    pub(crate) fn mark(&mut self, (id, epoch): (i64, i16), now: Duration) {
        let state = self.0.entry(id).or_insert_with(|| ProducerState {
            epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            last_seen: now,
        });
        state.last_seen = now;
        if state.epoch < epoch {
            state.epoch = epoch;
            state.batches.clear();
        }
    }

    /// Forgets producers not heard of for `expiration`.
    pub(crate) fn expire(&mut self, expiration: Duration, now: Duration) {
        self.0.retain(|_, state| now.saturating_sub(state.last_seen) < expiration);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl ProducerState {
    /// Where the batch stands if it repeats, record for record, one of the remembered ones.
    fn duplicate_of(&self, batch: &BatchHeader) -> Option<i64> {
        let range = (batch.base_sequence, batch.last_sequence());
        let mut remembered = self.batches.iter().filter(|_| batch.producer_epoch == self.epoch);
        remembered
            .find(|known| (known.first_sequence, known.last_sequence) == range)
            .map(|known| known.base_offset)
    }

    fn next_sequence(&self) -> i32 {
        self.batches
            .back()
            .map_or(0, |last| crate::batch::increment_sequence(last.last_sequence, 1))
    }
}
