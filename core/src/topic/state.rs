//! What all handles of a topic share: what its metadata says, and how its batches are sized.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

use crate::accumulator::batch::Limits;
use crate::accumulator::buffer_pool::{Account, Buffer, Wanted};
use crate::accumulator::partition::Partition;
use crate::config::{Acks, ProducerConfig};
use crate::error::ErrorCode;
use crate::metrics::TopicMetrics;
use crate::partitioner::{LoadStats, Partitions};
use crate::protocol::api_key::BROKERS;
use crate::records::{
    BATCH_OVERHEAD, BatchBuilder, Codec, Compression, CompressionRatioEstimator, Compressor, Ratio,
};
use crate::sender::SPLIT;
use crate::shared::Shared;
use crate::sync::{Arc, Lock, Platform};

/// What all handles of a topic share.
pub(crate) struct TopicState<X: Platform> {
    pub(crate) name: Arc<str>,
    acks: Acks,
    pub(crate) compression: Compression,
    pub(crate) ratio: CompressionRatioEstimator,
    /// The smallest batch that the broker found too large.
    refused: AtomicU32,
    pub(crate) metrics: X::Lock<TopicMetrics>,
    /// Rises when the metadata or the load changes, so that handles notice with one plain load.
    pub(super) version: AtomicU32,
    pub(super) published: X::Lock<Published<X>>,
}

/// What the metadata says.
pub(super) struct Published<X: Platform> {
    pub(super) status: Status,
    pub(super) layout: Arc<Layout<X>>,
    pub(super) load: LoadStats,
    waiters: Vec<Waker>,
}

/// What is known of a topic.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    /// Nothing yet, or nothing any more.
    Unknown,
    /// Its partitions.
    Known,
    /// That the cluster refuses it.
    Refused(ErrorCode),
    /// Nothing, because no broker and this client accept each other.
    Distrusted,
}

/// A topic's partitions by index, and which of them have a leader.
pub(crate) struct Layout<X: Platform> {
    pub(crate) partitions: Vec<Arc<Partition<X>>>,
    pub(crate) available: Vec<i32>,
}

impl<X: Platform> TopicState<X> {
    pub(crate) fn new(name: &str, shared: &Shared<X>) -> Arc<Self> {
        let published = Published {
            status: Status::Unknown,
            layout: Arc::new(Layout::none()),
            load: LoadStats::default(),
            waiters: Vec::new(),
        };
        Arc::new(Self {
            name: name.into(),
            acks: shared.config.acks_of(name),
            compression: shared.config.compression_of(name),
            ratio: CompressionRatioEstimator::new(),
            refused: AtomicU32::new(u32::MAX),
            metrics: X::Lock::new(TopicMetrics::default()),
            version: AtomicU32::new(1),
            published: X::Lock::new(published),
        })
    }

    /// What its batches ask for; over a bridge that is no choice.
    pub(crate) fn acks(&self) -> Acks {
        if BROKERS { self.acks } else { Acks::All }
    }

    /// Compresses and completes a batch on the calling thread, and learns from how far it shrank.
    pub(crate) fn seal(&self, shared: &Shared<X>, batch: &mut BatchBuilder) -> Option<Ratio> {
        batch.set_transactional(shared.config.is_transactional());
        let is_small = batch.len() < shared.config.batch_size / 2;
        let seal = |compressor: Option<&mut Compressor>| batch.seal_at_best(compressor);
        let ratio = shared.with_compressor(self.compression, seal)?;
        if !is_small {
            self.ratio.observe(ratio);
        }
        Some(ratio)
    }

    /// The broker found a batch of `len` bytes too large: the next ones stay below that.
    pub(crate) fn on_too_large(&self, len: usize, ratio: Ratio) {
        // Only the sender writes.
        let refused = self.refused.load(Ordering::Relaxed).min(len as u32);
        self.refused.store(refused, Ordering::Relaxed);
        self.ratio.reset_after_split(ratio);
    }

    /// Publishes what the metadata says and wakes everybody who waits for it.
    pub(crate) fn publish(&self, status: Status, layout: Option<Arc<Layout<X>>>) {
        let waiters = self.published.with(|published| {
            published.status = status;
            if let Some(layout) = layout {
                published.layout = layout;
            }
            core::mem::take(&mut published.waiters)
        });
        self.touch();
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Wakes those who wait, though nothing is known: their time is up, or the producer is closed.
    pub(crate) fn wake_waiters(&self) {
        let waiters = self.published.with(|published| core::mem::take(&mut published.waiters));
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Publishes how full the partitions' queues are (KIP-794).
    pub(crate) fn publish_load(&self, load: &LoadStats) {
        self.published.with(|published| published.load.clone_from(load));
        self.touch();
    }

    fn touch(&self) {
        // Only the sender writes; a plain store serves targets without read-modify-write.
        self.version.store(self.version.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Registers to be woken at the next publication.
    pub(crate) fn wait(&self, waker: &Waker) {
        self.published.with(|published| {
            if !published.waiters.iter().any(|known| known.will_wake(waker)) {
                published.waiters.push(waker.clone());
            }
        });
    }

    /// A partition, where it is known.
    pub(crate) fn partition(&self, index: i32) -> Option<Arc<Partition<X>>> {
        let index = usize::try_from(index).ok()?;
        self.published.with(|published| published.layout.partitions.get(index).cloned())
    }

    pub(crate) fn status(&self) -> (Status, u32) {
        self.published
            .with(|published| (published.status, published.layout.partitions.len() as u32))
    }

    /// How far a batch in this buffer may grow. Where compression is expected to shrink it, beyond
    /// `batch.size` (row E6.17).
    pub(super) fn limits(&self, shared: &Shared<X>, buffer: &Buffer) -> Limits {
        let batch_size = shared.config.batch_size;
        let records = shared.config.batch_max_records.unwrap_or(u32::MAX);
        if self.compression.codec() == Codec::None {
            return Limits { len: batch_size, records, compressed: false };
        }
        let target = self.uncompressed_target(&shared.config);
        Limits { len: target.min(buffer.bytes.capacity()), records, compressed: true }
    }

    /// The size of records that are expected to compress to `batch_size`.
    fn uncompressed_target(&self, config: &ProducerConfig) -> usize {
        let batch_size = config.batch_size;
        // Nobody minds a batch a little over `batch.size`; one over the other limits is refused.
        let refused = if SPLIT { self.refused.load(Ordering::Relaxed) } else { u32::MAX };
        let limit = config.max_request_size.min(refused as usize);
        let compressed = batch_size.min(limit / 20 * 19);
        let records = compressed.saturating_sub(BATCH_OVERHEAD);
        let target = BATCH_OVERHEAD.saturating_add(self.ratio.estimate().uncompressed(records));
        target.clamp(batch_size, config.largest_batch())
    }

    /// The memory a batch that begins with a record of `size` wants at best, and at least. `grown`
    /// is what the partition's last one came to: where it was less than `batch.size`, no more is
    /// taken from the others.
    pub(super) fn memory_for(
        &self,
        shared: &Shared<X>,
        size: usize,
        account: Account,
        grown: usize,
    ) -> Wanted {
        let batch_size = shared.config.batch_size;
        let least = size.max(batch_size);
        let best = match self.compression.codec() {
            Codec::None => least,
            _ if grown < batch_size => least,
            _ => self.uncompressed_target(&shared.config).max(least),
        };
        Wanted { best, least, account }
    }
}

impl<X: Platform> Layout<X> {
    /// No partitions are known.
    pub(super) fn none() -> Self {
        Self { partitions: Vec::new(), available: Vec::new() }
    }

    /// As the partitioner sees it.
    pub(super) fn view(&self) -> Partitions<'_> {
        Partitions { count: self.partitions.len() as u32, available: &self.available }
    }
}
