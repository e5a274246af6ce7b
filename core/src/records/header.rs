//! The header of a record batch:
//!
//! ```text
//!  0 base offset: i64           | 8 length of what follows: i32 | 12 partition leader epoch: i32
//! 16 magic: i8 = 2              | 17 CRC-32C of what follows    | 21 attributes: i16
//! 23 last offset delta: i32     | 27 base timestamp: i64        | 35 max timestamp: i64
//! 43 producer id: i64           | 51 producer epoch: i16        | 53 base sequence: i32
//! 57 record count: i32          | 61 records
//! ```
//!
//! All big-endian (Kafka's `DefaultRecordBatch`).

use core::fmt;

use super::compression::Codec;
use super::crc32c::{crc32c, crc32c_change, crc32c_joined};

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
    write_fields(batch, header)?;
    write_crc(batch, crc32c(&batch[CRC_START..]));
    Ok(())
}

/// As [`write_header`], for records whose checksum is known.
pub(super) fn write_header_before(
    batch: &mut [u8],
    header: &BatchHeader,
    records_crc: u32,
) -> Result<(), InvalidBatchLen> {
    write_fields(batch, header)?;
    let (fields, records) = batch[CRC_START..].split_at(BATCH_OVERHEAD - CRC_START);
    let crc = crc32c_joined(crc32c(fields), records_crc, records.len());
    write_crc(batch, crc);
    Ok(())
}

fn write_crc(batch: &mut [u8], crc: u32) {
    batch[17..CRC_START].copy_from_slice(&crc.to_be_bytes());
}

/// Everything but the checksum.
fn write_fields(batch: &mut [u8], header: &BatchHeader) -> Result<(), InvalidBatchLen> {
    let len = batch.len();
    let bytes = header_of(batch)?;
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
    let bytes = header_of(batch)?;
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

/// The place of the header in `batch`.
fn header_of(batch: &mut [u8]) -> Result<&mut [u8; BATCH_OVERHEAD], InvalidBatchLen> {
    let len = batch.len();
    let header = batch.first_chunk_mut().filter(|_| len <= MAX_BATCH_LEN);
    header.ok_or(InvalidBatchLen { len })
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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const HEADER: BatchHeader = BatchHeader {
        base_offset: 0x0102_0304_0506_0708,
        partition_leader_epoch: 0x090a_0b0c,
        attributes: Attributes(0x0d0e),
        last_offset_delta: 0x0f10_1112,
        base_timestamp: 0x1314_1516_1718_191a,
        max_timestamp: 0x1b1c_1d1e_1f20_2122,
        producer_id: 0x2324_2526_2728_292a,
        producer_epoch: 0x2b2c,
        base_sequence: 0x2d2e_2f30,
        record_count: 0x3132_3334,
    };

    #[test]
    fn every_field_is_in_its_place() {
        let mut batch = [0xee; 70];
        assert_eq!(write_header(&mut batch, &HEADER), Ok(()));
        let (length, magic, crc) = (&batch[8..12], batch[16], &batch[17..21]);
        assert_eq!((length, magic), (&[0, 0, 0, 70 - 12][..], 2));
        assert_eq!(crc, crc32c(&batch[21..]).to_be_bytes());
        let fields = [0..8, 12..16, 21..61].into_iter().flatten().map(|at| batch[at]);
        assert!(fields.eq(1..=0x34), "{batch:02x?}");
        assert_eq!(batch[61..], [0xee; 9]);
    }

    #[test]
    fn another_producer_state_is_as_if_written_at_first() {
        for len in [61, 62, 70, 1000, 16_384, 70_001] {
            let mut batch: Vec<u8> = (0..len).map(|i: u32| (i * 7 + (i >> 8)) as u8).collect();
            write_header(&mut batch, &BatchHeader::default()).expect("it is long enough");
            for (id, epoch, sequence) in [(7, 0, 0), (7, 1, i32::MAX), (-1, -1, -1)] {
                write_producer_state(&mut batch, id, epoch, sequence).expect("it is long enough");
                let mut at_first = batch.clone();
                let header = BatchHeader {
                    producer_id: id,
                    producer_epoch: epoch,
                    base_sequence: sequence,
                    ..BatchHeader::default()
                };
                write_header(&mut at_first, &header).expect("it is long enough");
                assert!(batch == at_first, "{len}");
            }
        }
    }

    #[test]
    fn what_is_no_batch_is_left_alone() {
        let mut short = [1; 60];
        assert_eq!(write_header(&mut short, &HEADER), Err(InvalidBatchLen { len: 60 }));
        assert_eq!(write_producer_state(&mut short, 1, 1, 1), Err(InvalidBatchLen { len: 60 }));
        assert_eq!(short, [1; 60]);
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn what_is_too_long_for_a_batch_is_refused() {
        // Untouched, so that it takes addresses and no memory.
        let mut long = alloc::vec![0; MAX_BATCH_LEN + 1];
        let refused = Err(InvalidBatchLen { len: MAX_BATCH_LEN + 1 });
        assert_eq!(write_header(&mut long, &HEADER), refused);
        assert_eq!(write_producer_state(&mut long, 1, 1, 1), refused);
    }

    #[test]
    fn sequences_go_on_at_zero_after_the_largest() {
        assert_eq!(increment_sequence(0, 1), 1);
        assert_eq!(increment_sequence(i32::MAX, 0), i32::MAX);
        assert_eq!(increment_sequence(i32::MAX, 1), 0);
        assert_eq!(increment_sequence(i32::MAX - 3, 10), 6);
        assert_eq!(increment_sequence(i32::MAX, i32::MAX), i32::MAX - 1);
    }

    #[test]
    fn flags_are_told_apart() {
        let plain = Attributes::default().with_codec(Codec::Zstd);
        assert_eq!(plain.bits(), 4);
        assert_eq!(plain.with_log_append_time(true).bits(), 0b0_1100);
        assert_eq!(plain.with_transactional(true).bits(), 0b1_0100);
        let control = plain.with_transactional(true).with_control(true);
        assert_eq!(control.bits(), 0b11_0100);
        assert!(control.is_control() && control.is_transactional());
        assert_eq!(control.with_control(false).with_transactional(false), plain);
        assert_eq!(control.with_codec(Codec::Gzip).codec(), Some(Codec::Gzip));
        assert_eq!(Attributes::from_bits(7).codec(), None);
    }
}
