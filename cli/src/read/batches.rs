//! What fetched bytes hold: whole batches, perhaps half a one at the end.

use ottla_core::records::RecordView;
use ottla_core::records::reader::{RecordBatchError, RecordBatchView};

use super::topic::Fetched;
use crate::failure::Failure;

/// A batch may not decompress to more.
const BATCH_MAX: usize = 256 * 1024 * 1024;

/// A stored record and where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) record: RecordView<'a>,
}

/// Who looks at what is stored.
pub(crate) trait Reader {
    /// A batch that takes `bytes` in the log.
    fn batch(&mut self, partition: i32, bytes: usize);
    /// The records of that batch, in order.
    fn record(&mut self, record: &Stored<'_>) -> Result<(), Failure>;
}

/// Shows `reader` the batches of `fetched` from `first` on, and returns the offset after the last
/// one.
///
/// The first batch may begin before `first`, and the last may be cut off: that is how brokers send.
pub(crate) fn read(
    partition: i32,
    first: i64,
    fetched: &mut Fetched,
    reader: &mut impl Reader,
) -> Result<Option<i64>, Failure> {
    let mut bytes = &*fetched.records;
    let mut next = None;
    let mut scratch = Vec::new();
    loop {
        let batch = match RecordBatchView::parse(bytes) {
            Ok(batch) => batch,
            Err(RecordBatchError::Truncated { .. }) => return Ok(next),
            Err(error) => return Err(corrupt(partition, &error)),
        };
        bytes = &bytes[batch.bytes().len()..];
        let header = batch.header();
        next = Some(header.base_offset.saturating_add(i64::from(header.last_offset_delta) + 1));
        if fetched.aborted.hides(header) || header.attributes.is_control() {
            continue;
        }
        reader.batch(partition, batch.bytes().len());
        let records =
            batch.records(&mut scratch, BATCH_MAX).map_err(|error| corrupt(partition, &error))?;
        for record in records {
            let record = record.map_err(|error| corrupt(partition, &error))?;
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            if offset >= first {
                reader.record(&Stored { partition, offset, record })?;
            }
        }
    }
}

fn corrupt(partition: i32, error: &RecordBatchError) -> Failure {
    Failure::new(format!("partition {partition}: {error}"))
}
