//! A record batch while it grows, and its header once it is complete:
//!
//! ```text
//!  0 base offset: i64           | 8 length of what follows: i32 | 12 partition leader epoch: i32
//! 16 magic: i8 = 2              | 17 CRC-32C of what follows    | 21 attributes: i16
//! 23 last offset delta: i32     | 27 base timestamp: i64        | 35 max timestamp: i64
//! 43 producer id: i64           | 51 producer epoch: i16        | 53 base sequence: i32
//! 57 record count: i32          | 61 records
//! ```
//!
//! All big-endian (Kafka's `DefaultRecordBatch`). The header is reserved first, so that a finished
//! batch is one contiguous slice.

use alloc::vec::Vec;
use core::fmt;

use super::compression::{Codec, CompressionError, Compressor};
use super::crc32c::{crc32c, crc32c_change};
use super::ratio::Ratio;
use super::record::{RecordFields, RecordTooLarge, encode_within};

/// The size of a batch's header in bytes.
pub const BATCH_OVERHEAD: usize = 61;
/// The largest batch in bytes: its length field has 32 bits.
pub const MAX_BATCH_LEN: usize = i32::MAX as usize;
/// The message format that this module reads and writes.
pub const MAGIC: u8 = 2;
/// The bytes in front of what a batch's length counts.
pub(super) const LOG_OVERHEAD: usize = 12;
/// Where the checksum's input begins.
pub(super) const CRC_START: usize = 21;
/// The producer id, epoch and base sequence.
const PRODUCER_STATE: core::ops::Range<usize> = 43..57;

/// The flags of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(i16);

impl Attributes {
    const CODEC_MASK: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;

    /// The attributes as they are in a header.
    pub const fn from_bits(bits: i16) -> Self {
        Self(bits)
    }

    /// The attributes as they are in a header.
    pub const fn bits(self) -> i16 {
        self.0
    }

    /// The same attributes of a batch compressed with `codec`.
    #[must_use]
    pub const fn with_codec(self, codec: Codec) -> Self {
        Self(self.0 & !Self::CODEC_MASK | codec.id() as i16)
    }

    /// The same attributes of a batch that is part of a transaction, or isn't.
    #[must_use]
    pub const fn with_transactional(self, transactional: bool) -> Self {
        self.with(Self::TRANSACTIONAL, transactional)
    }

    /// The same attributes of a batch of control records, which consumers don't show, or of data.
    #[must_use]
    pub const fn with_control(self, control: bool) -> Self {
        self.with(Self::CONTROL, control)
    }

    /// The same attributes of a batch whose timestamps the broker set, or the producer.
    #[must_use]
    pub const fn with_log_append_time(self, log_append_time: bool) -> Self {
        self.with(Self::LOG_APPEND_TIME, log_append_time)
    }

    /// How the records are compressed; `None` where the id is unknown.
    pub const fn codec(self) -> Option<Codec> {
        Codec::from_id((self.0 & Self::CODEC_MASK) as u8)
    }

    /// Whether the batch is part of a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether these are control records, such as a transaction's end.
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether every record has the batch's max timestamp, set by the broker.
    pub const fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }

    const fn with(self, flag: i16, set: bool) -> Self {
        Self(if set { self.0 | flag } else { self.0 & !flag })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attributes")
            .field("codec", &self.codec())
            .field("transactional", &self.is_transactional())
            .field("control", &self.is_control())
            .field("log_append_time", &self.is_log_append_time())
            .finish()
    }
}

/// What a batch's header says beside its magic, length and checksum, which follow from the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// The offset of the first record; 0 in what a producer sends, since the broker gives it.
    pub base_offset: i64,
    /// -1 in what a producer sends.
    pub partition_leader_epoch: i32,
    /// Codec, transaction and control flags.
    pub attributes: Attributes,
    /// The last record's offset less the base offset.
    pub last_offset_delta: i32,
    /// The first record's timestamp in milliseconds since 1970.
    pub base_timestamp: i64,
    /// The latest timestamp of a record in milliseconds since 1970.
    pub max_timestamp: i64,
    /// The idempotent or transactional producer; -1 if neither.
    pub producer_id: i64,
    /// The producer's epoch; -1 if there is no producer id.
    pub producer_epoch: i16,
    /// The first record's sequence; -1 if there is no producer id.
    pub base_sequence: i32,
    /// The number of records.
    pub record_count: i32,
}

impl Default for BatchHeader {
    /// An empty, uncompressed batch of a producer without an id.
    fn default() -> Self {
        Self {
            base_offset: 0,
            partition_leader_epoch: -1,
            attributes: Attributes::default(),
            last_offset_delta: -1,
            base_timestamp: -1,
            max_timestamp: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        }
    }
}

/// A batch can't have a header written: it is shorter than one, or longer than [`MAX_BATCH_LEN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidBatchLen {
    /// The batch's length in bytes.
    pub len: usize,
}

impl fmt::Display for InvalidBatchLen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len } = self;
        write!(f, "{len} bytes can't be a record batch: it has {BATCH_OVERHEAD} to {MAX_BATCH_LEN}")
    }
}

impl core::error::Error for InvalidBatchLen {}

/// Writes the header over the first [`BATCH_OVERHEAD`] bytes of `batch`, whose records are
/// complete, and computes the checksum in one pass. May be called again for the same records.
///
/// # Errors
/// [`InvalidBatchLen`], with `batch` as it was.
pub fn write_header(batch: &mut [u8], header: &BatchHeader) -> Result<(), InvalidBatchLen> {
    let len = batch.len();
    let Some(bytes) = batch.first_chunk_mut::<BATCH_OVERHEAD>().filter(|_| len <= MAX_BATCH_LEN)
    else {
        return Err(InvalidBatchLen { len });
    };
    bytes[0..8].copy_from_slice(&header.base_offset.to_be_bytes());
    bytes[8..12].copy_from_slice(&((len - LOG_OVERHEAD) as i32).to_be_bytes());
    bytes[12..16].copy_from_slice(&header.partition_leader_epoch.to_be_bytes());
    bytes[16] = MAGIC;
    bytes[21..23].copy_from_slice(&header.attributes.bits().to_be_bytes());
    bytes[23..27].copy_from_slice(&header.last_offset_delta.to_be_bytes());
    bytes[27..35].copy_from_slice(&header.base_timestamp.to_be_bytes());
    bytes[35..43].copy_from_slice(&header.max_timestamp.to_be_bytes());
    bytes[PRODUCER_STATE].copy_from_slice(&producer_state(
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
    ));
    bytes[57..61].copy_from_slice(&header.record_count.to_be_bytes());
    let crc = crc32c(&batch[CRC_START..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// Gives a finished batch another producer id, epoch and base sequence. The checksum is corrected
/// for the changed bytes, without a second pass over the records.
///
/// # Errors
/// [`InvalidBatchLen`], with `batch` as it was.
pub fn write_producer_state(
    batch: &mut [u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
) -> Result<(), InvalidBatchLen> {
    let len = batch.len();
    let Some(bytes) = batch.first_chunk_mut::<BATCH_OVERHEAD>() else {
        return Err(InvalidBatchLen { len });
    };
    let new = producer_state(producer_id, producer_epoch, base_sequence);
    let mut difference = new;
    for (new, old) in difference.iter_mut().zip(&bytes[PRODUCER_STATE]) {
        *new ^= old;
    }
    bytes[PRODUCER_STATE].copy_from_slice(&new);
    let change = crc32c_change(&difference, len - PRODUCER_STATE.end);
    for (byte, change) in bytes[17..21].iter_mut().zip(change.to_be_bytes()) {
        *byte ^= change;
    }
    Ok(())
}

fn producer_state(id: i64, epoch: i16, sequence: i32) -> [u8; 14] {
    let mut bytes = [0; 14];
    bytes[0..8].copy_from_slice(&id.to_be_bytes());
    bytes[8..10].copy_from_slice(&epoch.to_be_bytes());
    bytes[10..14].copy_from_slice(&sequence.to_be_bytes());
    bytes
}

/// The sequence that comes `increment` records after `sequence`: 0 follows `i32::MAX`
/// (`DefaultRecordBatch.incrementSequence`).
pub const fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    (sequence as u32).wrapping_add(increment as u32) as i32 & i32::MAX
}

/// A record that a batch doesn't take; the batch is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendError {
    /// The batch would have become larger than allowed.
    NoRoom {
        /// The record's size in bytes.
        size: usize,
    },
    /// The batch is sealed.
    Sealed,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoom { size } => {
                write!(f, "the batch has no room for a record of {size} bytes; begin another")
            }
            Self::Sealed => f.write_str("the batch is sealed; begin another"),
        }
    }
}

impl core::error::Error for AppendError {}

/// A record batch that grows in a buffer of fixed capacity, then is sealed.
///
/// ```
/// use ottla_core::records::{BatchBuilder, Compression, Compressor, RecordFields};
///
/// let mut batch = BatchBuilder::new(Vec::with_capacity(16 * 1024));
/// let fields = RecordFields { key: None, value: Some(b"hello"), headers: &[] };
/// assert_eq!(batch.append(&fields, 1_700_000_000_000), Ok(0));
/// batch.seal(&mut Compressor::new(Compression::NONE)?)?;
/// let bytes = batch.into_bytes();
/// assert_eq!(bytes.len(), 61 + 12);
/// # Ok::<(), ottla_core::records::CompressionError>(())
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    buffer: Vec<u8>,
    header: BatchHeader,
    sealed: bool,
}

impl BatchBuilder {
    /// An empty batch in `buffer`, whose contents are dropped and whose capacity is kept.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&[0; BATCH_OVERHEAD]);
        Self { buffer, header: BatchHeader::default(), sealed: false }
    }

    /// Appends a record with its timestamp in milliseconds since 1970 and returns its offset delta.
    /// Grows the buffer where its capacity doesn't suffice; [`append_within`](Self::append_within)
    /// can prevent that.
    ///
    /// # Errors
    /// [`AppendError::NoRoom`] beyond [`MAX_BATCH_LEN`]; [`AppendError::Sealed`].
    #[inline]
    pub fn append(
        &mut self,
        fields: &RecordFields<'_>,
        timestamp: i64,
    ) -> Result<u32, AppendError> {
        self.append_within(fields, timestamp, MAX_BATCH_LEN)
    }

    /// Appends a record if the batch, header included, then has at most `max_len` bytes, and
    /// returns its offset delta.
    ///
    /// # Errors
    /// [`AppendError::NoRoom`] beyond `max_len` or [`MAX_BATCH_LEN`]; [`AppendError::Sealed`].
    #[inline]
    pub fn append_within(
        &mut self,
        fields: &RecordFields<'_>,
        timestamp: i64,
        max_len: usize,
    ) -> Result<u32, AppendError> {
        if self.sealed {
            return Err(AppendError::Sealed);
        }
        if self.header.record_count == 0 {
            self.header.base_timestamp = timestamp;
            self.header.max_timestamp = timestamp;
        }
        // Each record takes at least 7 bytes, so the count stays far below its limit.
        let offset_delta = self.header.record_count as u32;
        let timestamp_delta = timestamp.wrapping_sub(self.header.base_timestamp);
        let room = max_len.min(MAX_BATCH_LEN).saturating_sub(self.buffer.len());
        encode_within(fields, offset_delta, timestamp_delta, room, &mut self.buffer)
            .map_err(|RecordTooLarge { size }| AppendError::NoRoom { size })?;
        self.header.max_timestamp = self.header.max_timestamp.max(timestamp);
        self.header.last_offset_delta = offset_delta as i32;
        self.header.record_count += 1;
        Ok(offset_delta)
    }

    /// The size in bytes with the header.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "the header is always there")]
    pub const fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The size in bytes of the records alone.
    #[inline]
    pub const fn records_len(&self) -> usize {
        self.buffer.len() - BATCH_OVERHEAD
    }

    /// The number of records.
    #[inline]
    pub const fn record_count(&self) -> u32 {
        self.header.record_count as u32
    }

    /// The bytes that the buffer can hold without growing.
    #[inline]
    pub const fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What the header will say so far, for a producer without an id.
    #[inline]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Marks the batch as part of a transaction, or not.
    pub fn set_transactional(&mut self, transactional: bool) {
        self.header.attributes = self.header.attributes.with_transactional(transactional);
    }

    /// Marks the batch as one of control records, or of data.
    pub fn set_control(&mut self, control: bool) {
        self.header.attributes = self.header.attributes.with_control(control);
    }

    /// Ends the batch: compresses the records where that makes them smaller and writes the header
    /// for a producer without an id ([`write_producer_state`] gives it one). Returns the size of
    /// the records as a ratio of their size before. Does nothing to a sealed batch.
    ///
    /// The compressed bytes replace the records in the batch's own buffer, so sealing never needs
    /// a second buffer from the pool.
    ///
    /// # Errors
    /// [`CompressionError`]; the batch is then sealed uncompressed, as fit to be sent as any.
    pub fn seal(&mut self, compressor: &mut Compressor) -> Result<Ratio, CompressionError> {
        if self.sealed {
            return Ok(Ratio::ONE);
        }
        self.sealed = true;
        let before = self.records_len();
        let compressed = self.compress(compressor);
        // Appending keeps the length within bounds.
        let _ = write_header(&mut self.buffer, &self.header);
        compressed.map(|()| Ratio::of(self.records_len(), before))
    }

    fn compress(&mut self, compressor: &mut Compressor) -> Result<(), CompressionError> {
        let Some(compressed) = compressor.compress(&self.buffer[BATCH_OVERHEAD..])? else {
            return Ok(());
        };
        self.buffer.truncate(BATCH_OVERHEAD);
        self.buffer.extend_from_slice(compressed);
        let codec = compressor.codec();
        self.header.attributes = self.header.attributes.with_codec(codec);
        Ok(())
    }

    /// The bytes of the batch: complete once it is sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The bytes of the batch, for [`write_header`] and [`write_producer_state`].
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// The buffer with the batch in it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.buffer
    }
}
