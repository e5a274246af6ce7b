//! A record batch while it grows. Its header is reserved first, so that a finished batch is one
//! contiguous slice.

use alloc::vec::Vec;
use core::{fmt, mem};

use super::compression::{Compression, CompressionError, Compressor};
use super::header::write_header_before;
use super::ratio::Ratio;
use super::reader::RecordBatchView;
use super::record::{RecordFields, RecordTooLarge, encode_within};
use super::running_crc::RunningCrc;

pub use super::header::{
    Attributes, BATCH_OVERHEAD, BatchHeader, InvalidBatchLen, MAGIC, MAX_BATCH_LEN,
    increment_sequence, write_header, write_producer_state,
};

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
    /// Where the records will go as they are: their checksum so far.
    crc: Option<RunningCrc>,
}

impl BatchBuilder {
    /// An empty batch in `buffer`, whose contents are dropped and whose capacity is kept.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&[0; BATCH_OVERHEAD]);
        Self { buffer, header: BatchHeader::default(), sealed: false, crc: None }
    }

    /// As [`new`](Self::new), for records that will not be compressed: where that helps, their
    /// checksum is computed as they come, while the processor has them at hand.
    pub(crate) fn uncompressed(buffer: Vec<u8>) -> Self {
        Self { crc: RunningCrc::new(), ..Self::new(buffer) }
    }

    /// A sealed batch again, from its bytes.
    ///
    /// # Errors
    /// The bytes, where they are not exactly one whole batch.
    pub(crate) fn resume(buffer: Vec<u8>) -> Result<Self, Vec<u8>> {
        let whole = RecordBatchView::parse(&buffer).ok();
        let Some(view) = whole.filter(|view| view.bytes().len() == buffer.len()) else {
            return Err(buffer);
        };
        let header = *view.header();
        Ok(Self { buffer, header, sealed: true, crc: None })
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
        if let Some(crc) = &mut self.crc {
            crc.follow(&self.buffer);
        }
        Ok(offset_delta)
    }

    /// No more records will come: what is left to be done for the checksum had better be done here
    /// than where the batch is sealed, perhaps on another processor.
    pub(crate) fn finish_crc(&mut self) {
        if let Some(crc) = &mut self.crc {
            crc.catch_up(&self.buffer);
        }
    }

    /// The batch, for somebody who seals it and gives it back in this one's place. What is left has
    /// the header and takes no records.
    pub(crate) fn take(&mut self) -> Self {
        let left = Self { buffer: Vec::new(), header: self.header, sealed: true, crc: None };
        mem::replace(self, left)
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

    /// What the header will say so far.
    #[inline]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The producer's identity and the first record's sequence, where they are known before the
    /// batch is sealed.
    pub(crate) fn set_producer_state(&mut self, producer_id: i64, epoch: i16, sequence: i32) {
        self.header.producer_id = producer_id;
        self.header.producer_epoch = epoch;
        self.header.base_sequence = sequence;
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
        let _ = match self.crc.take().filter(|_| self.records_len() == before) {
            Some(mut crc) => {
                crc.catch_up(&self.buffer);
                write_header_before(&mut self.buffer, &self.header, crc.value())
            }
            None => write_header(&mut self.buffer, &self.header),
        };
        compressed.map(|()| Ratio::of(self.records_len(), before))
    }

    /// [`seal`](Self::seal), as well as it goes: uncompressed where there is no compressor, or
    /// where it fails. Returns how far the batch shrank, unless it failed.
    pub(crate) fn seal_at_best(&mut self, compressor: Option<&mut Compressor>) -> Option<Ratio> {
        match compressor {
            Some(compressor) => self.seal(compressor).ok(),
            None => {
                Compressor::new(Compression::NONE).and_then(|mut none| self.seal(&mut none)).ok()
            }
        }
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

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;
    use crate::records::compression::{Codec, Encoder};

    const FIELDS: RecordFields<'_> = RecordFields { key: None, value: Some(b"abc"), headers: &[] };

    fn batch_of(records: usize) -> BatchBuilder {
        let mut batch = BatchBuilder::new(Vec::with_capacity(4096));
        for i in 0..records {
            batch.append(&FIELDS, i as i64).expect("there is room");
        }
        batch
    }

    struct Shrinks;

    impl Encoder for Shrinks {
        fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
            out.extend_from_slice(&input[..input.len() / 4]);
            Ok(())
        }
    }

    struct Fails;

    impl Encoder for Fails {
        fn compress(&mut self, _: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
            out.push(1);
            Err(CompressionError::Encoder(Codec::Zstd))
        }
    }

    struct Grows;

    impl Encoder for Grows {
        fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
            out.extend_from_slice(input);
            Ok(())
        }
    }

    fn sealed_with(encoder: Box<dyn Encoder + Send>) -> (BatchBuilder, Option<Ratio>) {
        let mut batch = batch_of(40);
        let mut compressor = Compressor::with_encoder(Codec::Zstd, encoder);
        let ratio = batch.seal(&mut compressor).ok();
        (batch, ratio)
    }

    #[test]
    fn counts_and_tracks_timestamps() {
        let mut batch = BatchBuilder::new(Vec::new());
        for (i, timestamp) in [50, 70, 20, -3].into_iter().enumerate() {
            assert_eq!(batch.append(&FIELDS, timestamp), Ok(i as u32));
        }
        let header = batch.header();
        assert_eq!((header.base_timestamp, header.max_timestamp), (50, 70));
        assert_eq!((header.record_count, header.last_offset_delta), (4, 3));
        assert_eq!(batch.len(), BATCH_OVERHEAD + 4 * 10);
    }

    #[test]
    fn a_record_too_many_leaves_no_trace() {
        let mut batch = batch_of(1);
        let before = batch.bytes().to_vec();
        let limit = batch.len() + 9;
        let no_room = Err(AppendError::NoRoom { size: 10 });
        assert_eq!((batch.bytes(), batch.record_count()), (&before[..], 1));
        assert_eq!(batch.header().max_timestamp, 0);
        assert_eq!(batch.append_within(&FIELDS, 9, limit), no_room);
        assert_eq!(batch.append_within(&FIELDS, 9, limit + 1), Ok(1));
        assert_eq!(batch.append_within(&FIELDS, 9, 0), no_room);
    }

    #[test]
    fn a_refused_first_record_sets_no_base_timestamp() {
        let mut batch = BatchBuilder::new(Vec::new());
        assert!(batch.append_within(&FIELDS, 1000, 62).is_err());
        assert_eq!(batch.append(&FIELDS, 7), Ok(0));
        assert_eq!((batch.header().base_timestamp, batch.header().max_timestamp), (7, 7));
    }

    #[test]
    fn a_buffer_is_used_from_its_beginning_and_given_back() {
        let mut buffer = Vec::with_capacity(4096);
        buffer.extend_from_slice(&[0xee; 1000]);
        let address = buffer.as_ptr();
        let mut batch = BatchBuilder::new(buffer);
        assert_eq!((batch.len(), batch.capacity(), batch.record_count()), (61, 4096, 0));
        batch.append(&FIELDS, 0).expect("there is room");
        batch.seal(&mut Compressor::with_encoder(Codec::Lz4, Box::new(Shrinks))).expect("it seals");
        let buffer = batch.into_bytes();
        assert_eq!((buffer.as_ptr(), buffer.capacity()), (address, 4096));
    }

    #[test]
    fn a_checksum_computed_on_the_way_is_that_of_the_whole() {
        for records in [1, 100, 2_500, 2_501, 30_000] {
            let mut as_they_come = BatchBuilder::uncompressed(Vec::new());
            let mut at_the_end = BatchBuilder::new(Vec::new());
            for i in 0..records {
                let value = [i as u8; 30];
                let fields = RecordFields { value: Some(&value), ..FIELDS };
                as_they_come.append(&fields, i).expect("there is room");
                at_the_end.append(&fields, i).expect("there is room");
            }
            let mut none = Compressor::new(Compression::NONE).expect("it is always there");
            as_they_come.seal(&mut none).expect("it seals");
            at_the_end.seal(&mut none).expect("it seals");
            assert!(as_they_come.bytes() == at_the_end.bytes(), "{records} records");
        }
    }

    #[test]
    fn records_that_are_compressed_after_all_have_their_own_checksum() {
        let mut batch = BatchBuilder::uncompressed(Vec::new());
        (0..4000).for_each(|i| _ = batch.append(&FIELDS, i));
        batch.seal(&mut Compressor::with_encoder(Codec::Lz4, Box::new(Shrinks))).expect("it seals");
        let crc = crate::records::crc32c::crc32c(&batch.bytes()[21..]).to_be_bytes();
        assert_eq!(batch.bytes()[17..21], crc);
    }

    #[test]
    fn a_smaller_result_replaces_the_records() {
        let (batch, ratio) = sealed_with(Box::new(Shrinks));
        assert_eq!(batch.header().attributes.codec(), Some(Codec::Zstd));
        assert_eq!(batch.records_len(), 40 * 10 / 4);
        assert_eq!(ratio, Some(Ratio::of(1, 4)));
    }

    #[test]
    fn what_doesnt_shrink_stays_as_it_is() {
        let (batch, ratio) = sealed_with(Box::new(Grows));
        assert_eq!(batch.header().attributes.codec(), Some(Codec::None));
        assert_eq!(batch.bytes()[BATCH_OVERHEAD..], batch_of(40).bytes()[BATCH_OVERHEAD..]);
        assert_eq!(ratio, Some(Ratio::ONE));
    }

    #[test]
    fn a_failed_encoder_leaves_a_batch_that_can_be_sent() {
        let (batch, ratio) = sealed_with(Box::new(Fails));
        assert_eq!(ratio, None);
        let (plain, _) = sealed_with(Box::new(Grows));
        assert_eq!(batch.bytes(), plain.bytes());
    }

    #[test]
    fn a_sealed_batch_stays_sealed() {
        let (mut batch, _) = sealed_with(Box::new(Shrinks));
        let before = batch.bytes().to_vec();
        assert_eq!(batch.append(&FIELDS, 0), Err(AppendError::Sealed));
        let mut compressor = Compressor::with_encoder(Codec::Zstd, Box::new(Shrinks));
        assert_eq!(batch.seal(&mut compressor), Ok(Ratio::ONE));
        assert_eq!(batch.bytes(), before);
    }
}
