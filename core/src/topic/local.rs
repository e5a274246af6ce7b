//! What a handle knows by itself: the topic as it last saw it, and the partition it sticks to.

use alloc::string::String;
use core::sync::atomic::Ordering;

use super::append::{Need, Refusal};
use super::{Layout, Status, TopicState};
use crate::config::EXTENSIONS;
use crate::error::SendError;
use crate::partitioner::{ADAPTIVE, Choice, PartitionInput, PartitionerKind, TopicPartitioner};
use crate::record::Record;
use crate::rng::Rng;
use crate::shared::Shared;
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};

/// A partition that was chosen, and what was known then.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    partition: i32,
    version: u32,
}

pub(crate) struct Local<X: Platform> {
    version: u32,
    status: Status,
    pub(super) layout: Arc<Layout<X>>,
    partitioner: TopicPartitioner,
    rng: Rng,
    /// The partitioner needs the time.
    timed: bool,
}

impl<X: Platform> Local<X> {
    pub(super) fn new(shared: &Shared<X>) -> Self {
        let config = &shared.config;
        let mut rng = Rng::new(shared.fresh_seed());
        let kind = config.partitioner.clone();
        let timed = matches!(kind, PartitionerKind::StickyTime { .. });
        let ignore_keys = config.partitioner_ignore_keys;
        let partitioner = TopicPartitioner::new(kind, ignore_keys, config.batch_size, &mut rng);
        let (status, layout) = (Status::Unknown, Arc::new(Layout::none()));
        Self { version: 0, status, layout, partitioner, rng, timed }
    }

    /// Catches up with what the sender has published.
    #[inline]
    pub(super) fn refresh(&mut self, state: &TopicState<X>) {
        let version = state.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            state.published.with(|published| {
                self.status = published.status;
                self.layout = published.layout.clone();
                if ADAPTIVE {
                    self.partitioner.uniform_mut().load_mut().clone_from(&published.load);
                }
            });
        }
    }

    /// The record's partition and whether it is the one that sticks, where nothing has changed and
    /// [choosing](Self::choose) it would change nothing.
    ///
    /// A partition that does not exist is as given.
    #[inline]
    pub(super) fn settled(
        &self,
        state: &TopicState<X>,
        record: &Record<'_>,
    ) -> Option<(i32, bool)> {
        if state.version.load(Ordering::Acquire) != self.version || self.status != Status::Known {
            return None;
        }
        if let Some(partition) = record.partition {
            return Some((partition, false));
        }
        let count = self.layout.partitions.len() as u32;
        self.partitioner.settled(record.routing_key(), count)
    }

    /// As [`choose`](Self::choose), but what was [kept](Self::keep) of an earlier attempt with the
    /// same record is still good, if the metadata is the same.
    pub(super) fn choose_once(
        &mut self,
        kept: Option<Kept>,
        topic: &str,
        record: &Record<'_>,
        shared: &Shared<X>,
    ) -> Result<(i32, bool), Refusal> {
        match kept.filter(|kept| EXTENSIONS && kept.version == self.version) {
            Some(kept) => Ok((kept.partition, false)),
            None => self.choose(topic, record, shared),
        }
    }

    /// A choice for the next attempt with the same record: round robin would take another turn. The
    /// built-in partitioner makes the same choice again.
    pub(super) fn keep(&self, (partition, sticky): (i32, bool)) -> Option<Kept> {
        (EXTENSIONS && !sticky).then_some(Kept { partition, version: self.version })
    }

    /// The record's partition and whether it is the one that sticks.
    pub(super) fn choose(
        &mut self,
        topic: &str,
        record: &Record<'_>,
        shared: &Shared<X>,
    ) -> Result<(i32, bool), Refusal> {
        if self.status != Status::Known {
            return Err(self.unknown(topic, shared));
        }
        let count = self.layout.partitions.len() as u32;
        if let Some(partition) = record.partition {
            if partition as u32 >= count {
                return Err(Refusal::Need(Need::Metadata(Some((partition, count)))));
            }
            return Ok((partition, false));
        }
        let view = self.layout.view();
        let input = PartitionInput {
            topic,
            key: record.routing_key(),
            value: record.value,
            partition_count: count,
            available: view.available,
        };
        let now = if self.timed { shared.clock.now() } else { Instant::ZERO };
        match self.partitioner.partition(&input, now, &mut self.rng) {
            Ok(Choice::Partition(partition)) => Ok((partition, false)),
            Ok(Choice::Uniform) => {
                Ok((self.partitioner.uniform_mut().current(view, &mut self.rng), true))
            }
            Err(error) => Err(SendError::Partitioner(error).into()),
        }
    }

    #[cold]
    fn unknown(&self, topic: &str, shared: &Shared<X>) -> Refusal {
        match self.status {
            Status::Refused(code) => SendError::Topic { topic: String::from(topic), code }.into(),
            Status::Distrusted => shared.authentication_error().into(),
            Status::Known | Status::Unknown => Refusal::Need(Need::Metadata(None)),
        }
    }

    /// A new batch would begin: where a partitioner may move on (KIP-480, KIP-794). True if it did.
    ///
    /// The built-in one leaves a partition whose batch is full, not only when `batch.size` bytes
    /// were counted as Java does: so no visit ends with the first records of a second batch.
    pub(super) fn at_batch_boundary(
        &mut self,
        topic: &str,
        (partition, sticky): (i32, bool),
        after_full: bool,
    ) -> bool {
        if !sticky {
            return self.partitioner.on_new_batch(topic, partition);
        }
        let bytes = if after_full { usize::MAX } else { 0 };
        self.partitioner.uniform_mut().on_appended(bytes, true, self.layout.view(), &mut self.rng)
    }

    /// A batch was begun that takes `bytes`.
    pub(super) fn on_batch_begun(&mut self, bytes: usize) {
        self.partitioner.uniform_mut().on_batch_begun(bytes);
    }

    /// Counts what went to the partition that sticks.
    #[inline]
    pub(super) fn on_appended(&mut self, sticky: bool, bytes: usize, filled: bool) {
        if sticky && self.partitioner.uniform_mut().count(bytes, filled) {
            let view = self.layout.view();
            self.partitioner.uniform_mut().advance(view, &mut self.rng);
        }
    }
}
