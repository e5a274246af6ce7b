//! A topic as sending threads see it.

mod append;
mod handle;
mod local;
mod prepare;
mod state;

use core::fmt;

use crate::accumulator::buffer_pool::Buffer;
use crate::accumulator::deliveries::Deliveries;
use crate::accumulator::delivery::{BatchResult, Delivery};
use crate::error::SendError;
use crate::metrics::TopicMetrics;
#[cfg(feature = "waiting")]
use crate::producer::Send;
use crate::record::Record;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::Instant;

pub(crate) use append::{Attempt, Need, Refusal, append};
use append::{append_runs, append_to_open};
#[cfg(feature = "waiting")]
pub(crate) use handle::AnyHandle;
pub(crate) use handle::{OwnHandle, SharedHandle, TopicHandle};
use prepare::is_plainly_valid;
pub(crate) use prepare::{plain_end, prepare};
pub(crate) use state::{Layout, Status, TopicState};

/// A topic resolved once, for sending many records to it. Each handle has its own sticky partition
/// (KIP-794) and no lock, so each sending thread needs one: `clone` is how.
pub struct Topic<X: Platform> {
    pub(crate) shared: Arc<Shared<X>>,
    pub(crate) handle: OwnHandle<X>,
}

impl<X: Platform> Clone for Topic<X> {
    fn clone(&self) -> Self {
        let handle = OwnHandle::new(self.handle.state.clone(), &self.shared);
        Self { shared: self.shared.clone(), handle }
    }
}

impl<X: Platform> fmt::Debug for Topic<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl<X: Platform> Topic<X> {
    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.handle.state.name
    }

    /// Appends a record without waiting. On [`SendError::BufferFull`] and
    /// [`SendError::MetadataPending`] try again later; the record is still yours.
    #[inline]
    pub fn try_send(&mut self, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        try_send(&self.shared, &mut self.handle, record)
    }

    /// As [`try_send`](Self::try_send), with the record's delivery added to `deliveries`: cheaper
    /// where many records are sent, as only batches are counted there.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    #[inline]
    pub fn try_send_into(
        &mut self,
        record: Record<'_>,
        deliveries: &mut Deliveries<X>,
    ) -> Result<(), SendError> {
        let (shared, handle) = (&self.shared, &mut self.handle);
        let note = |result: &_, index, timestamp| deliveries.note(result, index, timestamp);
        if append_plainly(shared, handle, &record, note).is_some() {
            return Ok(());
        }
        try_send_with_care(shared, handle, record).map(|sent| deliveries.push(sent))
    }

    /// As [`try_send_into`](Self::try_send_into) for each of `records`, in order: cheaper still, as
    /// those that go to one batch are appended at once. `records` is left with those that were not
    /// accepted, the first of them the one that the error is of.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_all(
        &mut self,
        records: &mut &[Record<'_>],
        deliveries: &mut Deliveries<X>,
    ) -> Result<(), SendError> {
        while let [first, rest @ ..] = self.append_run(records, deliveries) {
            deliveries.push(try_send_with_care(&self.shared, &mut self.handle, *first)?);
            *records = rest;
        }
        Ok(())
    }

    /// Takes what needs no closer look off `records`, and returns what they are left with.
    #[inline]
    fn append_run<'a, 'r>(
        &mut self,
        records: &mut &'a [Record<'r>],
        deliveries: &mut Deliveries<X>,
    ) -> &'a [Record<'r>] {
        while !records.is_empty() {
            let note = |result: &_, index, timestamp, count| {
                deliveries.note_run(result, index, timestamp, count);
            };
            let run = append_runs(&mut self.handle, &self.shared, records, note);
            if run == 0 {
                break;
            }
            *records = &records[run..];
        }
        records
    }

    /// Appends a record as soon as the topic's metadata and memory are there.
    #[cfg(feature = "waiting")]
    pub fn send<'a>(&'a mut self, record: Record<'a>) -> Send<'a, X> {
        Send::new(&self.shared, AnyHandle::Own(&mut self.handle), record)
    }

    /// [`try_send_all`](Self::try_send_all), waiting as [`send`](Self::send) does. Cancel-safe:
    /// what `records` is left with has not been sent.
    ///
    /// # Errors
    /// See [`SendError`].
    #[cfg(feature = "waiting")]
    pub async fn send_all(
        &mut self,
        records: &mut &[Record<'_>],
        deliveries: &mut Deliveries<X>,
    ) -> Result<(), SendError> {
        while let [first, rest @ ..] = self.append_run(records, deliveries) {
            deliveries.push(self.send(*first).await?);
            *records = rest;
        }
        Ok(())
    }

    /// The topic's counters.
    pub fn metrics(&self) -> TopicMetrics {
        self.handle.state.metrics.with(|metrics| *metrics)
    }
}

/// [`Topic::try_send`] and [`Producer::try_send`](crate::Producer::try_send).
#[inline]
pub(crate) fn try_send<X: Platform>(
    shared: &Arc<Shared<X>>,
    handle: &mut impl TopicHandle<X>,
    record: Record<'_>,
) -> Result<Delivery<X>, SendError> {
    let note = |result: &_, index, timestamp| Delivery::new(Arc::clone(result), index, timestamp);
    match append_plainly(shared, handle, &record, note) {
        Some(delivery) => Ok(delivery),
        None => try_send_with_care(shared, handle, record),
    }
}

/// Appends to the open batch what needs no closer look: nearly every record.
#[inline]
fn append_plainly<X: Platform, R>(
    shared: &Shared<X>,
    handle: &mut impl TopicHandle<X>,
    record: &Record<'_>,
    note: impl FnOnce(&Arc<BatchResult<X>>, u32, i64) -> R,
) -> Option<R> {
    if !is_plainly_valid(shared, record) {
        return None;
    }
    append_to_open(handle, shared, record, note)
}

/// Appends where there are interceptors, or a batch may have to be begun.
#[cold]
fn try_send_with_care<X: Platform>(
    shared: &Shared<X>,
    handle: &mut impl TopicHandle<X>,
    record: Record<'_>,
) -> Result<Delivery<X>, SendError> {
    // As short-lived as what interceptors may add to it.
    let mut record = record;
    let size = prepare(shared, &handle.state().name, &mut record)?;
    let mut attempt = Attempt::default();
    loop {
        match append(handle, shared, &record, size, &mut attempt) {
            Ok(delivery) => {
                give_back(shared, attempt.buffer);
                return Ok(delivery);
            }
            Err(Refusal::Error(error)) => {
                give_back(shared, attempt.buffer);
                ask_again(shared, handle.state(), &error);
                return Err(error);
            }
            Err(Refusal::Need(Need::Metadata(_))) => {
                give_back(shared, attempt.buffer);
                shared.want_metadata(handle.state(), Instant::ZERO);
                return Err(SendError::MetadataPending);
            }
            Err(Refusal::Need(Need::Memory(wanted))) => {
                attempt.buffer = shared.pool.with(|pool| pool.try_allocate_wanted(wanted));
                if attempt.buffer.is_none() {
                    shared.post(Event::Memory, Instant::ZERO);
                    shared.metrics.with(|metrics| metrics.buffer_exhausted += 1);
                    return Err(SendError::BufferFull);
                }
            }
        }
    }
}

/// A topic that was refused may be there, or permitted, by now: the next record may find it so.
pub(crate) fn ask_again<X: Platform>(
    shared: &Shared<X>,
    topic: &Arc<TopicState<X>>,
    error: &SendError,
) {
    if matches!(error, SendError::Topic { .. } | SendError::Authentication { .. }) {
        shared.want_metadata(topic, Instant::ZERO);
    }
}

/// A buffer that turned out not to be needed goes back to the pool; a `flush` or a `close` may have
/// waited for what becomes of it.
pub(crate) fn give_back<X: Platform>(shared: &Shared<X>, buffer: Option<Buffer>) {
    if let Some(buffer) = buffer {
        shared.pool.with(|pool| pool.deallocate(buffer));
        shared.grant_memory();
        shared.post(Event::Unused, Instant::ZERO);
    }
}
