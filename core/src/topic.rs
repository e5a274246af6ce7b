//! A topic as sending threads see it, and the path of a record into a batch.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

use crate::accumulator::batch::Limits;
use crate::accumulator::buffer_pool::{Account, Buffer};
use crate::accumulator::delivery::Delivery;
use crate::accumulator::partition::{Appended, Partition};
use crate::config::Acks;
use crate::error::{ErrorCode, SendError};
use crate::metrics::TopicMetrics;
use crate::partitioner::{
    Choice, LoadStats, PartitionInput, PartitionerKind, Partitions, TopicPartitioner,
};
use crate::producer::Send;
use crate::record::Record;
use crate::records::record::size_upper_bound;
use crate::records::{BATCH_OVERHEAD, Codec, Compression, CompressionRatioEstimator, RecordFields};
use crate::rng::Rng;
use crate::shared::{Event, Shared};
use crate::sync::{Arc, Lock, Platform};
use crate::time::{Clock, Instant};

/// How much more than `batch.size` an uncompressed batch may take, expecting to be compressed.
pub(crate) const MOST_POOLABLES: usize = 8;

/// What all handles of a topic share.
pub(crate) struct TopicState<X: Platform> {
    pub(crate) name: Arc<str>,
    pub(crate) acks: Acks,
    pub(crate) compression: Compression,
    pub(crate) ratio: CompressionRatioEstimator,
    pub(crate) metrics: X::Lock<TopicMetrics>,
    /// Rises when the metadata or the load changes, so that handles notice with one plain load.
    version: AtomicU32,
    published: X::Lock<Published<X>>,
}

/// What the metadata says.
struct Published<X: Platform> {
    status: Status,
    layout: Arc<Layout<X>>,
    load: LoadStats,
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
}

/// A topic's partitions by index, and which of them have a leader.
pub(crate) struct Layout<X: Platform> {
    pub(crate) partitions: Vec<Arc<Partition<X>>>,
    pub(crate) available: Vec<i32>,
}

impl<X: Platform> TopicState<X> {
    pub(crate) fn new(name: &str, shared: &Shared<X>) -> Arc<Self> {
        let layout = Arc::new(Layout { partitions: Vec::new(), available: Vec::new() });
        let published = Published {
            status: Status::Unknown,
            layout,
            load: LoadStats::default(),
            waiters: Vec::new(),
        };
        Arc::new(Self {
            name: name.into(),
            acks: shared.config.acks_of(name),
            compression: shared.config.compression_of(name),
            ratio: CompressionRatioEstimator::new(),
            metrics: X::Lock::new(TopicMetrics::default()),
            version: AtomicU32::new(1),
            published: X::Lock::new(published),
        })
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

    pub(crate) fn status(&self) -> (Status, u32) {
        self.published
            .with(|published| (published.status, published.layout.partitions.len() as u32))
    }

    /// How far a batch in this buffer may grow. Where compression is expected to shrink it, beyond
    /// `batch.size` (row E6.17).
    fn limits(&self, shared: &Shared<X>, buffer: &Buffer) -> Limits {
        let batch_size = shared.config.batch_size;
        let records = shared.config.batch_max_records.unwrap_or(u32::MAX);
        if self.compression.codec() == Codec::None {
            return Limits { len: batch_size, records };
        }
        Limits { len: self.uncompressed_target(batch_size).min(buffer.bytes.capacity()), records }
    }

    /// The size of records that are expected to compress to `batch_size`.
    fn uncompressed_target(&self, batch_size: usize) -> usize {
        let per_mille = self.ratio.estimate().per_mille().max(1) as usize;
        let records = batch_size.saturating_sub(BATCH_OVERHEAD).saturating_mul(1000) / per_mille;
        // 1/1.05, Java's safety factor.
        let target = BATCH_OVERHEAD + records / 21 * 20;
        target.clamp(batch_size, batch_size.saturating_mul(MOST_POOLABLES))
    }

    /// The memory a batch that begins with a record of `size` wants at best, and at least.
    fn memory_for(&self, shared: &Shared<X>, size: usize) -> (usize, usize) {
        let least = size.max(shared.config.batch_size);
        match self.compression.codec() {
            Codec::None => (least, least),
            _ => (self.uncompressed_target(shared.config.batch_size).max(least), least),
        }
    }
}

/// A topic resolved once, for sending many records to it. Each handle has its own sticky partition
/// (KIP-794), so give each sending thread one: `clone` is how.
pub struct Topic<X: Platform> {
    pub(crate) shared: Arc<Shared<X>>,
    pub(crate) handle: Arc<TopicHandle<X>>,
}

/// A handle's own state beside the topic's.
pub(crate) struct TopicHandle<X: Platform> {
    pub(crate) state: Arc<TopicState<X>>,
    local: X::Lock<Local<X>>,
}

struct Local<X: Platform> {
    version: u32,
    status: Status,
    layout: Arc<Layout<X>>,
    partitioner: TopicPartitioner,
    rng: Rng,
    /// The record at hand goes to the partition that sticks, not to one of its own.
    sticky: bool,
    /// The partitioner needs the time.
    timed: bool,
}

/// What a record needs before it can be appended.
pub(crate) enum Need {
    /// The topic's metadata; with the partition that is not there, if that's all that is missing.
    Metadata(Option<(i32, u32)>),
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

impl<X: Platform> Clone for Topic<X> {
    fn clone(&self) -> Self {
        let handle = TopicHandle::new(self.handle.state.clone(), &self.shared);
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
    pub fn try_send(&self, record: Record<'_>) -> Result<Delivery<X>, SendError> {
        try_send(&self.shared, &self.handle, record)
    }

    /// Appends a record as soon as the topic's metadata and memory are there.
    pub fn send<'a>(&'a self, record: Record<'a>) -> Send<'a, X> {
        Send::new(&self.shared, self.handle.clone(), record)
    }

    /// The topic's counters.
    pub fn metrics(&self) -> TopicMetrics {
        self.handle.state.metrics.with(|metrics| *metrics)
    }
}

/// [`Topic::try_send`] and [`Producer::try_send`](crate::Producer::try_send).
pub(crate) fn try_send<X: Platform>(
    shared: &Arc<Shared<X>>,
    handle: &TopicHandle<X>,
    record: Record<'_>,
) -> Result<Delivery<X>, SendError> {
    let record = prepare(shared, &handle.state.name, record)?;
    let mut buffer = None;
    loop {
        match handle.append(shared, &record, &mut buffer) {
            Ok(delivery) => {
                give_back(shared, buffer);
                return Ok(delivery);
            }
            Err(Refusal::Error(error)) => {
                give_back(shared, buffer);
                ask_again(shared, handle, &error);
                return Err(error);
            }
            Err(Refusal::Need(Need::Metadata(_))) => {
                give_back(shared, buffer);
                let (topic, deadline) = (handle.state.clone(), Instant::ZERO);
                shared.post(Event::Metadata { topic, deadline }, Instant::ZERO);
                return Err(SendError::MetadataPending);
            }
            Err(Refusal::Need(Need::Memory { wanted, least, account })) => {
                buffer = shared.pool.with(|pool| {
                    pool.try_allocate(wanted, account)
                        .or_else(|| pool.try_allocate(least, account).filter(|_| least < wanted))
                });
                if buffer.is_none() {
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
    handle: &TopicHandle<X>,
    error: &SendError,
) {
    if matches!(error, SendError::Topic { .. }) {
        let topic = handle.state.clone();
        shared.post(Event::Metadata { topic, deadline: Instant::ZERO }, Instant::ZERO);
    }
}

/// A buffer that turned out not to be needed goes back to the pool.
pub(crate) fn give_back<X: Platform>(shared: &Shared<X>, buffer: Option<Buffer>) {
    if let Some(buffer) = buffer {
        shared.pool.with(|pool| pool.deallocate(buffer));
        shared.grant_memory();
    }
}

/// Interceptors, validity and size (rows B2.1, B2.4, E1.3): all that needs neither metadata nor
/// memory.
pub(crate) fn prepare<'a, X: Platform>(
    shared: &'a Shared<X>,
    topic: &str,
    mut record: Record<'a>,
) -> Result<Record<'a>, SendError> {
    if shared.is_closed() {
        return Err(SendError::Closed);
    }
    for interceptor in &shared.interceptors {
        record = interceptor.on_send(topic, record);
    }
    if record.timestamp.is_some_and(|millis| millis < 0) {
        return Err(SendError::InvalidRecord("a record's timestamp can't be negative"));
    }
    if record.partition.is_some_and(|partition| partition < 0) {
        return Err(SendError::InvalidRecord("a record's partition can't be negative"));
    }
    let size = size_upper_bound(&fields(&record));
    let config = &shared.config;
    let (limit, key) = if size > config.max_request_size {
        (config.max_request_size, "max.request.size")
    } else if size > config.buffer_memory {
        (config.buffer_memory, "buffer.memory")
    } else {
        return Ok(record);
    };
    Err(SendError::RecordTooLarge { size, limit, key })
}

fn fields<'a>(record: &Record<'a>) -> RecordFields<'a> {
    RecordFields { key: record.key, value: record.value, headers: record.headers }
}

impl<X: Platform> TopicHandle<X> {
    pub(crate) fn new(state: Arc<TopicState<X>>, shared: &Shared<X>) -> Arc<Self> {
        let layout = Arc::new(Layout { partitions: Vec::new(), available: Vec::new() });
        let local = Local::new(layout, shared);
        Arc::new(Self { state, local: X::Lock::new(local) })
    }

    /// Appends a record, or says what that needs. `buffer` is taken if a batch is opened.
    pub(crate) fn append(
        &self,
        shared: &Shared<X>,
        record: &Record<'_>,
        buffer: &mut Option<Buffer>,
    ) -> Result<Delivery<X>, Refusal> {
        let timestamp = record.timestamp.unwrap_or_else(|| shared.clock.unix_millis());
        let mut at = Instant::ZERO;
        let (appended, lane) = self.local.with(|local| {
            local.refresh(&self.state);
            let mut partition = local.choose(&self.state.name, record, shared)?;
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
                    && local.at_batch_boundary(&self.state.name, partition, after_full)
                {
                    moved = true;
                    partition = local.choose(&self.state.name, record, shared)?;
                    continue;
                }
                if let Appended::Done { filled, .. } = appended {
                    local.on_appended(size_upper_bound(&fields(record)), filled);
                }
                return Ok::<_, Refusal>((appended, lane));
            }
        })?;
        match appended {
            Appended::Done { delivery, opened, filled } => {
                if opened || filled {
                    self.announce(shared, lane, opened.then_some(at), filled);
                }
                Ok(delivery)
            }
            Appended::NeedsBuffer { account, .. } => {
                let size = size_upper_bound(&fields(record));
                let (wanted, least) = self.state.memory_for(shared, size);
                Err(Refusal::Need(Need::Memory { wanted, least, account }))
            }
            Appended::Closed => Err(SendError::Closed.into()),
        }
    }

    /// Tells the sender once per batch that it was opened, and once that it is full.
    fn announce(&self, shared: &Shared<X>, lane: u32, opened: Option<Instant>, filled: bool) {
        if let Some(at) = opened {
            // A batch that is full already is told below; the sender is woken once.
            let linger = &shared.config.linger;
            let due = if shared.config.adaptive_linger { at } else { at + *linger };
            shared.post(Event::Opened { lane, at }, due);
        }
        if filled {
            shared.post(Event::Filled { lane }, Instant::ZERO);
        }
    }
}

impl<X: Platform> Local<X> {
    fn new(layout: Arc<Layout<X>>, shared: &Shared<X>) -> Self {
        let config = &shared.config;
        let mut rng = Rng::new(shared.fresh_seed());
        let kind = config.partitioner.clone();
        let timed = matches!(kind, PartitionerKind::StickyTime { .. });
        let ignore_keys = config.partitioner_ignore_keys;
        let partitioner = TopicPartitioner::new(kind, ignore_keys, config.batch_size, &mut rng);
        let status = Status::Unknown;
        Self { version: 0, status, layout, partitioner, rng, sticky: false, timed }
    }

    /// Catches up with what the sender has published.
    #[inline]
    fn refresh(&mut self, state: &TopicState<X>) {
        let version = state.version.load(Ordering::Acquire);
        if version != self.version {
            self.version = version;
            state.published.with(|published| {
                self.status = published.status;
                self.layout = published.layout.clone();
                self.partitioner.uniform_mut().load_mut().clone_from(&published.load);
            });
        }
    }

    fn choose(
        &mut self,
        topic: &str,
        record: &Record<'_>,
        shared: &Shared<X>,
    ) -> Result<i32, Refusal> {
        match self.status {
            Status::Known => {}
            Status::Unknown => return Err(Refusal::Need(Need::Metadata(None))),
            Status::Refused(code) => {
                return Err(SendError::Topic { topic: String::from(topic), code }.into());
            }
        }
        let count = self.layout.partitions.len() as u32;
        if let Some(partition) = record.partition {
            self.sticky = false;
            if partition as u32 >= count {
                return Err(Refusal::Need(Need::Metadata(Some((partition, count)))));
            }
            return Ok(partition);
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
        let choice = self.partitioner.partition(&input, now, &mut self.rng);
        self.sticky = choice == Ok(Choice::Uniform);
        match choice {
            Ok(Choice::Partition(partition)) => Ok(partition),
            Ok(Choice::Uniform) => Ok(self.partitioner.uniform_mut().current(view, &mut self.rng)),
            Err(error) => Err(SendError::Partitioner(error).into()),
        }
    }

    /// A new batch would begin: where a partitioner may move on (KIP-480, KIP-794). True if it did.
    ///
    /// The built-in one leaves a partition whose batch is full, not only when `batch.size` bytes
    /// were counted as Java does: so no visit ends with the first records of a second batch.
    fn at_batch_boundary(&mut self, topic: &str, partition: i32, after_full: bool) -> bool {
        if !self.sticky {
            return self.partitioner.on_new_batch(topic, partition);
        }
        let bytes = if after_full { usize::MAX } else { 0 };
        self.partitioner.uniform_mut().on_appended(bytes, true, self.layout.view(), &mut self.rng)
    }

    fn on_appended(&mut self, bytes: usize, filled: bool) {
        if self.sticky {
            let view = self.layout.view();
            self.partitioner.uniform_mut().on_appended(bytes, filled, view, &mut self.rng);
        }
    }
}

impl<X: Platform> Layout<X> {
    /// As the partitioner sees it.
    fn view(&self) -> Partitions<'_> {
        Partitions { count: self.partitions.len() as u32, available: &self.available }
    }
}
