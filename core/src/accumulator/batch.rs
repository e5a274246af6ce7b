//! The records of one partition that travel together, from the first append to the outcome.

use core::mem;

use super::buffer_pool::Buffer;
use super::delivery::{BatchResult, Delivery};
use crate::error::{DeliveryError, ErrorCode, Reason, Written};
use crate::records::batch::write_producer_state;
use crate::records::{AppendError, BatchBuilder, Ratio, RecordFields};
use crate::sync::{Arc, Platform, THREADS};
use crate::time::Instant;

/// Where there are threads, batches are compressed by those that fill them.
pub(crate) const SEALED_WHERE_FILLED: bool = THREADS;

/// Who sent a batch, for the broker's duplicate check: producer id and epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// What brokers recognise a batch by, given when it is first drained.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sequence {
    pub(crate) identity: Identity,
    pub(crate) base: i32,
}

/// The limits a batch grows under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes with the header, before compression; the first record may exceed them.
    pub(crate) len: usize,
    /// Records.
    pub(crate) records: u32,
    /// Whether the records are compressed when the batch leaves.
    pub(crate) compressed: bool,
}

impl Limits {
    /// Those of a batch that takes no more records.
    pub(crate) const FULL: Self = Self { len: 0, records: 0, compressed: true };
}

/// One batch with everything that is known about it.
pub(crate) struct ProducerBatch<X: Platform> {
    builder: BatchBuilder,
    /// The pool's memory; its bytes are in `builder`.
    buffer: Buffer,
    limits: Limits,
    closed: bool,
    sealing: Sealing,
    /// The size before it was compressed.
    uncompressed_len: usize,
    /// How far it shrank, if that was not told yet.
    ratio: Option<Ratio>,
    pub(crate) result: Arc<BatchResult<X>>,
    pub(crate) created: Instant,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// Its place in its partition's order, which it keeps whatever becomes of its sequence.
    pub(crate) position: u64,
    pub(crate) sequence: Option<Sequence>,
    /// The sequence is in the header.
    stamped: bool,
    /// Some attempt ended without word from the broker: it may be in the log.
    pub(crate) maybe_written: bool,
    /// Some attempt was not answered at all: its bytes may still be on their way to the broker.
    pub(crate) lost: bool,
    pub(crate) last_error: Option<ErrorCode>,
    /// The outcome has been told while the bytes were still on the wire.
    pub(crate) resolved: bool,
    /// It was sent before, or in an earlier life: nothing goes beside it.
    pub(crate) resend: bool,
    /// An earlier producer left it.
    pub(crate) restored: bool,
    /// The broker expects another sequence than this one's, an earlier or a later one: the batches
    /// behind it will tell.
    pub(crate) set_aside: bool,
    pub(crate) storage: Storage,
}

/// How far a batch is on its way to be complete but for the producer's identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sealing {
    NotYet,
    /// Its records are with the thread that filled it, which compresses them.
    Begun,
    Done,
}

/// Whether a batch is stored, where batches are stored before they are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Storage {
    /// What it was last stored as.
    pub(crate) key: Option<u64>,
    pub(crate) step: Storing,
}

/// How far a batch, as it is now, is on its way into the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Storing {
    #[default]
    NotYet,
    /// It was handed out under this number, or waits to be.
    Asked(u32),
    /// Stored, or given up.
    Done,
}

impl<X: Platform> ProducerBatch<X> {
    pub(crate) fn new(partition: i32, mut buffer: Buffer, limits: Limits, now: Instant) -> Self {
        let bytes = mem::take(&mut buffer.bytes);
        let builder = if limits.compressed {
            BatchBuilder::new(bytes)
        } else {
            BatchBuilder::uncompressed(bytes)
        };
        Self::with_builder(partition, builder, buffer, limits, now)
    }

    /// A batch of records that were in another one before.
    pub(crate) fn with_builder(
        partition: i32,
        builder: BatchBuilder,
        buffer: Buffer,
        limits: Limits,
        created: Instant,
    ) -> Self {
        Self {
            builder,
            buffer,
            limits,
            closed: false,
            sealing: Sealing::NotYet,
            uncompressed_len: 0,
            ratio: None,
            stamped: false,
            result: BatchResult::new(partition),
            created,
            attempts: 0,
            position: 0,
            sequence: None,
            maybe_written: false,
            lost: false,
            last_error: None,
            resolved: false,
            resend: false,
            restored: false,
            set_aside: false,
            storage: Storage::default(),
        }
    }

    /// The batch whose bytes were put into `buffer`, as an earlier producer left it. `numbers` says
    /// whether this producer gives sequences to those that have none.
    ///
    /// # Errors
    /// The buffer, where its bytes are no record batch.
    pub(crate) fn restore(
        partition: i32,
        mut buffer: Buffer,
        key: u64,
        numbers: bool,
        now: Instant,
    ) -> Result<Self, Buffer> {
        let builder = match BatchBuilder::resume(mem::take(&mut buffer.bytes)) {
            Ok(builder) => builder,
            Err(bytes) => {
                buffer.bytes = bytes;
                return Err(buffer);
            }
        };
        let header = *builder.header();
        let (producer_id, epoch) = (header.producer_id, header.producer_epoch);
        let identity = Identity { producer_id, epoch };
        let sequence = Sequence { identity, base: header.base_sequence };
        let mut batch = Self::with_builder(partition, builder, buffer, Limits::FULL, now);
        batch.closed = true;
        batch.sealing = Sealing::Done;
        batch.uncompressed_len = batch.len();
        batch.sequence = (producer_id >= 0).then_some(sequence);
        batch.stamped = batch.sequence.is_some();
        // Nobody knows how far it had come, nor what is still under way.
        batch.maybe_written = batch.stamped;
        batch.lost = batch.stamped;
        batch.resend = true;
        batch.restored = batch.stamped;
        // What gets a sequence only now is stored again with it.
        let step = if batch.stamped || !numbers { Storing::Done } else { Storing::NotYet };
        batch.storage = Storage { key: Some(key), step };
        Ok(batch)
    }

    /// Appends unless the batch is closed or has no room; the first record always has.
    #[inline]
    pub(crate) fn try_append(
        &mut self,
        fields: &RecordFields<'_>,
        timestamp: i64,
    ) -> Option<Delivery<X>> {
        let index = self.append(fields, timestamp)?;
        Some(Delivery::new(self.result.clone(), index, timestamp))
    }

    /// As [`try_append`](Self::try_append); gives the record's place in the batch.
    #[inline]
    pub(super) fn append(&mut self, fields: &RecordFields<'_>, timestamp: i64) -> Option<u32> {
        if self.closed {
            return None;
        }
        let limit = if self.builder.record_count() == 0 { usize::MAX } else { self.limits.len };
        match self.builder.append_within(fields, timestamp, limit) {
            Ok(index) => {
                if self.builder.len() >= self.limits.len
                    || self.builder.record_count() >= self.limits.records
                {
                    self.end();
                }
                Some(index)
            }
            Err(AppendError::NoRoom { .. } | AppendError::Sealed) => {
                self.end();
                None
            }
        }
    }

    /// It is full.
    #[cold]
    fn end(&mut self) {
        self.closed = true;
        self.builder.finish_crc();
    }

    /// Takes no more records.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Its records, to be compressed by the thread that filled it, if it is full and nobody has
    /// begun.
    pub(super) fn begin_sealing(&mut self) -> Option<BatchBuilder> {
        if !self.closed || self.sealing != Sealing::NotYet || !self.limits.compressed {
            return None;
        }
        self.sealing = Sealing::Begun;
        self.uncompressed_len = self.builder.len();
        Some(self.builder.take())
    }

    /// Takes them back, compressed.
    pub(super) fn end_sealing(&mut self, builder: BatchBuilder, ratio: Option<Ratio>) {
        self.builder = builder;
        self.ratio = ratio;
        self.sealing = Sealing::Done;
    }

    /// Whether it has to wait for the thread that compresses it.
    pub(crate) fn is_being_sealed(&self) -> bool {
        SEALED_WHERE_FILLED && self.sealing == Sealing::Begun
    }

    /// Has `compress` complete the batch, the first time, with its sequence if it has one. Returns
    /// how far it shrank, also if that was done before, once.
    pub(crate) fn seal(
        &mut self,
        compress: impl FnOnce(&mut BatchBuilder) -> Option<Ratio>,
    ) -> Option<Ratio> {
        if self.sealing == Sealing::Done {
            return self.ratio.take();
        }
        self.sealing = Sealing::Done;
        self.uncompressed_len = self.builder.len();
        if let Some(Sequence { identity, base }) = self.sequence {
            self.builder.set_producer_state(identity.producer_id, identity.epoch, base);
            self.stamped = true;
        }
        compress(&mut self.builder)
    }

    /// Writes the sequence into the sealed batch, if it has one that isn't there yet.
    pub(crate) fn stamp(&mut self) {
        let Some(Sequence { identity, base }) = self.sequence.filter(|_| !self.stamped) else {
            return;
        };
        let bytes = self.builder.bytes_mut();
        let result = write_producer_state(bytes, identity.producer_id, identity.epoch, base);
        debug_assert!(result.is_ok(), "a sealed batch has a header");
        self.stamped = true;
    }

    /// Forgets the sequence: the batch gets another one.
    pub(crate) fn unnumber(&mut self) {
        self.sequence = None;
        self.stamped = false;
        self.storage.step = Storing::NotYet;
    }

    /// A batch that may be in the log goes again as it was or not at all: of its parts the broker
    /// would not know that it has them.
    pub(crate) fn may_be_split(&self) -> bool {
        let is_known = self.maybe_written && self.sequence.is_some();
        self.record_count() > 1 && !self.resolved && !is_known
    }

    /// The size that the batch had before it was compressed.
    pub(crate) fn uncompressed_len(&self) -> usize {
        self.uncompressed_len
    }

    /// Whether its records are in the log, as far as is known of a batch without an
    /// acknowledgement.
    pub(crate) fn written(&self) -> Written {
        if self.maybe_written { Written::Maybe } else { Written::No }
    }

    /// What those hear whose records it has, if it fails for this reason.
    pub(crate) fn failed(&self, reason: Reason) -> DeliveryError {
        DeliveryError { reason, written: self.written(), attempts: self.attempts, message: None }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.builder.bytes()
    }

    pub(crate) fn len(&self) -> usize {
        self.builder.len()
    }

    /// The size of the records alone.
    pub(crate) fn records_len(&self) -> usize {
        self.builder.records_len()
    }

    /// When its first record was made, in milliseconds since 1970.
    pub(crate) fn first_timestamp(&self) -> i64 {
        self.builder.header().base_timestamp
    }

    pub(crate) fn record_count(&self) -> u32 {
        self.builder.record_count()
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The number of the batch's buffer: batches that were opened earlier have lower ones.
    pub(crate) fn number(&self) -> u64 {
        self.buffer.number
    }

    /// The memory, to be given back.
    pub(crate) fn into_buffer(self) -> Buffer {
        let Self { builder, mut buffer, .. } = self;
        buffer.bytes = builder.into_bytes();
        buffer
    }
}
