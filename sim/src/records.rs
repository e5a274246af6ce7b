//! The records inside a batch, decompressed.

use std::fmt;

use bytes::Bytes;
use ottla_core::Codec;
use ottla_core::records::reader::{RecordBatchError, RecordBatchView, RecordView};

/// Bytes that the records of one batch may have uncompressed.
const MAX_RECORD_BYTES: usize = 256 << 20;

/// A record as it stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The key; `None` where it is null.
    pub key: Option<Bytes>,
    /// The value; `None` where it is null.
    pub value: Option<Bytes>,
    /// Names and values in order; names may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// How the batch was compressed that holds it.
    pub codec: Codec,
}

/// Why a batch's records can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// The batch is damaged: its header, checksum, compression or a record's layout.
    Damaged(RecordBatchError),
    /// A record's offset isn't the one after the record before it.
    OffsetGap {
        /// The record's index in the batch.
        index: u32,
    },
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(error) => error.fmt(f),
            Self::OffsetGap { index } => {
                write!(f, "record {index} doesn't have the offset after its predecessor's")
            }
        }
    }
}

impl std::error::Error for BatchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Damaged(error) => Some(error),
            Self::OffsetGap { .. } => None,
        }
    }
}

impl From<RecordBatchError> for BatchError {
    fn from(error: RecordBatchError) -> Self {
        Self::Damaged(error)
    }
}

/// The records of a batch, copied.
///
/// # Errors
/// [`BatchError`]: the first thing that is wrong with the batch.
pub fn read(batch: &[u8]) -> Result<Vec<StoredRecord>, BatchError> {
    let mut records = Vec::new();
    let view = RecordBatchView::parse(batch)?;
    let (base_offset, codec) = (view.header().base_offset, view.codec());
    visit(batch, |record| records.push(stored(record, base_offset, codec)))?;
    Ok(records)
}

/// Shows each record of a batch to `visitor`, until something is wrong.
///
/// # Errors
/// [`BatchError`]: the first thing that is wrong with the batch.
pub(crate) fn visit(
    batch: &[u8],
    mut visitor: impl FnMut(&RecordView<'_>),
) -> Result<(), BatchError> {
    let mut decompressed = Vec::new();
    let view = RecordBatchView::parse(batch)?;
    for (index, record) in (0..).zip(view.records(&mut decompressed, MAX_RECORD_BYTES)?) {
        let record = record?;
        if record.offset_delta != index {
            return Err(BatchError::OffsetGap { index });
        }
        visitor(&record);
    }
    Ok(())
}

fn stored(record: &RecordView<'_>, base_offset: i64, codec: Codec) -> StoredRecord {
    let headers =
        record.headers.map(|it| (it.key.to_owned(), it.value.map(Bytes::copy_from_slice)));
    StoredRecord {
        offset: base_offset.saturating_add(i64::from(record.offset_delta)),
        timestamp: record.timestamp,
        key: record.key.map(Bytes::copy_from_slice),
        value: record.value.map(Bytes::copy_from_slice),
        headers: headers.collect(),
        codec,
    }
}
