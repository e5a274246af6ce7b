//! The path of a record into a batch.

use core::iter;

use super::TopicState;
use super::handle::TopicHandle;
use super::local::{Kept, Local};
use super::prepare::{fields, is_plainly_valid};
use crate::accumulator::batch::SEALED_WHERE_FILLED;
use crate::accumulator::buffer_pool::{Buffer, Wanted};
use crate::accumulator::delivery::{BatchResult, Delivery};
use crate::accumulator::partition::{Appended, Partition};
use crate::error::SendError;
use crate::record::Record;
use crate::records::Compression;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Platform};
use crate::time::{Clock, Instant};

/// What a record needs before it can be appended.
pub(crate) enum Need {
    /// The topic's metadata; with the partition that is not there, if that's all that is missing.
    Metadata(
        #[cfg_attr(not(feature = "waiting"), expect(dead_code, reason = "nobody waits"))]
        Option<(i32, u32)>,
    ),
    /// Memory for a batch.
    Memory(Wanted),
}

/// What one record's append has come to, for the next attempt when there is memory.
#[derive(Default)]
pub(crate) struct Attempt {
    /// Taken if a batch is opened.
    pub(crate) buffer: Option<Buffer>,
    place: Option<Kept>,
}

/// The end of an append that didn't happen.
pub(crate) enum Refusal {
    Error(SendError),
    Need(Need),
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        Self::Error(error)
    }
}

/// Appends a record to the batch that is open where it belongs: all that is to be done for
/// nearly every record. `note` is given the batch's result, the record's place in it and its
/// timestamp. `None` where more has to be done: [`append`] does it.
#[inline(never)]
pub(super) fn append_to_open<X: Platform, R>(
    handle: &mut impl TopicHandle<X>,
    shared: &Shared<X>,
    record: &Record<'_>,
    note: impl FnOnce(&Arc<BatchResult<X>>, u32, i64) -> R,
) -> Option<R> {
    let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.unix_millis());
    let mut filled = None;
    let noted = handle.with(|state, local| {
        let (partition, sticky) = local.settled(state, record)?;
        let target = local.layout.partitions.get(partition as usize)?;
        let (mut bytes, mut is_full) = (0, false);
        let noted = target.append_to_open(
            &fields(record),
            timestamp,
            |result, index| note(result, index, timestamp),
            |by, full| (bytes, is_full) = (by, full),
        )?;
        local.on_appended(sticky, bytes, is_full);
        filled = is_full.then_some(partition);
        Some(noted)
    })?;
    if let Some(partition) = filled {
        finish_in(handle, shared, partition);
    }
    Some(noted)
}

/// Appends those of `records` with which nothing else is to be done, from the first on, to the
/// batches that are open where they belong, until one of those is full. Returns how many. `note` is
/// given for each run of them a batch's result, the place and timestamp of the first record in it,
/// and how many they are.
pub(super) fn append_runs<X: Platform>(
    handle: &mut impl TopicHandle<X>,
    shared: &Shared<X>,
    records: &[Record<'_>],
    mut note: impl FnMut(&Arc<BatchResult<X>>, u32, i64, u32),
) -> usize {
    let now = shared.clock.unix_millis();
    let (mut appended, mut filled) = (0, None);
    handle.with(|state, local| {
        let mut next = plain_place(state, shared, local, records.first());
        while let Some((partition, sticky)) = next
            && let Some(target) = local.layout.partitions.get(partition as usize)
        {
            let (mut rest, place) = (records[appended..].iter(), next);
            let run = iter::from_fn(|| {
                let record = rest.next().filter(|_| next == place)?;
                next = plain_place(state, shared, local, rest.as_slice().first());
                Some((fields(record), record.timestamp.unwrap_or(now)))
            });
            let grown = target.append_run(run, |result, index, timestamp, count| {
                appended += count as usize;
                note(result, index, timestamp, count);
            });
            let Some((bytes, is_full)) = grown else { return };
            local.on_appended(sticky, bytes, is_full);
            if is_full {
                filled = Some(partition);
                return;
            }
        }
    });
    if let Some(partition) = filled {
        finish_in(handle, shared, partition);
    }
    appended
}

/// Where a record goes with which nothing else is to be done, and whether that sticks.
fn plain_place<X: Platform>(
    state: &TopicState<X>,
    shared: &Shared<X>,
    local: &Local<X>,
    record: Option<&Record<'_>>,
) -> Option<(i32, bool)> {
    let record = record.filter(|record| is_plainly_valid(shared, record))?;
    local.settled(state, record)
}

/// Appends a record of at most `size` bytes, or says what that needs.
pub(crate) fn append<X: Platform>(
    handle: &mut impl TopicHandle<X>,
    shared: &Shared<X>,
    record: &Record<'_>,
    size: usize,
    attempt: &mut Attempt,
) -> Result<Delivery<X>, Refusal> {
    let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.unix_millis());
    let (mut at, mut room, mut left) = (Instant::ZERO, 0, None);
    let chosen = handle.with(|state, local| {
        local.refresh(state);
        let Attempt { buffer, place } = attempt;
        let kept = place.take();
        let (mut partition, mut sticky) = local.choose_once(kept, &state.name, record, shared)?;
        loop {
            let target = local.layout.partitions[partition as usize].clone();
            let limits = |buffer: &Buffer| {
                let limits = state.limits(shared, buffer);
                room = limits.len;
                limits
            };
            let now = || {
                at = shared.clock.now();
                at
            };
            let appended = target.append(&fields(record), timestamp, buffer, limits, now);
            if let Appended::NeedsBuffer { after_full, .. } = appended
                && buffer.is_none()
                && left.is_none()
                && record.partition.is_none()
                && local.at_batch_boundary(&state.name, (partition, sticky), after_full)
            {
                left = Some((target, after_full));
                (partition, sticky) = local.choose(&state.name, record, shared)?;
                continue;
            }
            match appended {
                Appended::Done { opened, filled, .. } => {
                    if sticky && opened.is_some() {
                        local.on_batch_begun(room);
                    }
                    local.on_appended(sticky, size, filled);
                }
                Appended::NeedsBuffer { .. } => *place = local.keep((partition, sticky)),
                Appended::Closed => {}
            }
            return Ok::<_, Refusal>((appended, target));
        }
    });
    if let Some((partition, true)) = left {
        // Its batch had no room for this record, and nothing follows it.
        finish(handle.state(), shared, &partition);
    }
    let (appended, partition) = chosen?;
    match appended {
        Appended::Done { delivery, opened, filled } => {
            if let Some(number) = opened {
                announce(shared, partition.lane, number, at);
            }
            if filled {
                finish(handle.state(), shared, &partition);
            }
            Ok(delivery)
        }
        Appended::NeedsBuffer { account, grown, .. } => {
            let wanted = handle.state().memory_for(shared, size, account, grown);
            Err(Refusal::Need(Need::Memory(wanted)))
        }
        Appended::Closed => Err(SendError::Closed.into()),
    }
}

/// Tells the sender that a batch was opened.
#[cold]
fn announce<X: Platform>(shared: &Shared<X>, lane: u32, number: u64, at: Instant) {
    let linger = &shared.config.linger;
    let due = if shared.config.adaptive_linger { at } else { at + *linger };
    shared.post(Event::Opened { lane, number, at }, due);
}

/// [`finish`] in the partition of this number, which is looked up once more: to
/// keep it at hand would cost every record something.
#[cold]
fn finish_in<X: Platform>(handle: &mut impl TopicHandle<X>, shared: &Shared<X>, partition: i32) {
    let known = handle.with(|_, local| local.layout.partitions.get(partition as usize).cloned());
    if let Some(partition) = known {
        finish(handle.state(), shared, &partition);
    }
}

/// A partition's batch is full: compresses it, while its records are at hand and other threads
/// compress theirs, and tells the sender.
#[cold]
fn finish<X: Platform>(state: &TopicState<X>, shared: &Shared<X>, partition: &Partition<X>) {
    if SEALED_WHERE_FILLED
        && state.compression != Compression::NONE
        && let Some((number, mut batch)) = partition.begin_sealing()
    {
        let ratio = state.seal(shared, &mut batch);
        partition.end_sealing(number, batch, ratio);
    }
    shared.post(Event::Filled { lane: partition.lane }, Instant::ZERO);
    shared.give_way();
}
