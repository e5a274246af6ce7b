//! The 61-byte header of a record batch (format v2), as the broker reads it.
//!
//! Source: Kafka's `DefaultRecordBatch`. Only the header: what the records inside mean is in
//! [`crate::records`].

/// Bytes before the first record.
pub const HEADER_BYTES: usize = 61;
/// Bytes of `base offset` and `batch length`, which the batch length doesn't count.
pub const LENGTH_PREFIX_BYTES: usize = 12;
/// Where the leader epoch stands; the broker fills it in.
const LEADER_EPOCH_AT: usize = 12;
/// Where the bytes start that the CRC covers.
const CRC_COVERS_FROM: usize = 21;

/// Producer id of a batch written without idempotence.
pub const NO_PRODUCER_ID: i64 = -1;

/// Every field of a batch's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 as a producer sends it.
    pub base_offset: i64,
    /// Size of the whole batch in bytes, header included.
    pub size: usize,
    /// Leader epoch under which the batch was appended; -1 as a producer sends it.
    pub leader_epoch: i32,
    /// Format version: 2.
    pub magic: u8,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec (bits 0–2), timestamp type (3), transactional (4), control (5).
    pub attributes: i16,
    /// Offset of the last record relative to the first.
    pub last_offset_delta: i32,
    /// Milliseconds since the Unix epoch.
    pub base_timestamp: i64,
    /// The highest timestamp among the records.
    pub max_timestamp: i64,
    /// -1 without idempotence.
    pub producer_id: i64,
    /// -1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 without idempotence.
    pub base_sequence: i32,
    /// How many records the batch says it holds.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads a header from the start of `bytes`; `None` if the bytes end before it does or its
    /// length is less than a header's.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let length = i32::from_be_bytes(field(bytes, 8)?);
        let size = usize::try_from(length).ok()?.checked_add(LENGTH_PREFIX_BYTES)?;
        let header = Self {
            base_offset: i64::from_be_bytes(field(bytes, 0)?),
            size,
            leader_epoch: i32::from_be_bytes(field(bytes, LEADER_EPOCH_AT)?),
            magic: *bytes.get(16)?,
            crc: u32::from_be_bytes(field(bytes, 17)?),
            attributes: i16::from_be_bytes(field(bytes, CRC_COVERS_FROM)?),
            last_offset_delta: i32::from_be_bytes(field(bytes, 23)?),
            base_timestamp: i64::from_be_bytes(field(bytes, 27)?),
            max_timestamp: i64::from_be_bytes(field(bytes, 35)?),
            producer_id: i64::from_be_bytes(field(bytes, 43)?),
            producer_epoch: i16::from_be_bytes(field(bytes, 51)?),
            base_sequence: i32::from_be_bytes(field(bytes, 53)?),
            record_count: i32::from_be_bytes(field(bytes, 57)?),
        };
        (size >= HEADER_BYTES).then_some(header)
    }

    /// Number of the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub fn codec(&self) -> u8 {
        (self.attributes & 0b111) as u8
    }

    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & 0b1_0000 != 0
    }

    /// Whether the batch is a commit or abort marker.
    pub fn is_control(&self) -> bool {
        self.attributes & 0b10_0000 != 0
    }

    /// Whether the batch was written by an idempotent producer.
    pub fn has_producer_id(&self) -> bool {
        self.producer_id > NO_PRODUCER_ID
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Sequence number of the last record; -1 without idempotence.
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return self.base_sequence;
        }
        increment_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// Whether the CRC in the header is that of `batch`, the batch's own bytes.
    pub fn crc_matches(&self, batch: &[u8]) -> bool {
        batch
            .get(CRC_COVERS_FROM..self.size)
            .is_some_and(|covered| crc32c::crc32c(covered) == self.crc)
    }
}

/// Writes the two fields that the broker sets, neither of which the CRC covers.
///
/// `batch` must be a whole batch: shorter slices are left alone.
pub fn stamp(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    if let Some(field) = batch.get_mut(..8) {
        field.copy_from_slice(&base_offset.to_be_bytes());
    }
    if let Some(field) = batch.get_mut(LEADER_EPOCH_AT..LEADER_EPOCH_AT + 4) {
        field.copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Adds to a sequence number, which wraps from `i32::MAX` to 0
/// (`DefaultRecordBatch.incrementSequence`).
pub fn increment_sequence(sequence: i32, by: i32) -> i32 {
    ((i64::from(sequence) + i64::from(by)) & i64::from(i32::MAX)) as i32
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
