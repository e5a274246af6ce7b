//! Whether a batch may be appended: the checks of Kafka's `UnifiedLog.analyzeAndValidateRecords`
//! and `LogValidator`, in their order.

use std::time::Duration;

use kafka_protocol::ResponseError;

use super::config::ClusterConfig;
use crate::batch::{BatchHeader, HEADER_BYTES};
use crate::records;

/// Number of the zstd codec, which Produce below version 7 doesn't know.
const ZSTD: u8 = 4;
const HIGHEST_CODEC: u8 = ZSTD;

/// Why a batch was not appended, as a Produce response tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: ResponseError,
    pub(crate) message: Option<String>,
    /// Which records are to blame, with a message each (KIP-467).
    pub(crate) records: Vec<(i32, Option<String>)>,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, message: None, records: Vec::new() }
    }
}

impl Refusal {
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: Some(message.into()), records: Vec::new() }
    }
}

/// What Produce of a version lets through (`ProduceRequest.validateRecords`): exactly one batch of
/// format v2, zstd only from version 7.
pub(crate) fn validate_for_version(records: &[u8], version: i16) -> Result<(), Refusal> {
    let invalid = |message: &str| Refusal::new(ResponseError::InvalidRecord, message);
    if records.len() < HEADER_BYTES {
        return Err(invalid("the request must have a record batch for each partition"));
    }
    let magic = records[16];
    if magic != 2 {
        return Err(invalid("only record batches with magic version 2 are allowed"));
    }
    let header = BatchHeader::parse(records).ok_or(ResponseError::CorruptMessage)?;
    if header.size > records.len() {
        return Err(invalid("the record batch is cut off"));
    }
    if header.size < records.len() {
        return Err(invalid("the request must have exactly one record batch for each partition"));
    }
    if header.codec() == ZSTD && version < 7 {
        return Err(Refusal::new(
            ResponseError::UnsupportedCompressionType,
            "zstd needs Produce version 7",
        ));
    }
    Ok(())
}

/// What the log lets through, whatever the request's version.
pub(crate) fn validate(
    records: &[u8],
    config: &ClusterConfig,
    now: Duration,
) -> Result<BatchHeader, Refusal> {
    let invalid = |message: String| Refusal::new(ResponseError::InvalidRecord, message);
    let header = BatchHeader::parse(records).ok_or(ResponseError::CorruptMessage)?;
    if header.base_offset != 0 {
        return Err(invalid(format!("the base offset should be 0, not {}", header.base_offset)));
    }
    if header.size > config.max_message_bytes {
        return Err(Refusal::new(
            ResponseError::MessageTooLarge,
            format!("the batch has {} bytes, of {} at most", header.size, config.max_message_bytes),
        ));
    }
    if !header.crc_matches(records) || header.codec() > HIGHEST_CODEC {
        return Err(ResponseError::CorruptMessage.into());
    }
    let from_offsets = i64::from(header.last_offset_delta) + 1;
    if header.record_count <= 0 || from_offsets != i64::from(header.record_count) {
        return Err(invalid(format!(
            "{} records don't fit a last offset delta of {}",
            header.record_count, header.last_offset_delta
        )));
    }
    if header.is_control() {
        return Err(invalid("clients may not write control records".to_owned()));
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return Err(invalid(format!("invalid sequence {}", header.base_sequence)));
    }
    check_records(records, config, now)?;
    Ok(header)
}

/// That the records can be read, and `message.timestamp.after.max.ms` for each.
fn check_records(batch: &[u8], config: &ClusterConfig, now: Duration) -> Result<(), Refusal> {
    let latest = i64::try_from((now + config.max_timestamp_ahead).as_millis()).unwrap_or(i64::MAX);
    let mut ahead = Vec::new();
    let readable = records::visit(batch, |record| {
        if record.timestamp > latest {
            let message = format!("timestamp {} is later than {latest}", record.timestamp);
            ahead.push((record.offset_delta as i32, Some(message)));
        }
    });
    if let Err(error) = readable {
        return Err(Refusal::new(ResponseError::InvalidRecord, error.to_string()));
    }
    if ahead.is_empty() {
        return Ok(());
    }
    Err(Refusal {
        error: ResponseError::InvalidTimestamp,
        message: Some("timestamps of some records are too far ahead".to_owned()),
        records: ahead,
    })
}
