//! Whether a record batch may pass: one batch, well formed, with its checksum, of no transaction.

use std::ops::RangeInclusive;

use ottla_core::protocol::error_code::ErrorCode;
use ottla_core::records::{Attributes, RecordBatchError, RecordBatchView};

/// What batches are held to.
#[derive(Clone, Debug)]
pub(crate) struct BatchRules {
    /// Records of a batch.
    pub(crate) records: u32,
    /// Whether the records themselves are looked at.
    pub(crate) inspect: bool,
    /// The most bytes of records, decompressed.
    pub(crate) inspect_bytes: usize,
    /// The most times that they may be larger than compressed.
    pub(crate) inspect_ratio: usize,
    /// What the newest record's timestamp may be, in ms since 1970.
    pub(crate) timestamps: RangeInclusive<i64>,
}

/// Who wrote a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) producer_id: i64,
    pub(crate) epoch: i16,
}

/// Below this a batch may be as large as it likes, whatever the ratio: a few equal records compress
/// very well.
const ALWAYS_INSPECTED: usize = 256 << 10;

/// Kafka's word for a record without a time. Brokers count with what is far below it, and overflow.
const NO_TIMESTAMP: i64 = -1;

/// The batch's identity, as far as its bytes let it be read: for the rule that comes first of all.
pub(crate) fn identity(bytes: &[u8]) -> Option<Identity> {
    let producer_id = i64::from_be_bytes(*bytes.get(43..)?.first_chunk()?);
    let epoch = i16::from_be_bytes(*bytes.get(51..)?.first_chunk()?);
    Some(Identity { producer_id, epoch })
}

/// Checks a partition's bytes entirely.
///
/// # Errors
/// What a broker would answer.
pub(crate) fn check(
    bytes: &[u8],
    rules: &BatchRules,
    scratch: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let batch = RecordBatchView::parse(bytes).map_err(|error| code(&error))?;
    let header = batch.header();
    let count = u32::try_from(header.record_count).unwrap_or(0);
    let codec_only = Attributes::default().with_codec(batch.codec());
    let shape = batch.bytes().len() == bytes.len()
        && header.base_offset == 0
        && header.attributes == codec_only
        && count >= 1
        && header.last_offset_delta == header.record_count - 1
        && header.base_sequence >= 0;
    if !shape {
        return Err(ErrorCode::InvalidRecord);
    }
    if count > rules.records {
        return Err(ErrorCode::RecordListTooLarge);
    }
    if !rules.timestamps.contains(&header.max_timestamp) {
        return Err(ErrorCode::InvalidTimestamp);
    }
    if rules.inspect { check_records(&batch, rules, scratch) } else { Ok(()) }
}

/// Reads every record once.
fn check_records(
    batch: &RecordBatchView<'_>,
    rules: &BatchRules,
    scratch: &mut Vec<u8>,
) -> Result<(), ErrorCode> {
    let by_ratio = batch.bytes().len().saturating_mul(rules.inspect_ratio).max(ALWAYS_INSPECTED);
    let most = rules.inspect_bytes.min(by_ratio);
    let records = batch.records(scratch, most).map_err(|error| code(&error))?;
    let newest = batch.header().max_timestamp;
    for (index, record) in (0..).zip(records) {
        let record = record.map_err(|error| code(&error))?;
        let times = NO_TIMESTAMP..=newest;
        if record.offset_delta != index || !times.contains(&record.timestamp) {
            return Err(ErrorCode::InvalidRecord);
        }
    }
    Ok(())
}

fn code(error: &RecordBatchError) -> ErrorCode {
    match error {
        RecordBatchError::UnsupportedMagic(_) => ErrorCode::UnsupportedForMessageFormat,
        RecordBatchError::UnknownCodec(_) => ErrorCode::UnsupportedCompressionType,
        RecordBatchError::Compression(ottla_core::records::CompressionError::TooLarge {
            ..
        }) => ErrorCode::MessageTooLarge,
        RecordBatchError::WrongChecksum { .. } | RecordBatchError::Truncated { .. } => {
            ErrorCode::CorruptMessage
        }
        _ => ErrorCode::InvalidRecord,
    }
}
