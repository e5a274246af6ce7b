//! One batch becomes several: it was too large for the broker (row E6.11), or has to go on without
//! the records that the broker refused (KIP-467).

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::node::Sent;
use super::outcome::broker_error;
use super::{LaneId, Sender};
use crate::accumulator::batch::{Limits, ProducerBatch, Sequence};
use crate::accumulator::delivery::{BatchResult, Outcome, Part};
use crate::error::{DeliveryError, ErrorCode};
use crate::log::line;
use crate::records::batch::increment_sequence;
use crate::records::{
    BATCH_OVERHEAD, BatchBuilder, Header, Ratio, RecordBatchError, RecordBatchView, RecordFields,
};
use crate::sync::{Arc, Lock, Platform};
use crate::time::Instant;

/// A batch to be, and which records of the old one are in it: old index and new index of each run.
struct Portion {
    builder: BatchBuilder,
    runs: Vec<(u32, u32)>,
}

/// Whether it is compiled in; without it such a batch fails.
pub(crate) const SPLIT: bool = cfg!(feature = "split");

/// Whole uncompressed batches are at most this many times `max.request.size`.
const MOST_EXPANSION: usize = 64;

impl<X: Platform> Sender<X> {
    /// Sends the records again in batches of at most half the size. Not counted as an attempt.
    pub(super) fn split(&mut self, sent: Sent<X>, now: Instant) {
        let Sent { lane, batch, .. } = sent;
        self.lanes[lane as usize].in_flight -= 1;
        let observed = Ratio::of(batch.records_len(), batch.uncompressed_len() - BATCH_OVERHEAD);
        let target = (batch.uncompressed_len() / 2).min(self.config().batch_size.max(1));
        let limit = self.most_uncompressed();
        match portions(&batch, target, limit, |_| true) {
            Ok(portions) => {
                self.metrics.batch_splits += 1;
                let bytes = batch.records_len();
                line!(Debug, "{}: {bytes} bytes were too many for the broker", self.spot(lane));
                let topic = &self.topics[self.lanes[lane as usize].topic];
                topic.state.on_too_large(batch.len(), observed);
                self.replace(lane, batch, portions, Vec::new());
            }
            Err(_) => {
                let error = broker_error(&batch, ErrorCode::MessageTooLarge, None);
                self.fail(lane, batch, error);
            }
        }
        self.schedule(lane, now);
    }

    /// Fails the invalid records and sends the others again.
    pub(super) fn resend_valid(
        &mut self,
        lane: LaneId,
        batch: Box<ProducerBatch<X>>,
        invalid: Vec<(u32, DeliveryError)>,
    ) {
        let is_invalid = |index: u32| invalid.binary_search_by_key(&index, |(i, _)| *i).is_ok();
        let limit = self.most_uncompressed();
        match portions(&batch, usize::MAX, limit, |index| !is_invalid(index)) {
            Ok(portions) => self.replace(lane, batch, portions, invalid),
            Err(_) => {
                let error = broker_error(&batch, ErrorCode::InvalidRecord, None);
                self.fail(lane, batch, error);
            }
        }
    }

    pub(super) fn most_uncompressed(&self) -> usize {
        self.config().max_request_size.saturating_mul(MOST_EXPANSION)
    }

    /// Puts new batches in the place of an old one. Whoever waits for the old one's outcome is led
    /// on.
    fn replace(
        &mut self,
        lane: LaneId,
        batch: Box<ProducerBatch<X>>,
        portions: Vec<Portion>,
        invalid: Vec<(u32, DeliveryError)>,
    ) {
        let count = portions.len();
        let buffers = self.shared.pool.with(|pool| pool.divide(batch.buffer(), count));
        let mut sequence = batch.sequence.filter(|_| invalid.is_empty());
        let mut parts = Vec::new();
        let mut children = Vec::new();
        for (portion, buffer) in portions.into_iter().zip(buffers) {
            let index = self.lanes[lane as usize].partition.index;
            let child = ProducerBatch::with_builder(
                index,
                portion.builder,
                buffer,
                Limits::FULL,
                batch.created,
            );
            let mut child = Box::new(child);
            child.close();
            child.position = batch.position;
            child.attempts = batch.attempts.saturating_sub(1);
            child.maybe_written = batch.maybe_written;
            child.lost = batch.lost;
            child.last_error = batch.last_error;
            child.sequence = next_sequence(&mut sequence, child.record_count());
            parts.extend(portion.runs.iter().map(|(first, offset)| Part {
                first: *first,
                offset: *offset,
                result: child.result.clone(),
            }));
            children.push(child);
        }
        self.count_invalid(lane, &invalid);
        debug_assert!(parts.is_sorted_by_key(|part| part.first));
        for (first, error) in invalid {
            let result = failed::<X>(self.lanes[lane as usize].partition.index, error);
            let at = parts.partition_point(|part| part.first < first);
            parts.insert(at, Part { first, offset: 0, result });
        }
        batch.result.resolve(Outcome::Moved(parts));
        for child in children.into_iter().rev() {
            self.lanes[lane as usize].put_back(child);
        }
        self.discard(batch);
    }

    fn count_invalid(&mut self, lane: LaneId, invalid: &[(u32, DeliveryError)]) {
        let records = invalid.len() as u64;
        self.metrics.records_failed += records;
        let topic = &self.topics[self.lanes[lane as usize].topic];
        topic.state.metrics.with(|metrics| metrics.records_failed += records);
    }
}

fn failed<X: Platform>(partition: i32, error: DeliveryError) -> Arc<BatchResult<X>> {
    let result = BatchResult::new(partition);
    result.resolve(Outcome::Failed(Box::new(error)));
    result
}

/// The parts of a batch share its sequence numbers, in order.
fn next_sequence(rest: &mut Option<Sequence>, records: u32) -> Option<Sequence> {
    let this = *rest;
    if let Some(rest) = rest {
        rest.base = increment_sequence(rest.base, records as i32);
    }
    this
}

/// Copies the records that `keep` names into batches of at most `target` bytes each.
fn portions<X: Platform>(
    batch: &ProducerBatch<X>,
    target: usize,
    limit: usize,
    keep: impl Fn(u32) -> bool,
) -> Result<Vec<Portion>, RecordBatchError> {
    let view = RecordBatchView::parse(batch.bytes())?;
    let mut uncompressed = Vec::new();
    let mut portions: Vec<Portion> = Vec::new();
    let mut headers: Vec<Header<'_>> = Vec::new();
    let mut last_kept = None;
    for (index, record) in (0u32..).zip(view.records(&mut uncompressed, limit)?) {
        let record = record?;
        if !keep(index) {
            continue;
        }
        headers.clear();
        headers.extend(record.headers);
        let fields = RecordFields { key: record.key, value: record.value, headers: &headers };
        let fits = |portion: &mut Portion| {
            portion.builder.append_within(&fields, record.timestamp, target).ok()
        };
        let appended = match portions.last_mut().map(fits) {
            Some(Some(offset)) => Some(offset),
            _ => None,
        };
        let (new, offset) = match appended {
            Some(offset) => (false, offset),
            None => {
                let capacity = target.min(batch.uncompressed_len()) + BATCH_OVERHEAD;
                let mut builder = BatchBuilder::new(Vec::with_capacity(capacity));
                let offset = builder.append(&fields, record.timestamp).unwrap_or(0);
                portions.push(Portion { builder, runs: Vec::new() });
                (true, offset)
            }
        };
        let follows = last_kept.is_some_and(|last: u32| last + 1 == index);
        if (new || !follows)
            && let Some(portion) = portions.last_mut()
        {
            portion.runs.push((index, offset));
        }
        last_kept = Some(index);
    }
    Ok(portions)
}
