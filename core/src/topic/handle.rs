//! The path of a record into a batch.

use alloc::vec::Vec;

use super::local::Local;
use super::prepare::fields;
use super::{Layout, TopicState};
use crate::accumulator::buffer_pool::{Account, Buffer};
use crate::accumulator::delivery::{BatchResult, Delivery};
use crate::accumulator::partition::Appended;
use crate::error::SendError;
use crate::record::Record;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};

/// A handle's own state beside the topic's.
pub(crate) struct TopicHandle<X: Platform> {
    pub(crate) state: Arc<TopicState<X>>,
    local: X::Lock<Local<X>>,
}

/// What a record needs before it can be appended.
pub(crate) enum Need {
    /// The topic's metadata; with the partition that is not there, if that's all that is missing.
    Metadata(
        #[cfg_attr(not(feature = "waiting"), expect(dead_code, reason = "nobody waits"))]
        Option<(i32, u32)>,
    ),
    /// This much memory, at best and at least.
    Memory { wanted: usize, least: usize, account: Account },
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

impl<X: Platform> TopicHandle<X> {
    pub(crate) fn new(state: Arc<TopicState<X>>, shared: &Shared<X>) -> Arc<Self> {
        let layout = Arc::new(Layout { partitions: Vec::new(), available: Vec::new() });
        let local = Local::new(layout, shared);
        Arc::new(Self { state, local: X::Lock::new(local) })
    }

    /// Appends a record to the batch that is open where it belongs: all that is to be done for
    /// nearly every record. `note` is given the batch's result, the record's place in it and its
    /// timestamp. `None` where more has to be done: [`append`](Self::append) does it.
    #[inline(never)]
    pub(crate) fn append_to_open<R>(
        &self,
        shared: &Shared<X>,
        record: &Record<'_>,
        note: impl FnOnce(&Arc<BatchResult<X>>, u32, i64) -> R,
    ) -> Option<R> {
        let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.unix_millis());
        let mut filled = None;
        let noted = self.local.with(|local| {
            let (partition, sticky) = local.settled(&self.state, record)?;
            let target = local.layout.partitions.get(partition as usize)?;
            let lane = target.lane;
            let (mut bytes, mut is_full) = (0, false);
            let noted = target.append_to_open(
                &fields(record),
                timestamp,
                |result, index| note(result, index, timestamp),
                |by, full| (bytes, is_full) = (by, full),
            )?;
            local.on_appended(sticky, bytes, is_full);
            filled = is_full.then_some(lane);
            Some(noted)
        })?;
        if let Some(lane) = filled {
            self.announce(shared, lane, None, true);
        }
        Some(noted)
    }

    /// Appends a record of at most `size` bytes, or says what that needs. `buffer` is taken if a
    /// batch is opened.
    pub(crate) fn append(
        &self,
        shared: &Shared<X>,
        record: &Record<'_>,
        size: usize,
        buffer: &mut Option<Buffer>,
    ) -> Result<Delivery<X>, Refusal> {
        let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.unix_millis());
        let mut at = Instant::ZERO;
        let (appended, lane) = self.local.with(|local| {
            local.refresh(&self.state);
            let (mut partition, mut sticky) = local.choose(&self.state.name, record, shared)?;
            let mut moved = false;
            loop {
                let target = &local.layout.partitions[partition as usize];
                let lane = target.lane;
                let limits = |buffer: &Buffer| self.state.limits(shared, buffer);
                let now = || {
                    at = shared.clock.now();
                    at
                };
                let appended = target.append(&fields(record), timestamp, buffer, limits, now);
                if let Appended::NeedsBuffer { after_full, .. } = appended
                    && buffer.is_none()
                    && !moved
                    && record.partition.is_none()
                    && local.at_batch_boundary(&self.state.name, (partition, sticky), after_full)
                {
                    moved = true;
                    (partition, sticky) = local.choose(&self.state.name, record, shared)?;
                    continue;
                }
                if let Appended::Done { filled, .. } = appended {
                    local.on_appended(sticky, size, filled);
                }
                return Ok::<_, Refusal>((appended, lane));
            }
        })?;
        match appended {
            Appended::Done { delivery, opened, filled } => {
                if opened.is_some() || filled {
                    self.announce(shared, lane, opened.map(|number| (number, at)), filled);
                }
                Ok(delivery)
            }
            Appended::NeedsBuffer { account, .. } => {
                let (wanted, least) = self.state.memory_for(shared, size);
                Err(Refusal::Need(Need::Memory { wanted, least, account }))
            }
            Appended::Closed => Err(SendError::Closed.into()),
        }
    }

    /// Tells the sender once per batch that it was opened, and once that it is full.
    #[cold]
    fn announce(
        &self,
        shared: &Shared<X>,
        lane: u32,
        opened: Option<(u64, Instant)>,
        filled: bool,
    ) {
        if let Some((number, at)) = opened {
            // A batch that is full already is told below; the sender is woken once.
            let linger = &shared.config.linger;
            let due = if shared.config.adaptive_linger { at } else { at + *linger };
            shared.post(Event::Opened { lane, number, at }, due);
        }
        if filled {
            shared.post(Event::Filled { lane }, Instant::ZERO);
        }
    }
}
